package fetch

import (
	"context"
	"sync"
)

// gate bounds the downloads at the same time: first those of one host, then all. A slow host fills its own places only.
type gate struct {
	places  chan struct{}
	perHost int

	mu    sync.Mutex
	hosts map[string]*host
}

// host has the places of one host, and the number of those who have one or wait for one.
type host struct {
	places chan struct{}
	users  int
}

func newGate(total, perHost int) *gate {
	return &gate{places: make(chan struct{}, total), perHost: perHost, hosts: map[string]*host{}}
}

// enter waits for a place; leave is to be called once if there is no error.
func (g *gate) enter(ctx context.Context, name string) (leave func(), err error) {
	h := g.of(name)
	if err := place(ctx, h.places); err != nil {
		g.forget(name, h)
		return nil, err
	}
	if err := place(ctx, g.places); err != nil {
		<-h.places
		g.forget(name, h)
		return nil, err
	}
	return func() {
		<-g.places
		<-h.places
		g.forget(name, h)
	}, nil
}

func place(ctx context.Context, places chan struct{}) error {
	select {
	case places <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (g *gate) of(name string) *host {
	g.mu.Lock()
	defer g.mu.Unlock()
	h := g.hosts[name]
	if h == nil {
		h = &host{places: make(chan struct{}, g.perHost)}
		g.hosts[name] = h
	}
	h.users++
	return h
}

func (g *gate) forget(name string, h *host) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if h.users--; h.users == 0 {
		delete(g.hosts, name)
	}
}
