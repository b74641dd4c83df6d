package dns

import (
	"context"
	"sync"
)

// calls makes sure that one question is on its way once. A call belongs to all who wait for it: it goes on when the
// first of them leaves and is cancelled when the last does.
type calls struct {
	mu      sync.Mutex
	running map[key]*call
}

type call struct {
	waiting int
	cancel  context.CancelFunc
	done    chan struct{}
	answer  answer
	err     error
}

func (c *calls) do(ctx context.Context, k key, ask func(context.Context) (answer, error)) (answer, error) {
	it := c.join(ctx, k, ask)
	defer c.leave(k, it)
	select {
	case <-it.done:
		return it.answer, it.err
	case <-ctx.Done():
		return answer{}, temporary(k.name, context.Cause(ctx))
	}
}

func (c *calls) join(ctx context.Context, k key, ask func(context.Context) (answer, error)) *call {
	c.mu.Lock()
	defer c.mu.Unlock()
	if it := c.running[k]; it != nil {
		it.waiting++
		return it
	}
	own, cancel := context.WithCancel(context.WithoutCancel(ctx))
	it := &call{waiting: 1, cancel: cancel, done: make(chan struct{})}
	c.running[k] = it
	go func() {
		it.answer, it.err = ask(own)
		c.forget(k, it)
		cancel()
		close(it.done)
	}()
	return it
}

func (c *calls) leave(k key, it *call) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if it.waiting--; it.waiting > 0 {
		return
	}
	it.cancel()
	if c.running[k] == it { // who comes now must not join a call that has been cancelled
		delete(c.running, k)
	}
}

func (c *calls) forget(k key, it *call) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.running[k] == it {
		delete(c.running, k)
	}
}
