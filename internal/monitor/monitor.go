// Package monitor shows the SMTP traffic as it goes by, in both directions, to whoever watches (console.md section 3, SMTP
// monitor).
//
// Who speaks SMTP asks [Hub.Watched], which is one atomic load, and only then tells the [Hub] its lines. A [Viewer] has a filter, a
// budget of lines a second and a bounded queue: what is too much for it is dropped and counted, so watching never slows mail down.
// Content of messages and passwords are never told: that is the duty of those who tell.
//
// The package starts no goroutine and opens nothing. A Hub may be used by many goroutines.
package monitor

import (
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Direction of a session.
type Direction string

// The directions.
const (
	In  Direction = "in"  // a client has connected to us
	Out Direction = "out" // we have connected to a server
)

// Who says a line.
type Who string

// Those who speak.
const (
	Us   Who = "us"
	Them Who = "them"
	Note Who = "note" // nobody: the line tells what happened
)

// Session is what the lines of one connection have in common.
type Session struct {
	ID            uint64 // by Hub.NewSession
	Direction     Direction
	Local, Remote netip.AddrPort
	Domain        string // that mail goes out to, or that the connection was opened for; empty: none
}

// Line is one line of a dialogue, without its end.
type Line struct {
	Time    time.Time
	Session Session
	Who     Who
	Text    string
}

// Limits of what a viewer gets.
const (
	MaxViewers = 20
	MaxText    = 1000 // bytes of a line
	queued     = 2000 // lines that wait for a viewer
	perSecond  = 2000 // lines that are copied for a viewer
	maxMatched = 5000 // sessions that a viewer follows because of what was said in them
)

// Hub copies lines to viewers. The zero value can be used.
type Hub struct {
	sessions atomic.Uint64
	viewers  atomic.Pointer[[]*Viewer] // nil: none

	mu sync.Mutex // of changes to viewers
}

// NewSession gives a number to a connection. That of a nil hub is 0.
func (h *Hub) NewSession() uint64 {
	if h == nil {
		return 0
	}
	return h.sessions.Add(1)
}

// Watched says that somebody watches. A nil hub is never watched.
func (h *Hub) Watched() bool { return h != nil && h.viewers.Load() != nil }

// Say tells a line, to those who want it. Text is not kept.
func (h *Hub) Say(s *Session, who Who, text []byte) {
	if !h.Watched() {
		return
	}
	viewers := h.viewers.Load()
	if viewers == nil {
		return
	}
	now := time.Now()
	for _, v := range *viewers {
		v.offer(now, s, who, text)
	}
}

// Watch begins to copy what passes a filter. False: there are too many viewers.
func (h *Hub) Watch(f Filter) (*Viewer, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	var list []*Viewer
	if old := h.viewers.Load(); old != nil {
		list = *old
	}
	if len(list) >= MaxViewers {
		return nil, false
	}
	v := &Viewer{hub: h, filter: f.normal(), lines: make(chan Line, queued), matched: map[uint64]bool{}}
	list = append(slices.Clone(list), v)
	h.viewers.Store(&list)
	return v, true
}

func (h *Hub) leave(v *Viewer) {
	h.mu.Lock()
	defer h.mu.Unlock()
	old := h.viewers.Load()
	if old == nil {
		return
	}
	list := slices.DeleteFunc(slices.Clone(*old), func(o *Viewer) bool { return o == v })
	if len(list) == 0 {
		h.viewers.Store(nil)
		return
	}
	h.viewers.Store(&list)
}

// clean makes text one that can be shown: valid, of bounded length.
func clean(text []byte) string {
	more := ""
	if len(text) > MaxText {
		text, more = text[:MaxText], "…"
	}
	return strings.ToValidUTF8(string(text), "\uFFFD") + more
}
