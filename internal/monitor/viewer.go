package monitor

import (
	"bytes"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Filter says which lines somebody wants. Zero fields are all; all that is given must hold.
type Filter struct {
	Direction Direction
	IP        netip.Addr // local or remote
	// Domain is one that mail goes out to, or that the dialogue names behind an @; Address is a mail address that it names. From
	// that line on the rest of the session is told.
	Domain, Address string
}

func (f Filter) normal() Filter {
	f.IP = f.IP.Unmap()
	f.Domain, f.Address = strings.ToLower(f.Domain), strings.ToLower(f.Address)
	return f
}

// Viewer gets the lines that pass its filter.
type Viewer struct {
	hub     *Hub
	filter  Filter
	lines   chan Line
	dropped atomic.Uint64

	mu      sync.Mutex
	matched map[uint64]bool // sessions in which the domain or address was named
	second  int64
	budget  int // lines that may still be copied in that second
}

// Lines are those that were copied, in the order of each session. The channel is never closed.
func (v *Viewer) Lines() <-chan Line { return v.lines }

// Dropped is how many lines there were no room or time for, since the last call.
func (v *Viewer) Dropped() uint64 { return v.dropped.Swap(0) }

// Close ends the copying.
func (v *Viewer) Close() { v.hub.leave(v) }

func (v *Viewer) offer(now time.Time, s *Session, who Who, text []byte) {
	if !v.filter.session(s) || !v.follows(s, text) {
		return
	}
	if !v.afford(now) {
		v.dropped.Add(1)
		return
	}
	select {
	case v.lines <- Line{now, *s, who, clean(text)}:
	default:
		v.dropped.Add(1)
	}
}

// session says that a filter does not exclude a session from its beginning.
func (f *Filter) session(s *Session) bool {
	return (f.Direction == "" || f.Direction == s.Direction) &&
		(!f.IP.IsValid() || f.IP == s.Local.Addr().Unmap() || f.IP == s.Remote.Addr().Unmap())
}

// follows says that a session is about the domain and the address that are wanted.
func (v *Viewer) follows(s *Session, text []byte) bool {
	f := &v.filter
	domain := f.Domain == "" || s.Domain == f.Domain
	if domain && f.Address == "" {
		return true
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.matched[s.ID] {
		return true
	}
	if len(text) > MaxText || !bytes.ContainsRune(text, '@') {
		return false
	}
	lower := bytes.ToLower(text)
	if !domain && !names(lower, "@"+f.Domain) || f.Address != "" && !names(lower, f.Address) {
		return false
	}
	if len(v.matched) >= maxMatched {
		clear(v.matched)
	}
	v.matched[s.ID] = true
	return true
}

// names says that text has a name in it that goes no further, as example.com does in example.com.test.
func names(text []byte, name string) bool {
	for {
		i := bytes.Index(text, []byte(name))
		if i < 0 {
			return false
		}
		text = text[i+len(name):]
		if len(text) == 0 || !nameByte(text[0]) || text[0] == '.' && (len(text) == 1 || !nameByte(text[1])) {
			return true
		}
	}
}

func nameByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-' || c == '_' || c == '.' || c >= 0x80
}

// afford takes a line out of the budget of this second.
func (v *Viewer) afford(now time.Time) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	if second := now.Unix(); second != v.second {
		v.second, v.budget = second, perSecond
	}
	v.budget--
	return v.budget >= 0
}
