package outbox

import (
	"context"
	"sync"
)

// clerk does for the loop what may wait: writing results and settling. Its list is bounded by what is in hand.
type clerk struct {
	mu   sync.Mutex
	todo []func()
	wake chan struct{}
}

func newClerk() *clerk { return &clerk{wake: make(chan struct{}, 1)} }

func (c *clerk) do(f func()) {
	c.mu.Lock()
	c.todo = append(c.todo, f)
	c.mu.Unlock()
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// wait returns when all is done that there is to do.
func (c *clerk) wait() {
	done := make(chan struct{})
	c.do(func() { close(done) })
	<-done
}

// run works until ctx ends and nothing is left.
func (c *clerk) run(ctx context.Context) {
	for {
		c.mu.Lock()
		list := c.todo
		c.todo = nil
		c.mu.Unlock()
		for _, f := range list {
			f()
		}
		if len(list) > 0 {
			continue
		}
		select {
		case <-c.wake:
		case <-ctx.Done():
			return
		}
	}
}
