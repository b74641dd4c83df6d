// Package storetest is the contract of package store as a test suite. Every engine runs it: Run calls one subtest for each promise,
// and more for what a Place can break. It starts goroutines only while a subtest runs.
package storetest

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"posthoorn/internal/store"
)

// patience is how long a test waits for what must come.
const patience = 3 * time.Minute

// Place is where a store keeps its data, new and empty for each subtest. Functions that are nil say that there is no such thing.
type Place struct {
	Address  string // of the store
	Password string // in that address
	Open     func(store.Address, store.Options) (*store.Store, error)
	Count    func(t *testing.T) int // things that the place has: files, rows, documents
	Large    int                    // bytes of a value that stands for large mail
	Odd      []string               // keys beside those of the suite that must work too

	Down, Up         func(t *testing.T) // the place cannot be reached
	Freeze, Continue func(t *testing.T) // the place does not answer, and does not end connections
}

// Run runs the suite.
func Run(t *testing.T, place func(t *testing.T) Place) {
	for name, test := range map[string]func(*testing.T, Place){
		"RoundTrip": roundTrip, "Overwrite": overwrite, "Keys": keys, "NoKeys": noKeys, "Delete": remove, "Expiry": expiry,
		"Compression": compression, "TooLarge": tooLarge, "Large": large, "ManyCallers": manyCallers, "Contexts": contexts,
		"Instances": instances, "Closed": closed,
	} {
		t.Run(name, func(t *testing.T) { test(t, place(t)) })
	}
	p := place(t)
	if p.Down != nil {
		t.Run("Gone", func(t *testing.T) { gone(t, p) })
	}
	if p.Freeze != nil {
		t.Run("Silent", func(t *testing.T) { silent(t, p) })
	}
}

// open is a store with options of its address (name=value).
func (p Place) open(t *testing.T, options string, o store.Options) *store.Store {
	t.Helper()
	a, err := store.ParseAddress(p.Address + map[bool]string{true: "&", false: "?"}[strings.Contains(p.Address, "?")] + options)
	if err != nil {
		t.Fatal(err)
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	s, err := p.Open(a, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	p.keepsSecret(t, s.String())
	return s
}

// opened is a store with the options that most tests have.
func (p Place) opened(t *testing.T) *store.Store {
	t.Helper()
	return p.open(t, "", store.Options{Threads: 3})
}

func (p Place) keepsSecret(t *testing.T, text string) {
	t.Helper()
	if p.Password != "" && strings.Contains(text, p.Password) || strings.ContainsAny(text, "\r\n\t") {
		t.Errorf("not fit to be seen: %q", text)
	}
}

// failed wants an error that is temporary.
func (p Place) failed(t *testing.T, err error) {
	t.Helper()
	if err == nil {
		t.Fatal("no error")
	}
	p.keepsSecret(t, err.Error())
	if errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrTooLarge) {
		t.Errorf("%v is final", err)
	}
}

func later() time.Time { return time.Now().Add(time.Hour) }

func put(t *testing.T, s *store.Store, key, data string) {
	t.Helper()
	if err := s.Put(t.Context(), key, []byte(data), later()); err != nil {
		t.Fatalf("put %.40q: %v", key, err)
	}
}

func want(t *testing.T, s *store.Store, key, data string) {
	t.Helper()
	have, err := s.Get(t.Context(), key)
	if err != nil {
		t.Fatalf("get %.40q: %v", key, err)
	}
	if string(have) != data {
		t.Fatalf("get %.40q: %d bytes %.60q, want %d bytes %.60q", key, len(have), have, len(data), data)
	}
}

func wantNone(t *testing.T, s *store.Store, key string) {
	t.Helper()
	if data, err := s.Get(t.Context(), key); !errors.Is(err, store.ErrNotFound) {
		t.Fatalf("get %.40q: %.60q, %v", key, data, err)
	}
}

// soon tries until it works.
func soon(t *testing.T, try func(ctx context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for {
		err := try(ctx)
		if err == nil {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatal(err)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// noise is n bytes that cannot be compressed, the same ones every time.
func noise(n int) string {
	data := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{}).Read(data) // never fails
	return string(data)
}
