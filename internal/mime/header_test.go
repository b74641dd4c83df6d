package mime

import (
	"bytes"
	"errors"
	"strings"
	"testing"
)

func TestFieldsLieWhereTheyLie(t *testing.T) {
	source := "From: a@b\r\nx-MQ-tag : one\r\nTo: c@d,\r\n\te@f\r\nEmpty:\n\r\nBody: not a field\r\n"
	h, err := ParseHeader([]byte(source))
	if err != nil || !h.Closed {
		t.Fatal(err, h.Closed)
	}
	want := []struct{ name, value, all string }{
		{"From", " a@b", "From: a@b\r\n"},
		{"x-MQ-tag", " one", "x-MQ-tag : one\r\n"},
		{"To", " c@d,\r\n\te@f", "To: c@d,\r\n\te@f\r\n"},
		{"Empty", "", "Empty:\n"},
	}
	if len(h.Fields) != len(want) {
		t.Fatalf("%d fields", len(h.Fields))
	}
	for i, w := range want {
		f := h.Fields[i]
		if string(f.Name) != w.name || string(f.Value) != w.value || source[f.Start:f.End] != w.all {
			t.Errorf("%q %q %q", f.Name, f.Value, source[f.Start:f.End])
		}
	}
	if source[h.Body:] != "\r\nBody: not a field\r\n" {
		t.Errorf("body %q", source[h.Body:])
	}
}

func TestWhereAHeaderEnds(t *testing.T) {
	for _, c := range []struct {
		source, rest string
		fields       int
		closed       bool
	}{
		{"", "", 0, true},
		{"\r\nbody", "\r\nbody", 0, true},
		{"A: b", "", 1, true},
		{"A: b\nno field\nC: d\n\n", "no field\nC: d\n\n", 1, false},
		{" starts with a fold: x\n", " starts with a fold: x\n", 0, false},
		{"From me Mon Jan\nA: b\n", "From me Mon Jan\nA: b\n", 0, false},
		{"A: b\n: no name\n", ": no name\n", 1, false},
		{"A: b\n \n\nbody", "\nbody", 1, true},
	} {
		h, err := ParseHeader([]byte(c.source))
		if err != nil || len(h.Fields) != c.fields || h.Closed != c.closed || c.source[h.Body:] != c.rest {
			t.Errorf("%q: %v, %d fields, closed %v, rest %q", c.source, err, len(h.Fields), h.Closed, c.source[h.Body:])
		}
	}
}

func TestHeaderBombs(t *testing.T) {
	for name, c := range map[string]struct {
		source string
		want   error
	}{
		"fields":      {strings.Repeat("a: b\r\n", 100_000), ErrFields},
		"one line":    {"From: " + strings.Repeat("x", 50<<20), ErrLine},
		"folded":      {"From: x\r\n" + strings.Repeat(" "+strings.Repeat("y", 99)+"\r\n", 12_000), ErrHeaderSize},
		"at the edge": {strings.Repeat("a: b\r\n", MaxFields) + "\r\n", nil},
	} {
		if _, err := ParseHeader([]byte(c.source)); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestWithoutLeavesEveryOtherByte(t *testing.T) {
	source := "X-MQ-a: 1\r\nFrom: \xff b\r\nx-mq-b: 2\r\n folded\r\nTo:c\nx-mq-c: 3\r\n\r\nx-mq-d: 4\r\n"
	h, err := ParseHeader([]byte(source))
	if err != nil {
		t.Fatal(err)
	}
	ours := func(f *Field) bool { return HasNamePrefix(f.Name, "x-mq-") }
	got := string(bytes.Join(h.Without(ours), nil))
	if want := "From: \xff b\r\nTo:c\n\r\nx-mq-d: 4\r\n"; got != want {
		t.Errorf("%q", got)
	}
	if n := len(h.Collect(ours)); n != 3 {
		t.Errorf("collected %d", n)
	}
	none := h.Without(func(*Field) bool { return false })
	if len(none) != 1 || string(none[0]) != source {
		t.Errorf("%q", none)
	}
}

func FuzzHeader(f *testing.F) {
	f.Add([]byte("A: b\r\n c\r\n\r\nbody"))
	f.Add([]byte("A :\n\n"))
	f.Add([]byte("A: b\r\n\r\r\n"))
	f.Fuzz(func(t *testing.T, source []byte) {
		h, err := ParseHeader(source)
		if err != nil {
			return
		}
		pos := 0
		for i := range h.Fields {
			f := &h.Fields[i]
			if f.Start != pos || f.End <= f.Start {
				t.Fatalf("field at %d, expected at %d", f.Start, pos)
			}
			all := source[f.Start:f.End]
			if !bytes.HasPrefix(all, f.Name) || !bytes.HasSuffix(bytes.TrimRight(all, "\r\n"), bytes.TrimRight(f.Value, "\r\n")) {
				t.Fatalf("%q is not %q %q", all, f.Name, f.Value)
			}
			pos = f.End
			Addresses(f.Value)
		}
		if pos != h.Body {
			t.Fatalf("fields end at %d, body at %d", pos, h.Body)
		}
		all := h.Without(func(f *Field) bool { return f.Start%2 == 1 })
		size := len(bytes.Join(all, nil))
		for i := range h.Fields {
			if h.Fields[i].Start%2 == 1 {
				size += h.Fields[i].End - h.Fields[i].Start
			}
		}
		if size != len(source) {
			t.Fatalf("%d bytes of %d", size, len(source))
		}
	})
}
