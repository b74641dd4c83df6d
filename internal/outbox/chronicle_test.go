package outbox

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"time"

	"posthoorn/internal/mail"
	"posthoorn/internal/settle"
)

// chronicle is what happened to each message of a stress test, so that one whose account is off can be explained.
type chronicle struct {
	began time.Time
	mu    sync.Mutex
	lines map[string]*strings.Builder // by the message's name; "": what concerns all
}

func newChronicle() *chronicle {
	return &chronicle{began: time.Now(), lines: map[string]*strings.Builder{}}
}

func (c *chronicle) note(name, format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.lines[name] == nil {
		c.lines[name] = new(strings.Builder)
	}
	fmt.Fprintf(c.lines[name], "\n   %7.3f ", time.Since(c.began).Seconds())
	fmt.Fprintf(c.lines[name], format, args...)
}

// of is all that is known of a message, and when the engine was another one.
func (c *chronicle) of(name string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	text := ""
	for _, of := range []string{name, ""} {
		if c.lines[of] != nil {
			text += c.lines[of].String()
		}
	}
	return text
}

// observe is for Options.Observe.
func (c *chronicle) observe(m *mail.Message, r *mail.Result, final bool) {
	c.note(m.Envelope.Local, "attempt %d: %s %s %d %s, final: %v, from %s to %s", r.Attempt, r.State, r.Kind, r.Code, r.Description, final, r.From, r.To)
}

// noting writes down what is settled, and how that ends.
type noting struct {
	Settler
	c *chronicle
}

func (n noting) Settle(w settle.Work) {
	name, what := "", fmt.Sprintf("of %d or ticket %v", w.Origin.Waiting, w.Origin.Ticket)
	for _, p := range w.Publish {
		name, what = nameOf(p.Body, name), what+" "+p.Queue
	}
	if w.Wait != nil {
		name, what = nameOf(w.Wait.Body, name), what+fmt.Sprintf(" and waits at %v", w.Wait.Place)
	}
	n.c.note(name, "to settle: %s, replay: %v", what, w.Replay)
	hear := w.Settled
	w.Settled = func(err error) {
		n.c.note(name, "settled: %s: %v", what, err)
		hear(err)
	}
	n.Settler.Settle(w)
}

// nameOf finds out which message this is; a notification belongs to another one.
func nameOf(body []byte, known string) string {
	var o struct{ Envelope string }
	if known == "" && json.Unmarshal(body, &o) == nil {
		known, _, _ = strings.Cut(o.Envelope, "@")
	}
	return known
}
