package storetest

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"posthoorn/internal/store"
)

func values() map[string]string {
	var all strings.Builder
	for i := range 256 {
		all.WriteByte(byte(i))
	}
	return map[string]string{
		"mime": "Subject: grüße\r\n\r\nhello\r\n", "json": `{"subject":"x"}`, "every byte": all.String(), "empty": "", "NUL": "\x00",
		"latin": "gr\xfc\xdfe", "looks like gzip": "\x1f\x8b\x08 but is not", "gzip": string(new(store.Codec).Compress([]byte("inside"))),
		"quotes": `'\'"` + "`" + `$1 ? \x00 %s {{x}}`, "blanks": "  \r\n", "word": "null", "long lines": strings.Repeat("x", 1<<20),
	}
}

func roundTrip(t *testing.T, p Place) {
	for _, options := range []string{"", "compression=gzip"} {
		s := p.open(t, options, store.Options{})
		for name, data := range values() {
			put(t, s, name+options, data)
			want(t, s, name+options, data)
		}
		for name, data := range values() {
			want(t, s, name+options, data)
		}
	}
}

func overwrite(t *testing.T, p Place) {
	s := p.opened(t)
	for _, data := range []string{"first", "the second, which is longer", "3", ""} {
		put(t, s, "key", data)
		want(t, s, "key", data)
	}
	if n := p.Count(t); n != 1 {
		t.Errorf("the place has %d things", n)
	}
}

// keys are hostile, or only odd. Each has data of its own.
func keys(t *testing.T, p Place) {
	s := p.opened(t)
	odd := append([]string{
		store.NewKey(), "a", "A", "a ", " a", "a.b", "../../etc/passwd", "..", ".", "/", "//", "/etc/passwd", "a/../b", "folder/b", "a//b", "b/", `..\..\x`, `C:\x`,
		"%2e%2e%2f", "%00", "%", "_", "*", "?", "#", "a?b=c", "a#b", "a&b", "a+b", "a=b", "a b", "'", `"`, "`", "$1", "${x}", "{", "$where", "a.$b", "-rf", "--", "~", "~a",
		"a\nb", "a\r\nX-Y: z", "\x01", "\x7f", "\t", "<a>&amp;", "con", "CON", "é", "e\u0301", "ключ", "𝄞", "\u202e", "\ufeff", "null",
		strings.Repeat("x", 255), strings.Repeat("€", 255), strings.Repeat("../", 85), strings.Repeat("ab", 32), "ph-", "ph-" + strings.Repeat("G", 32),
	}, p.Odd...)
	for _, key := range odd {
		wantNone(t, s, key)
		put(t, s, key, "data of "+key)
	}
	for _, key := range odd {
		want(t, s, key, "data of "+key)
	}
	if n := p.Count(t); n != len(odd) {
		t.Errorf("the place has %d things for %d keys", n, len(odd))
	}
	for _, key := range odd {
		if err := s.Delete(t.Context(), key); err != nil {
			t.Fatalf("delete %q: %v", key, err)
		}
		wantNone(t, s, key)
	}
	if n := p.Count(t); n != 0 {
		t.Errorf("the place has %d things after all were deleted", n)
	}
}

// noKeys are texts under which nothing can be.
func noKeys(t *testing.T, p Place) {
	s := p.opened(t)
	for _, key := range []string{"", "\x00", "a\x00b", "../../etc/passwd\x00.eml", strings.Repeat("x", 256), strings.Repeat("x", 300), strings.Repeat("€", 256), strings.Repeat("x", 1<<20), "\xff", "a\xc3"} {
		wantNone(t, s, key)
		if err := s.Put(t.Context(), key, []byte("x"), later()); err == nil {
			t.Errorf("%.40q was taken", key)
		} else if len(err.Error()) > 1000 {
			t.Errorf("the error has %d bytes", len(err.Error()))
		}
		if err := s.Delete(t.Context(), key); err != nil {
			t.Errorf("%.40q: %v", key, err)
		}
	}
}

func remove(t *testing.T, p Place) {
	s := p.opened(t)
	key, other := store.NewKey(), store.NewKey()
	put(t, s, key, "x")
	put(t, s, other, "y")
	for range 2 {
		if err := s.Delete(t.Context(), key); err != nil {
			t.Fatal(err)
		}
		wantNone(t, s, key)
	}
	want(t, s, other, "y")
	if n := p.Count(t); n != 1 {
		t.Errorf("the place has %d things", n)
	}
}

// compression is a matter of writing: every store reads both.
func compression(t *testing.T, p Place) {
	packed, loose := p.open(t, "compression=gzip", store.Options{}), p.opened(t)
	text := strings.Repeat("Subject: x\r\n", 1000)
	put(t, packed, "packed", text)
	put(t, loose, "loose", text)
	for _, s := range []*store.Store{packed, loose} {
		want(t, s, "packed", text)
		want(t, s, "loose", text)
	}
	put(t, loose, "packed", "now loose")
	want(t, packed, "packed", "now loose")
}

// tooLarge data is neither taken nor given, and what is compressed is not expanded without end.
func tooLarge(t *testing.T, p Place) {
	for _, options := range []string{"", "compression=gzip"} {
		wide, narrow := p.open(t, options, store.Options{}), p.open(t, options, store.Options{MaxSize: 1 << 20})
		bomb := strings.Repeat("0", 4<<20)
		if err := narrow.Put(t.Context(), "bomb", []byte(bomb), later()); !errors.Is(err, store.ErrTooLarge) {
			t.Errorf("put: %v", err)
		}
		put(t, wide, "bomb", bomb)
		if data, err := narrow.Get(t.Context(), "bomb"); !errors.Is(err, store.ErrTooLarge) || errors.Is(err, store.ErrNotFound) {
			t.Errorf("get: %d bytes, %v", len(data), err)
		}
		most := bomb[:1<<20]
		put(t, narrow, "most", most)
		want(t, narrow, "most", most)
		want(t, wide, "bomb", bomb)
	}
}

func large(t *testing.T, p Place) {
	s := p.opened(t)
	for n, data := range []string{noise(p.Large), noise(p.Large - 1), "small"} {
		put(t, s, "large", data)
		want(t, s, "large", data)
		if n == 1 {
			put(t, s, "other", data)
		}
	}
	for _, key := range []string{"large", "other"} {
		if err := s.Delete(t.Context(), key); err != nil {
			t.Fatal(err)
		}
		wantNone(t, s, key)
	}
	if n := p.Count(t); n != 0 {
		t.Errorf("the place has %d things after all were deleted", n)
	}
}

func manyCallers(t *testing.T, p Place) {
	s := p.opened(t)
	failures := make(chan error)
	for i := range 8 {
		go func() { failures <- caller(t, s, i) }()
	}
	for range 8 {
		if err := <-failures; err != nil {
			t.Error(err)
		}
	}
}

func caller(t *testing.T, s *store.Store, i int) error {
	for n := range 10 {
		key, data := fmt.Sprintf("caller %d/%d", i, n), strings.Repeat(fmt.Sprint(i), 1000+n)
		if err := s.Put(t.Context(), key, []byte(data), later()); err != nil {
			return err
		}
		if err := s.Put(t.Context(), "shared", []byte(strings.Repeat(fmt.Sprint(i), 5000)), later()); err != nil {
			return err
		}
		if have, err := s.Get(t.Context(), key); err != nil || string(have) != data {
			return fmt.Errorf("get: %d bytes of %d: %w", len(have), len(data), err)
		}
		shared, err := s.Get(t.Context(), "shared")
		if err != nil || string(shared) != strings.Repeat(string(shared[:1]), 5000) {
			return fmt.Errorf("shared: %d bytes that are not one writer's: %w", len(shared), err)
		}
		if err := s.Delete(t.Context(), key); err != nil {
			return err
		}
	}
	return nil
}
