package journal

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"os"
	"slices"
	"sync"
	"time"
)

// A compressed file of somebody else can only be read from its beginning, which may take longer than one search has. What has been
// done is kept for the search that goes on.
const (
	mostScans = 4
	scanLife  = 2 * time.Minute // without a search that goes on
)

// scanKey is what a scan looks for: the query, without its cursor, in the lines of a volume that end before a place.
type scanKey struct {
	query  Query
	volume int
	end    int64
}

// scan goes through a compressed file up to a place and keeps the last of its lines that are wanted.
type scan struct {
	key    scanKey
	file   *os.File
	lines  *bufio.Reader
	match  *matcher
	pos    int64 // in the text
	ended  bool
	hits   []hit
	size   int  // of their lines, bytes
	more   bool // there were others before them
	old    bool // some lines are older than anything wanted
	oldest time.Time
	expiry *time.Timer
}

type hit struct {
	line   Line
	offset int64
}

// newScan is nil if the file is none, or broken: the others can be read.
func newScan(key scanKey, path string, binary bool) *scan {
	f, err := os.Open(path)
	if err != nil {
		return nil
	}
	unpacked, err := gzip.NewReader(bufio.NewReaderSize(f, chunk))
	if err != nil {
		f.Close()
		return nil
	}
	return &scan{key: key, file: f, lines: bufio.NewReaderSize(unpacked, chunk), match: newMatcher(&key.query, binary)}
}

// step looks at one line and says how long it is.
func (c *scan) step() (n int64) {
	line, n, err := readLine(c.lines)
	if n > 0 {
		l, verdict := c.match.line(line)
		c.oldest = older(c.oldest, l.Time)
		c.old = c.old || verdict == tooOld
		if verdict == wanted {
			c.hits, c.size = append(c.hits, hit{l, c.pos}), c.size+l.size()
		}
		c.trim(c.key.query.Limit, 0)
	}
	c.pos += n
	c.ended = err != nil || c.pos >= c.key.end
	return n
}

// trim keeps the last hits, no more than there is room for on a page that has so many bytes already.
func (c *scan) trim(room, taken int) {
	for len(c.hits) > room || len(c.hits) > 1 && taken+c.size-c.hits[0].line.size() >= maxPage {
		c.size -= c.hits[0].line.size()
		c.hits[0] = hit{} // its text is not kept
		c.hits, c.more = c.hits[1:], true
	}
}

func (c *scan) close() { c.file.Close() }

// scans are those that wait for the search that goes on.
type scans struct {
	mu   sync.Mutex
	list []*scan
}

// take is the scan with that key, if it is still there.
func (s *scans) take(key scanKey) *scan {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.IndexFunc(s.list, func(c *scan) bool { return c.key == key })
	if i < 0 {
		return nil
	}
	c := s.list[i]
	s.list = slices.Delete(s.list, i, i+1)
	c.expiry.Stop()
	return c
}

// keep makes room for a scan where there are too many.
func (s *scans) keep(c *scan) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c.expiry = time.AfterFunc(scanLife, func() { s.drop(c) })
	s.list = append(s.list, c)
	if len(s.list) > mostScans {
		s.list[0].expiry.Stop()
		s.list[0].close()
		s.list = slices.Delete(s.list, 0, 1)
	}
}

func (s *scans) drop(c *scan) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if i := slices.Index(s.list, c); i >= 0 {
		s.list = slices.Delete(s.list, i, i+1)
		c.close()
	}
}

// forward looks at the lines of a compressed file that end before a place, for as long as there is time.
func (s *searcher) forward(v volume, path string, end int64) (rest int64, err error) {
	key := scanKey{s.query, v.number, end}
	c := s.held.take(key)
	if c == nil {
		c = newScan(key, path, s.match.binary)
	}
	if c == nil {
		return 0, nil
	}
	for !c.ended {
		if s.ctx.Err() != nil {
			s.held.keep(c)
			s.unpacked = c.pos
			return end, nil
		}
		n := c.step()
		s.page.Scanned += n
		s.worksOn(n)
	}
	c.close()
	s.page.Oldest = older(s.page.Oldest, c.oldest)
	c.trim(s.limit-len(s.page.Lines), s.size)
	for _, h := range slices.Backward(c.hits) {
		s.add(h.line)
	}
	if c.more {
		return c.hits[0].offset, nil
	}
	s.over = c.old
	return 0, nil
}

// readLine reads a line and says how long it is with its end. What is too long for a line comes back empty.
func readLine(r *bufio.Reader) (line []byte, n int64, err error) {
	for {
		part, err := r.ReadSlice('\n')
		n += int64(len(part))
		if n <= longLine {
			line = append(line, part...)
		}
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		if n > longLine {
			line = nil
		}
		return bytes.TrimRight(line, "\r\n"), n, err
	}
}
