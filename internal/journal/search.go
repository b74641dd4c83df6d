package journal

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"runtime"
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

// Page is what a search found, newest first. A search that would take longer than searchTime is told in parts: a part may have no
// lines at all, and the next one goes on with its cursor.
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

// Limits of one search.
const (
	searchTime = 10 * time.Second
	maxPage    = 8 << 20 // bytes of lines that are found
)

// Search looks for lines of the send or the received log, old and compressed files included: in the binary log if there is one, else
// in the text.
func (j *Journal) Search(ctx context.Context, log string, q Query) (Page, error) {
	k := map[string]*kind{"send": &j.send, "received": &j.received}[log]
	if k == nil {
		return Page{}, fmt.Errorf("there is no log %q", log)
	}
	ctx, cancel := context.WithTimeout(ctx, searchTime)
	defer cancel()
	switch {
	case k.binary != nil:
		return search(ctx, k.paths.binary, true, q, &k.scans)
	case k.text != nil:
		return search(ctx, k.paths.text, false, q, &k.scans)
	}
	return Page{}, ErrOff
}

// searcher goes through the files of a log, from the newest to the oldest.
type searcher struct {
	ctx      context.Context
	query    Query // without its cursor
	match    *matcher
	held     *scans
	limit    int
	page     Page
	size     int   // of the lines of the page, bytes
	over     bool  // all that is wanted is older than anything else
	unpacked int64 // of a file that is read from its beginning, when there was no time for the rest
	worked   int64 // bytes since it made way for others
}

// turn is how much is looked at, in bytes, before whatever else can go on is let go on: half a millisecond. Nobody would stop a
// search before ten are over, and a delivery waits for the other side many times.
const turn = 128 << 10

// worksOn counts bytes, and makes way for deliveries.
func (s *searcher) worksOn(n int64) {
	if s.worked += n; s.worked >= turn {
		s.worked = 0
		runtime.Gosched()
	}
}

func search(ctx context.Context, path string, binary bool, q Query, held *scans) (Page, error) {
	at, err := parseCursor(q.Cursor)
	if err != nil {
		return Page{}, err
	}
	if q.Limit <= 0 {
		q.Limit = 100
	}
	q.Cursor, q.From, q.Until = "", q.From.UTC(), q.Until.UTC()
	s := &searcher{ctx: ctx, query: q, match: newMatcher(&q, binary), held: held, limit: q.Limit}
	volumes, err := volumesOf(path)
	if err != nil {
		return Page{}, err
	}
	for _, v := range volumes {
		if at.volume > 0 && v.number > at.volume {
			continue
		}
		rest := int64(math.MaxInt64)
		if v.number == at.volume {
			rest = at.offset
		}
		if !s.full() {
			if rest, err = s.look(v, rest); err != nil {
				return Page{}, err
			}
		}
		if s.over {
			break
		}
		if rest > 0 {
			s.page.Cursor = cursor{v.number, rest, s.unpacked}.String()
			s.page.Complete = s.filled()
			return s.page, nil
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
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil || s.match.newer(firstLine(f, v.packed)) {
		return 0, err
	}
	if !v.packed {
		return s.backward(f, min(end, size))
	}
	if list := membersOf(f, size); len(list) > 0 {
		return s.byMembers(f, list, end)
	}
	return s.forward(v, f.Name(), end)
}

// firstLine is the beginning of the first line of a file.
func firstLine(f *os.File, packed bool) []byte {
	var text io.Reader = io.NewSectionReader(f, 0, math.MaxInt64)
	if packed {
		unpacked, err := gzip.NewReader(text)
		if err != nil {
			return nil
		}
		text = unpacked
	}
	line := make([]byte, beginning)
	n, _ := io.ReadFull(text, line)
	return line[:n]
}

// full says that no more lines are to be looked at.
func (s *searcher) full() bool {
	return s.over || s.filled() || s.ctx.Err() != nil
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
	s.page.Oldest = older(s.page.Oldest, l.Time)
	switch verdict {
	case wanted:
		s.add(l)
	case tooOld:
		s.over = true
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

// cursor is a place in a volume, in bytes of what it is when it is not compressed. With unpacked, a search goes on that has read so much
// of the volume from its beginning; it is no place, but tells cursors apart.
type cursor struct {
	volume           int
	offset, unpacked int64
}

func (c cursor) String() string {
	text := strconv.Itoa(c.volume) + "-" + strconv.FormatInt(c.offset, 10)
	if c.unpacked > 0 {
		text += "-" + strconv.FormatInt(c.unpacked, 10)
	}
	return text
}

func parseCursor(text string) (c cursor, err error) {
	if text == "" {
		return c, nil
	}
	parts := append(strings.Split(text, "-"), "0")
	if len(parts) < 3 || len(parts) > 4 {
		return c, ErrCursor
	}
	var errs [3]error
	c.volume, errs[0] = strconv.Atoi(parts[0])
	c.offset, errs[1] = strconv.ParseInt(parts[1], 10, 64)
	c.unpacked, errs[2] = strconv.ParseInt(parts[2], 10, 64)
	if errors.Join(errs[:]...) != nil || c.volume < 1 || c.offset < 1 || c.unpacked < 0 {
		return c, ErrCursor
	}
	return c, nil
}
