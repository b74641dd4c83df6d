package fetch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func TestLife(t *testing.T) {
	now := time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
	at := func(d time.Duration) string { return now.Add(d).Format(http.TimeFormat) }
	for _, c := range []struct {
		headers string // lines
		want    time.Duration
	}{
		{"", time.Hour},
		{"Cache-Control: max-age=60", time.Minute},
		{"Cache-Control: public, MAX-AGE=\"60\"", time.Minute},
		{"Cache-Control: max-age=99999", time.Hour},
		{"Cache-Control: max-age=60, s-maxage=30", 30 * time.Second},
		{"Cache-Control: s-maxage=30\nCache-Control: max-age=60", 30 * time.Second},
		{"Cache-Control: max-age=60\nAge: 20", 40 * time.Second},
		{"Cache-Control: max-age=60\nAge: 70", 0},
		{"Cache-Control: no-store", 0},
		{"Cache-Control: no-cache, max-age=60", 0},
		{"Cache-Control: private, max-age=60", 0},
		{"Cache-Control: max-age=nonsense", 0},
		{"Cache-Control: max-age=-5", 0},
		{"Cache-Control: max-age=99999999999999999999", 0},
		{"Cache-Control: max-age=60\nExpires: " + at(time.Second), time.Minute},
		{"Expires: " + at(time.Minute), time.Minute},
		{"Expires: " + at(time.Minute) + "\nDate: " + at(-time.Minute), 2 * time.Minute},
		{"Expires: " + at(-time.Minute), 0},
		{"Expires: 0", 0},
		{"Vary: *", 0},
	} {
		h := http.Header{}
		for line := range strings.SplitSeq(c.headers, "\n") {
			if name, value, ok := strings.Cut(line, ": "); ok {
				h.Add(name, value)
			}
		}
		if got := life(h, time.Hour, now); got != c.want {
			t.Errorf("%q: kept for %v, wanted %v", c.headers, got, c.want)
		}
	}
}

// watch is a clock that is set by hand.
type watch struct{ atomic.Int64 }

func (w *watch) now() time.Time { return time.Unix(1e9, w.Load()) }

func TestCache(t *testing.T) {
	requests := map[string]int{}
	var mu sync.Mutex
	s := serve(t, "127.0.0.2", func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		requests[r.URL.Path]++
		mu.Unlock()
		switch r.URL.Path {
		case "/never":
			w.Header().Set("Cache-Control", "no-store")
		case "/none":
			w.WriteHeader(http.StatusNotFound)
		case "/short":
			w.Header().Set("Cache-Control", "max-age=10")
		}
		_, _ = io.WriteString(w, "0123456789")
	})
	f := fetcher(t, Options{})
	var clock watch
	f.now = clock.now
	for i, c := range []struct {
		path     string
		limit    int64
		later    time.Duration
		requests int
		err      error
	}{
		{"/", 100, 0, 1, nil}, {"/", 50, time.Minute, 1, nil}, {"/", 9, 0, 1, ErrTooLarge}, {"/", 10, 0, 1, nil},
		{"/", 10, time.Hour, 2, nil},
		{"/never", 10, 0, 1, nil}, {"/never", 10, 0, 2, nil},
		{"/short", 10, 0, 1, nil}, {"/short", 10, 9 * time.Second, 1, nil}, {"/short", 10, time.Second, 2, nil},
		{"/none", 10, 0, 1, ErrRefused}, {"/none", 10, 59 * time.Second, 1, ErrRefused}, {"/none", 10, time.Second, 2, ErrRefused},
		{"/large", 5, 0, 1, ErrTooLarge}, {"/large", 4, 0, 1, ErrTooLarge}, {"/large", 10, 0, 2, nil},
		{"/large", 5, 0, 2, ErrTooLarge},
	} {
		clock.Add(int64(c.later))
		_, err := f.Get(t.Context(), s.URL+c.path, c.limit)
		mu.Lock()
		n := requests[c.path]
		mu.Unlock()
		if n != c.requests || !errors.Is(err, c.err) {
			t.Errorf("step %d, %s: %d requests, %v", i, c.path, n, err)
		}
	}
}

func TestCacheIsBounded(t *testing.T) {
	c := newCache(10_000)
	now := time.Unix(1, 0)
	for i := range 200 {
		k := key{fmt.Sprint(i), 1000}
		c.put(k, result{resource: Resource{Body: make([]byte, i*100%7000)}, expires: now.Add(time.Hour)}, now)
		c.get(key{"0", 1000}, now)
		var size int64
		for at := c.order.Front(); at != nil; at = at.Next() {
			size += at.Value.(*entry).size()
		}
		if size > 10_000 || size+c.room != 10_000 || c.order.Len() != len(c.byURL) {
			t.Fatalf("%d bytes in %d entries, room for %d more", size, c.order.Len(), c.room)
		}
	}
	if _, ok := c.get(key{"199", 1000}, now); !ok {
		t.Error("the last entry is not there")
	}
	c.put(key{"big", 1}, result{resource: Resource{Body: make([]byte, 20_000)}, expires: now.Add(time.Hour)}, now)
	if len(c.byURL) > 0 && c.room < 0 {
		t.Error("what is too large for the cache is in it")
	}
	if none := newCache(-1); true {
		none.put(key{"a", 1}, result{expires: now.Add(time.Hour)}, now)
		if _, ok := none.get(key{"a", 1}, now); ok {
			t.Error("a cache without room has something")
		}
	}
}

// shelf is a store in memory.
type shelf struct {
	mu   sync.Mutex
	data map[string][]byte
	err  error
}

func (s *shelf) Get(_ context.Context, key string) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if d, ok := s.data[key]; ok {
		return d, s.err
	}
	return nil, errors.New("not there")
}

func (s *shelf) Put(_ context.Context, key string, data []byte, _ time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.data[key] = data
	return s.err
}

func TestSecondCache(t *testing.T) {
	var requests atomic.Int64
	s := serve(t, "127.0.0.2", func(w http.ResponseWriter, r *http.Request) {
		requests.Add(1)
		if r.URL.Path == "/none" {
			w.WriteHeader(http.StatusNotFound)
		}
		w.Header().Set("Content-Type", "text/plain")
		_, _ = io.WriteString(w, "line\nline")
	})
	address := strings.Replace(s.URL, "http://", "http://user:password@", 1)
	store := &shelf{data: map[string][]byte{}}
	get := func(path string, limit int64) (Resource, error) {
		f := New(Options{Store: store, Whitelist: []Exception{{Prefix: prefixes("127.0.0.2/32")[0]}}})
		defer f.Close() // waits until it is stored
		return f.Get(t.Context(), address+path, limit)
	}
	first, err := get("/a.txt", 100)
	second, err2 := get("/a.txt", 50)
	if err != nil || err2 != nil || requests.Load() != 1 || fmt.Sprint(first) != fmt.Sprint(second) || string(second.Body) != "line\nline" || second.Name != "a.txt" {
		t.Errorf("%v, %v; %v, %v; %d requests", first, err, second, err2, requests.Load())
	}
	_, err = get("/a.txt", 5)
	want(t, err, ErrTooLarge)
	for key, data := range store.data {
		if strings.Contains(key+string(data), "password") {
			t.Errorf("the store has the password: %s %s", key, data)
		}
		store.data[key] = []byte("rubbish")
	}
	if _, err = get("/a.txt", 100); err != nil || requests.Load() != 2 {
		t.Errorf("with rubbish in the store: %v, %d requests", err, requests.Load())
	}
	_, err = get("/none", 100)
	want(t, err, ErrRefused)
	if len(store.data) != 1 {
		t.Errorf("the store has %d entries", len(store.data))
	}
	store.err = errors.New("away")
	if _, err = get("/a.txt", 100); err != nil || requests.Load() != 4 {
		t.Errorf("with a store that fails: %v, %d requests", err, requests.Load())
	}
}
