package amqp

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"

	"posthoorn/internal/broker"
)

func TestGate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &gate{limit: 2}
		ctx, cancel := context.WithCancel(context.Background())
		for range 2 {
			if err := g.enter(ctx, 1); err != nil {
				t.Fatal(err)
			}
		}
		var order []int
		var mu sync.Mutex
		waitFor := func(n int) {
			go func() {
				if g.enter(context.Background(), n) == nil {
					mu.Lock()
					order = append(order, n)
					mu.Unlock()
				}
			}()
			synctest.Wait()
		}
		waitFor(3) // more than there will ever be room for
		waitFor(1)
		failed := make(chan error, 1)
		go func() { failed <- g.enter(ctx, 1) }()
		synctest.Wait()
		cancel()
		if err := <-failed; !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled wait: %v", err)
		}
		g.leave(1)
		synctest.Wait()
		if len(order) != 1 || order[0] != 3 || g.inside() != 4 {
			t.Errorf("entered %v, %d inside", order, g.inside())
		}
		g.leave(3)
		synctest.Wait()
		if len(order) != 2 {
			t.Errorf("entered %v", order)
		}
		g.force(1)
		go func() { failed <- g.enter(context.Background(), 1) }()
		synctest.Wait()
		g.shut()
		if err := <-failed; !errors.Is(err, broker.ErrClosed) {
			t.Errorf("wait at a gate that closes: %v", err)
		}
		if err := g.enter(context.Background(), 1); !errors.Is(err, broker.ErrClosed) {
			t.Errorf("closed gate: %v", err)
		}
	})
}
