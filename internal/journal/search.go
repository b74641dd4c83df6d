package journal

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"strconv"
	"strings"
	"time"
)

// Query says which lines of a log are wanted. Zero fields are all; all that are given must hold. Texts are compared without regard
// to case.
type Query struct {
	Recipient, Envelope string // parts of the addresses
	Domain              string // of the recipient
	Source, Remote      string // own address and that of the other side
	State, Result       string
	Code                int
	Tag                 string
	ID                  string // message-id
	Text                string // anywhere in the line
	From, Until         time.Time

	Limit  int    // lines of a page; 0: 100
	Cursor string // of the page before; empty: from the newest line on
}

// Page is what a search found, newest first.
type Page struct {
	Lines    []Line
	Cursor   string    // for the next page; empty: there is no more
	Scanned  int64     // bytes that were looked at
	Oldest   time.Time // of all lines that were looked at; zero: none had a time
	Complete bool      // the page ends because it is full, or all was looked at; else because looking on would take too long
}

// Line is a line of a log: JSON of the binary log, or else text.
type Line struct {
	Time time.Time // zero: none could be read
	JSON []byte
	Text string
}

// ErrOff says that a log is not written, so that nothing can be found in it.
var ErrOff = errors.New("this log is switched off")

// ErrCursor says that a cursor is none of ours.
var ErrCursor = errors.New("the cursor is not understood")

// Limits of one search, in bytes.
const (
	maxScan = 256 << 20 // that are looked at; a compressed file is looked at as a whole
	maxPage = 8 << 20   // of lines that are found
)

// Search looks for lines of the send or the received log, old and compressed files included: in the binary log if there is one, else
// in the text.
func (j *Journal) Search(ctx context.Context, log string, q Query) (Page, error) {
	k := map[string]*kind{"send": &j.send, "received": &j.received}[log]
	switch {
	case k == nil:
		return Page{}, fmt.Errorf("there is no log %q", log)
	case k.binary != nil:
		return search(ctx, k.paths.binary, true, q)
	case k.text != nil:
		return search(ctx, k.paths.text, false, q)
	}
	return Page{}, ErrOff
}

// searcher goes through the files of a log, from the newest to the oldest.
type searcher struct {
	ctx   context.Context
	match *matcher
	limit int
	page  Page
	size  int  // of the lines of the page, bytes
	over  bool // all that is wanted is older than anything else
}

func search(ctx context.Context, path string, binary bool, q Query) (Page, error) {
	if q.Limit <= 0 {
		q.Limit = 100
	}
	at, err := parseCursor(q.Cursor)
	if err != nil {
		return Page{}, err
	}
	s := &searcher{ctx: ctx, match: newMatcher(&q, binary), limit: q.Limit}
	volumes, err := volumesOf(path)
	if err != nil {
		return Page{}, err
	}
	for _, v := range volumes {
		if at.volume > 0 && v.number > at.volume {
			continue
		}
		end := int64(math.MaxInt64)
		if v.number == at.volume {
			end = at.offset
		}
		rest, err, before := end, error(nil), s.page.Scanned
		if !s.full() {
			rest, err = s.look(v, end)
		}
		switch {
		case err != nil && before > 0 && ctx.Err() != nil:
			rest = end // what the newer files had is told
		case err != nil:
			return Page{}, err
		}
		if rest > 0 && !s.over {
			s.page.Cursor = cursor{v.number, rest}.String()
			s.page.Complete = s.filled()
			return s.page, nil
		}
		if s.over {
			break
		}
	}
	s.page.Complete = true
	return s.page, nil
}

// look goes through one file, up to a place in it or its end, and says from where on it has not been looked at: 0 is all.
func (s *searcher) look(v volume, end int64) (rest int64, err error) {
	f, err := os.Open(v.path)
	if errors.Is(err, fs.ErrNotExist) { // it was compressed, or removed, a moment ago
		if f, err = os.Open(v.path + gzipped); err == nil {
			v.packed = true
		}
	}
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	defer f.Close()
	if v.packed {
		return s.forward(f, end)
	}
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return 0, err
	}
	return s.backward(f, min(end, size))
}

// full says that no more lines are to be looked at.
func (s *searcher) full() bool {
	return s.over || s.filled() || s.page.Scanned >= maxScan || s.ctx.Err() != nil
}

// filled says that the page takes no more lines.
func (s *searcher) filled() bool { return len(s.page.Lines) >= s.limit || s.size >= maxPage }

func (s *searcher) add(l Line) {
	s.page.Lines = append(s.page.Lines, l)
	s.size += l.size()
}

func (l *Line) size() int { return len(l.JSON) + len(l.Text) }

// take looks at a line.
func (s *searcher) take(line []byte) {
	l, verdict := s.match.line(line)
	s.seen(l.Time)
	switch verdict {
	case wanted:
		s.add(l)
	case tooOld:
		s.over = true
	}
}

func (s *searcher) seen(t time.Time) {
	if !t.IsZero() && (s.page.Oldest.IsZero() || t.Before(s.page.Oldest)) {
		s.page.Oldest = t
	}
}

// volume is a file of a log. Its number does not change when it is rotated or compressed.
type volume struct {
	path   string
	number int
	packed bool
}

// volumesOf are the files of a log, newest first.
func volumesOf(path string) ([]volume, error) {
	old, err := history(path)
	if err != nil {
		return nil, err
	}
	next := 1
	if len(old) > 0 {
		next = old[0].number + 1
	}
	list := []volume{{path, next, false}}
	for _, f := range old {
		if list[len(list)-1].number != f.number { // both forms: it is being compressed
			list = append(list, volume{f.path, f.number, f.packed})
		}
	}
	return list, nil
}

// cursor is a place in a volume, in bytes of what it is when it is not compressed.
type cursor struct {
	volume int
	offset int64
}

func (c cursor) String() string {
	return strconv.Itoa(c.volume) + "-" + strconv.FormatInt(c.offset, 10)
}

func parseCursor(text string) (c cursor, err error) {
	if text == "" {
		return c, nil
	}
	volume, offset, _ := strings.Cut(text, "-")
	c.volume, err = strconv.Atoi(volume)
	if err == nil {
		c.offset, err = strconv.ParseInt(offset, 10, 64)
	}
	if err != nil || c.volume < 1 || c.offset < 1 {
		return c, ErrCursor
	}
	return c, nil
}
