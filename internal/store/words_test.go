package store

import (
	"bytes"
	"errors"
	"runtime"
	"strings"
	"testing"
)

func TestKeys(t *testing.T) {
	seen := map[string]bool{}
	for range 100 {
		key := NewKey()
		if !Own(key) || seen[key] || checkKey(key) != nil {
			t.Fatal(key)
		}
		seen[key] = true
	}
	own := "ph-0123456789abcdef0123456789abcdef"
	for key, want := range map[string]bool{
		own: true, own + "0": false, own[:34]: false, strings.ToUpper(own): false, "PH-" + own[3:]: false, "": false, "ph-": false,
		own + "\n": false, " " + own: false, strings.Replace(own, "a", "g", 1): false, "ph-../../../../../etc/passwd-----": false,
	} {
		if Own(key) != want {
			t.Errorf("%q: %v", key, !want)
		}
	}
}

func TestPolicies(t *testing.T) {
	for word, want := range map[string]string{"all": "true true", "in": "true false", "out": "false true", "none": "false false"} {
		p, err := ParsePolicy(word)
		if err != nil || p.String() != word {
			t.Errorf("%s: %v %v", word, p, err)
		}
		in, out, _ := strings.Cut(want, " ")
		if p.Incoming() != (in == "true") || p.Outgoing() != (out == "true") {
			t.Errorf("%s: incoming %v, outgoing %v", word, p.Incoming(), p.Outgoing())
		}
	}
	for _, word := range []string{"", "All", "both"} {
		if _, err := ParsePolicy(word); err == nil {
			t.Errorf("%q was taken", word)
		}
	}
}

func TestEncodings(t *testing.T) {
	for _, text := range []string{"", "x", strings.Repeat("text ", 1000)} {
		for _, compressed := range []bool{true, false} {
			codec := Codec{Gzip: compressed}
			stored, encoding := codec.Encode([]byte(text))
			if data, err := codec.Decode(stored, encoding, len(text)); err != nil || string(data) != text {
				t.Errorf("%.20q as %s: %.20q, %v", text, encoding, data, err)
			}
			if len(text) == 0 {
				continue
			}
			if _, err := codec.Decode(stored, encoding, len(text)-1); !errors.Is(err, ErrTooLarge) {
				t.Errorf("%.20q as %s: %v", text, encoding, err)
			}
		}
	}
	var codec Codec
	packed := codec.Compress([]byte("inside"))
	two := append(bytes.Clone(packed), packed...) // gzip may be several in a row
	if data, err := codec.Decode(two, "GZIP", 100); string(data) != "insideinside" || err != nil {
		t.Errorf("have %q, %v", data, err)
	}
	for name, c := range map[string]struct {
		stored   []byte
		encoding string
	}{"empty": {nil, Gzip}, "no gzip": {[]byte("text"), Gzip}, "cut": {packed[:len(packed)-1], Gzip}, "changed": {append(bytes.Clone(packed[:20]), "xxxx"...), Gzip}, "garbage behind": {append(bytes.Clone(packed), "xx"...), Gzip}, "unknown": {packed, "br\n"}} {
		if data, err := codec.Decode(c.stored, c.encoding, 100); err == nil || errors.Is(err, ErrTooLarge) || errors.Is(err, ErrNotFound) {
			t.Errorf("%s: %q, %v", name, data, err)
		}
	}
}

// A megabyte of zeros is a kilobyte: what is beyond the limit is never there.
func TestDecodeIsBounded(t *testing.T) {
	var codec Codec
	bomb := codec.Compress(make([]byte, 24<<20))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := codec.Decode(bomb, Gzip, 1<<20)
	runtime.ReadMemStats(&after)
	if allocated := after.TotalAlloc - before.TotalAlloc; !errors.Is(err, ErrTooLarge) || allocated > 8<<20 {
		t.Errorf("%v, and %d bytes were allocated", err, allocated)
	}
}

func BenchmarkCodec(b *testing.B) {
	codec := Codec{Gzip: true}
	data := []byte(strings.Repeat("A line of a message that is like the others.\r\n", 200))
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		stored, encoding := codec.Encode(data)
		if _, err := codec.Decode(stored, encoding, len(data)); err != nil {
			b.Fatal(err)
		}
	}
}
