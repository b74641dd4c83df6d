package app

import (
	"context"
	"strconv"
	"strings"
	"time"
)

// health is what the daemon knows of itself, for those who watch over it.
type health struct{ *Daemon }

// turnTime is how long the loop may take to come round. It waits for nothing: a second would be much already.
const turnTime = 5 * time.Second

// Alive is an error when only a new start helps.
func (h health) Alive(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, turnTime)
	defer cancel()
	select {
	case <-h.Failed():
		return errQueueFailed
	default:
	}
	if h.engine.Turns(ctx) != nil {
		return errLoopStands
	}
	return nil
}

// Warnings says what goes on, but not as it should.
func (h health) Warnings(ctx context.Context) (list []string) {
	if h.settings.Outdated() {
		list = append(list, "settings: the database cannot be read; those that were read last are in force")
	}
	if n := h.pausesInMemory(); n > 0 {
		list = append(list, "settings: pauses that are held in memory alone, and end with the program: "+strconv.Itoa(n))
	}
	if names, err := h.engine.Unreachable(ctx, manyMessages); err == nil && len(names) > 0 {
		list = append(list, unreachable(names))
	}
	return list
}

func (h health) pausesInMemory() (n int) {
	for _, p := range h.settings.Current().Pauses() {
		if p.Memory {
			n++
		}
	}
	return n
}

// manyMessages for a destination that cannot be reached are worth a word; of the few that go to dead domains there is always some.
const manyMessages = 20

// unreachable names some of the destinations that cannot be reached.
func unreachable(names []string) string {
	const most = 5
	text := "cannot be reached now: " + strings.Join(names[:min(len(names), most)], ", ")
	if more := len(names) - most; more > 0 {
		text += " and " + strconv.Itoa(more) + " more"
	}
	return text
}

// Ready says what keeps mail from coming in or going out.
func (h health) Ready(ctx context.Context) (wrong []string) {
	if err := h.Alive(ctx); err != nil {
		wrong = append(wrong, err.Error())
	}
	if reason, blocked := h.broker.Blocked(); blocked {
		wrong = append(wrong, "broker: "+reason)
	}
	if err := h.space.Room(); err != nil {
		wrong = append(wrong, "disk: "+err.Error())
	}
	if !h.settings.Loaded() {
		wrong = append(wrong, "settings: the database has not been read yet")
	}
	return wrong
}
