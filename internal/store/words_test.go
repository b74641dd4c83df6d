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
			stored, encoding := Encode([]byte(text), compressed)
			if data, err := Decode(stored, encoding, len(text)); err != nil || string(data) != text {
				t.Errorf("%.20q as %s: %.20q, %v", text, encoding, data, err)
			}
			if len(text) == 0 {
				continue
			}
			if _, err := Decode(stored, encoding, len(text)-1); !errors.Is(err, ErrTooLarge) {
				t.Errorf("%.20q as %s: %v", text, encoding, err)
			}
		}
	}
	packed := Compress([]byte("inside"))
	two := append(bytes.Clone(packed), packed...) // gzip may be several in a row
	if data, err := Decode(two, "GZIP", 100); string(data) != "insideinside" || err != nil {
		t.Errorf("have %q, %v", data, err)
	}
	for name, c := range map[string]struct {
		stored   []byte
		encoding string
	}{"empty": {nil, Gzip}, "no gzip": {[]byte("text"), Gzip}, "cut": {packed[:len(packed)-1], Gzip}, "changed": {append(bytes.Clone(packed[:20]), "xxxx"...), Gzip}, "garbage behind": {append(bytes.Clone(packed), "xx"...), Gzip}, "unknown": {packed, "br\n"}} {
		if data, err := Decode(c.stored, c.encoding, 100); err == nil || errors.Is(err, ErrTooLarge) || errors.Is(err, ErrNotFound) {
			t.Errorf("%s: %q, %v", name, data, err)
		}
	}
}

// A megabyte of zeros is a kilobyte: what is beyond the limit is never there.
func TestDecodeIsBounded(t *testing.T) {
	bomb := Compress(make([]byte, 24<<20))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := Decode(bomb, Gzip, 1<<20)
	runtime.ReadMemStats(&after)
	if allocated := after.TotalAlloc - before.TotalAlloc; !errors.Is(err, ErrTooLarge) || allocated > 8<<20 {
		t.Errorf("%v, and %d bytes were allocated", err, allocated)
	}
}
