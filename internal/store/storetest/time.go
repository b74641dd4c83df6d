package storetest

import (
	"context"
	"errors"
	"testing"
	"time"

	"posthoorn/internal/store"
)

func expiry(t *testing.T, p Place) {
	s := p.opened(t)
	for _, key := range []string{store.NewKey(), "foreign", "../odd"} {
		if err := s.Put(t.Context(), key, []byte("x"), time.Now().Add(time.Second)); err != nil {
			t.Fatal(err)
		}
		put(t, s, "stays "+key, "y")
	}
	put(t, s, "again", "z")
	if err := s.Put(t.Context(), "again", []byte("z"), time.Now().Add(time.Second)); err != nil {
		t.Fatal(err)
	}
	removed := 0
	for deadline := time.Now().Add(patience); p.Count(t) > 3; time.Sleep(100 * time.Millisecond) {
		n, err := s.Sweep(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if removed += n; time.Now().After(deadline) {
			t.Fatalf("%d things are left", p.Count(t))
		}
	}
	if removed != 4 {
		t.Errorf("%d things were removed", removed)
	}
	wantNone(t, s, "foreign")
	want(t, s, "stays foreign", "y")
	wantNone(t, s, "again")

	if err := s.Put(t.Context(), "never", []byte("x"), time.Time{}); err == nil {
		t.Error("data that never expires was taken")
	}
}

func contexts(t *testing.T, p Place) {
	s := p.opened(t)
	put(t, s, "key", "x")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	everyCall(t, s, func(err error) {
		p.failed(t, err)
		if !errors.Is(err, context.Canceled) {
			t.Errorf("have %v", err)
		}
	}, ctx)
	want(t, s, "key", "x")
}

// everyCall does all that can be done with a store.
func everyCall(t *testing.T, s *store.Store, check func(error), ctx context.Context) {
	t.Helper()
	_, err := s.Get(ctx, "key")
	check(err)
	check(s.Put(ctx, "other", []byte("x"), later()))
	check(s.Delete(ctx, "other"))
}

// instances share a place.
func instances(t *testing.T, p Place) {
	one, two := p.opened(t), p.opened(t)
	put(t, one, "key", "x")
	want(t, two, "key", "x")
	put(t, two, "key", "y")
	want(t, one, "key", "y")
	if err := two.Delete(t.Context(), "key"); err != nil {
		t.Fatal(err)
	}
	wantNone(t, one, "key")
}

func closed(t *testing.T, p Place) {
	s := p.opened(t)
	put(t, s, "key", "x")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	everyCall(t, s, func(err error) { p.failed(t, err) }, t.Context())
}

// gone: while the place is not there every call fails soon, and never says that there is no data; afterwards all is as before.
func gone(t *testing.T, p Place) {
	s := p.opened(t)
	put(t, s, "key", "x")
	for range 2 {
		p.Down(t)
		soon(t, func(ctx context.Context) error { // what is killed may answer for a moment
			ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
			defer cancel()
			if _, err := s.Get(ctx, "key"); err != nil {
				return nil
			}
			return errors.New("the place still answers")
		})
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		everyCall(t, s, func(err error) { p.failed(t, err) }, ctx)
		if _, err := s.Sweep(ctx); err != nil {
			p.keepsSecret(t, err.Error())
		} else {
			t.Error("a sweep without a place")
		}
		cancel()
		p.Up(t)
		soon(t, func(ctx context.Context) error {
			data, err := s.Get(ctx, "key")
			if errors.Is(err, store.ErrNotFound) {
				t.Fatal(err)
			}
			if err == nil && string(data) != "x" {
				t.Fatalf("have %q", data)
			}
			return err
		})
		soon(t, func(ctx context.Context) error { return s.Put(ctx, "key", []byte("x"), later()) })
	}
}

// silent: a call ends with its context, also one that waits for a slot.
func silent(t *testing.T, p Place) {
	s := p.opened(t)
	put(t, s, "key", "x")
	p.Freeze(t)
	func() {
		defer p.Continue(t)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		failures := make(chan error)
		const callers = 10
		for range callers {
			go func() {
				_, err := s.Get(ctx, "key")
				failures <- err
			}()
		}
		for range callers {
			err := <-failures
			p.failed(t, err)
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("have %v", err)
			}
		}
	}()
	soon(t, func(ctx context.Context) error { _, err := s.Get(ctx, "key"); return err })
	want(t, s, "key", "x")
}
