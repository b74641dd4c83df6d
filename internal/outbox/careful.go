package outbox

import (
	"bytes"
	"context"
	"encoding/json"
	"sync"
	"time"

	"posthoorn/internal/localqueue"
	"posthoorn/internal/mail"
	"posthoorn/internal/settle"
)

// Records keeps a few values over restarts.
type Records interface {
	Meta(key string) ([]byte, bool)
	Do(ctx context.Context, b *localqueue.Batch) error
}

// careful protects against a message that kills the whole process, which no recover catches. After three unclean ends within ten
// minutes, mail that may have been in hand at the last one is handled one at a time and alone, each noted before; the one alone in
// hand at the next unclean end is the culprit and becomes a failure. Only then: kills by an operator must not fail innocent mail.
type careful struct {
	e *Engine

	mu       sync.Mutex
	on       bool
	culprit  []byte // identity of the message that was alone in hand
	busy     *item
	suspects []*item
	fresh    []*item
	quiet    *time.Timer // ends the care when no suspect comes any more
	until    time.Time   // ends it in any case: what waits may be very much
}

// Keys of what is kept, and bounds.
const (
	keyAlive   = "outbox/alive"   // there: this process runs, or ended uncleanly
	keyUnclean = "outbox/unclean" // JSON array of times
	keySuspect = "outbox/suspect" // identity of the one message in hand

	uncleanEnds = 3
	uncleanSpan = 10 * time.Minute
	carefulFor  = 30 * time.Second // without a suspect
	carefulMost = 5 * time.Minute  // in all
)

// begin looks at how the last life ended.
func (c *careful) begin(now time.Time) error {
	var ends []time.Time
	if text, ok := c.e.o.Records.Meta(keyUnclean); ok {
		_ = json.Unmarshal(text, &ends) // not readable: as if there were none
	}
	_, unclean := c.e.o.Records.Meta(keyAlive)
	kept := ends[:0]
	for _, t := range ends {
		if now.Sub(t) < uncleanSpan {
			kept = append(kept, t)
		}
	}
	if unclean {
		kept = append(kept, now)
	}
	c.on = len(kept) >= uncleanEnds
	if suspect, ok := c.e.o.Records.Meta(keySuspect); ok && unclean {
		c.culprit, c.on = bytes.Clone(suspect), true
	}
	if c.on {
		c.e.log.Warn("several unclean ends in a short time: mail that may be the cause is handled one at a time")
		c.until = now.Add(carefulMost)
		c.quiet = time.AfterFunc(carefulFor, c.end)
	}
	text, _ := json.Marshal(kept)
	b := new(localqueue.Batch)
	b.SetMeta(keyAlive, []byte{1})
	b.SetMeta(keyUnclean, text)
	b.SetMeta(keySuspect, nil)
	return c.e.o.Records.Do(context.Background(), b)
}

// finish notes a clean end.
func (c *careful) finish(ctx context.Context) {
	if c.quiet != nil {
		c.quiet.Stop()
	}
	b := new(localqueue.Batch)
	b.SetMeta(keyAlive, nil)
	b.SetMeta(keyUnclean, nil)
	b.SetMeta(keySuspect, nil)
	if err := c.e.o.Records.Do(ctx, b); err != nil {
		c.e.log.Warn("the clean end could not be noted", "error", err)
	}
}

// take says whether it keeps an item for later.
func (c *careful) take(it *item, suspect bool) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.on {
		return false
	}
	if c.e.ctx.Err() != nil { // giveUp does not see it any more
		c.e.clerk.do(func() { c.e.giveBack(it) })
		return true
	}
	if it.identity == (settle.Identity{}) {
		it.identity = identify(it.body)
	}
	if suspect {
		c.suspects = append(c.suspects, it)
		c.quiet.Reset(min(carefulFor, max(0, time.Until(c.until))))
	} else {
		c.fresh = append(c.fresh, it)
	}
	c.nextLocked()
	return true
}

// released hears that an item is over.
func (c *careful) released(it *item) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.busy == it {
		c.busy = nil
		c.nextLocked()
	}
}

// nextLocked hands out one suspect when none is out. Handling it is the clerk's: it waits for the disk.
func (c *careful) nextLocked() {
	if c.busy != nil || len(c.suspects) == 0 {
		return
	}
	it := c.suspects[0]
	c.suspects = c.suspects[1:]
	c.busy = it
	c.e.clerk.do(func() { c.handle(it) })
}

// handle notes the message before anything is done with it.
func (c *careful) handle(it *item) {
	if bytes.Equal(c.culprit, it.identity[:]) {
		c.e.log.Error("a message was alone in hand when the process ended uncleanly: it is set aside as a failure")
		it.m, _ = mail.Parse(it.body, c.e.o.Rules)
		c.e.refuse(it, &mail.Error{Code: 554, Status: "5.3.0", State: mail.StateUnknown, Kind: mail.Failed})
		return
	}
	b := new(localqueue.Batch)
	b.SetMeta(keySuspect, it.identity[:])
	if err := c.e.o.Records.Do(c.e.ctx, b); err != nil {
		c.e.log.Warn("a suspect could not be noted", "error", err)
	}
	c.e.guard(it, func() { c.e.pickup(it, nil) })
}

// end lets everything go on as usual.
func (c *careful) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.on || c.e.ctx.Err() != nil {
		return
	}
	if (c.busy != nil || len(c.suspects) > 0) && time.Now().Before(c.until) {
		c.quiet.Reset(carefulFor)
		return
	}
	c.on = false
	c.e.log.Info("no more suspects: mail is handled as usual again", "messages held meanwhile", len(c.fresh))
	fresh := append(c.suspects, c.fresh...)
	c.suspects, c.fresh = nil, nil
	c.e.clerk.do(func() {
		b := new(localqueue.Batch)
		b.SetMeta(keySuspect, nil)
		_ = c.e.o.Records.Do(c.e.ctx, b)
		for _, it := range fresh {
			c.e.guard(it, func() { c.e.pickup(it, nil) })
		}
	})
}

// giveUp returns what is held, when the engine stops.
func (c *careful) giveUp() {
	c.mu.Lock()
	held := append(c.suspects, c.fresh...)
	c.suspects, c.fresh = nil, nil
	c.mu.Unlock()
	for _, it := range held {
		c.e.giveBack(it)
	}
}
