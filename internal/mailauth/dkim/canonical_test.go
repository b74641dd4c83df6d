package dkim

import (
	"bytes"
	"strings"
	"testing"

	"posthoorn/internal/mime"
)

func TestBody(t *testing.T) {
	for _, c := range []struct{ body, simple, relaxed string }{
		{"", "\r\n", ""},
		{"\r\n", "\r\n", ""},
		{"\r\n\r\n\r\n", "\r\n", ""},
		{" \t\r\n\r\n", " \t\r\n", ""},
		{"a", "a\r\n", "a\r\n"},
		{"a\r\n", "a\r\n", "a\r\n"},
		{"a\r\n\r\n", "a\r\n", "a\r\n"},
		{"a \t\r\n \r\n\t\r\n", "a \t\r\n \r\n\t\r\n", "a\r\n"},
		{"\r\n\r\na\r\n", "\r\n\r\na\r\n", "\r\n\r\na\r\n"},
		{" C \r\nD \t E\r\n\r\n\r\n", " C \r\nD \t E\r\n", " C\r\nD E\r\n"}, // RFC 6376 section 3.4.5
		{"a  b\tc \t d\r\n", "a  b\tc \t d\r\n", "a b c d\r\n"},
		{"\t\ta\r\n", "\t\ta\r\n", " a\r\n"},
		{" a", " a\r\n", " a\r\n"},
		{"a ", "a \r\n", "a\r\n"},
		{"a\t", "a\t\r\n", "a\r\n"},
		{"..\r\n.\r\n.a\r\n", "..\r\n.\r\n.a\r\n", "..\r\n.\r\n.a\r\n"},
		{"caf\xe9  \xff\x00\r\n", "caf\xe9  \xff\x00\r\n", "caf\xe9 \xff\x00\r\n"},
		{"a \rb\r\n", "a \rb\r\n", "a \rb\r\n"},
		{"a  \rb\nc\r\n", "a  \rb\nc\r\n", "a \rb\nc\r\n"},
		{"12345678 12345678  12345678\t\r\n", "12345678 12345678  12345678\t\r\n", "12345678 12345678 12345678\r\n"},
	} {
		if got := simple(c.body); got != c.simple {
			t.Errorf("%q simple: %q", c.body, got)
		}
		if got := relaxed(c.body); got != c.relaxed {
			t.Errorf("%q relaxed: %q", c.body, got)
		}
	}
}

func simple(body string) string {
	var b bytes.Buffer
	writeSimple(&b, []byte(body))
	return b.String()
}

func relaxed(body string) string {
	var b bytes.Buffer
	writeRelaxed(&b, []byte(body))
	return b.String()
}

// White space wherever eight bytes are looked at together, beside every kind of neighbour.
func TestRelaxedBodyAtEveryPlace(t *testing.T) {
	for _, space := range []string{" ", "  ", "\t", " \t", "\t ", " \r\n", "\t\r\n \r\n", "   \r\n"} {
		for n := range 20 {
			for _, after := range []string{"", "x", "é\r\n", "xxxxxxxxxxxxxxxxx"} {
				body := strings.Repeat("x", n) + space + after
				if got, want := relaxed(body), plainRelaxed(body); got != want {
					t.Errorf("%q: %q, want %q", body, got, want)
				}
			}
		}
	}
}

// plainRelaxed is RFC 6376 section 3.4.4, line by line.
func plainRelaxed(body string) string {
	lines := strings.Split(body, "\r\n")
	for i, line := range lines {
		line = strings.TrimRight(line, " \t")
		for _, double := range []string{"\t", "  "} {
			for strings.Contains(line, double) {
				line = strings.ReplaceAll(line, double, " ")
			}
		}
		lines[i] = line
	}
	for len(lines) > 0 && lines[len(lines)-1] == "" {
		lines = lines[:len(lines)-1]
	}
	if len(lines) == 0 {
		return ""
	}
	return strings.Join(lines, "\r\n") + "\r\n"
}

func TestHeaderField(t *testing.T) {
	for _, c := range []struct{ field, simple, relaxed string }{
		{"A: X\r\n", "A: X\r\n", "a:X\r\n"},
		{"B : Y\t\r\n\tZ  \r\n", "B : Y\t\r\n\tZ  \r\n", "b:Y Z\r\n"}, // RFC 6376 section 3.4.5
		{"SUBJect:  AbC  \r\n", "SUBJect:  AbC  \r\n", "subject:AbC\r\n"},
		{"Subject:\r\n a\r\n\t b\r\n", "Subject:\r\n a\r\n\t b\r\n", "subject:a b\r\n"},
		{"Subject:\r\n", "Subject:\r\n", "subject:\r\n"},
		{"Subject: \t\r\n  \r\n", "Subject: \t\r\n  \r\n", "subject:\r\n"},
		{"Subject: a", "Subject: a\r\n", "subject:a\r\n"},
		{"Subject: é \xff\r\n", "Subject: é \xff\r\n", "subject:é \xff\r\n"},
		{"X: a:b ; c\r\n", "X: a:b ; c\r\n", "x:a:b ; c\r\n"},
	} {
		source := []byte("From: a@b.test\r\n" + c.field)
		h, err := mime.ParseHeader(source)
		if err != nil || len(h.Fields) != 2 {
			t.Fatalf("%q: %d fields, %v", c.field, len(h.Fields), err)
		}
		if got := string(appendHeader(nil, source, &h.Fields[1], true)); got != c.simple {
			t.Errorf("%q simple: %q", c.field, got)
		}
		if got := string(appendHeader(nil, source, &h.Fields[1], false)); got != c.relaxed {
			t.Errorf("%q relaxed: %q", c.field, got)
		}
	}
}

// The canonical form of a canonical form is itself, and it is what the plain way gives.
func FuzzBody(f *testing.F) {
	for _, body := range []string{"", "\r\n", " a  b\t\r\n\r\n", "a \rb", "\t\r\n\t", strings.Repeat("word  ", 2000)} {
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body string) {
		once := relaxed(body)
		if want := plainRelaxed(body); once != want {
			t.Errorf("%q: %q, want %q", body, once, want)
		}
		if twice := relaxed(once); twice != once {
			t.Errorf("%q becomes %q, then %q", body, once, twice)
		}
		if s := simple(body); simple(s) != s {
			t.Errorf("%q is not stable", body)
		}
	})
}

// Any source at all: no panic, stable fields, and signatures that fit.
func FuzzSource(f *testing.F) {
	f.Add([]byte("From: a@b.test\r\nSubject : x\r\n\ty\r\nsubject: z\r\n\r\nbody\r\n"))
	f.Add([]byte("From: a@b.test\r\nno field\r\n"))
	f.Add([]byte("\r\n\r\n"))
	f.Add([]byte("From:\nx: y\n\nbody\n"))
	key := ed25519Key(f, Spec{Domain: "b.test", Selector: "s"})
	f.Fuzz(func(t *testing.T, source []byte) {
		c, err := newContent(source)
		if err != nil {
			return
		}
		for i := range c.header.Fields {
			once := appendHeader(nil, source, &c.header.Fields[i], false)
			h, err := mime.ParseHeader(once)
			if err != nil || len(h.Fields) != 1 {
				t.Fatalf("%q becomes %q", c.header.Fields[i].Value, once)
			}
			if twice := appendHeader(nil, once, &h.Fields[0], false); !bytes.Equal(once, twice) {
				t.Fatalf("%q becomes %q, then %q", c.header.Fields[i].Value, once, twice)
			}
		}
		field, err := c.append(nil, key, noon)
		if err != nil {
			t.Fatal(err)
		}
		signed := append(field, source...)
		if verdicts := verify(signed, map[string]string{"s._domainkey.b.test": key.private.record()}); verdicts[0] != nil {
			t.Fatalf("%q: %v", signed, verdicts[0])
		}
	})
}
