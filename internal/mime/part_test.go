package mime

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

// outline is the structure of a message in one text: the type of each part, what is in a multipart in brackets.
func outline(parts []Part) string {
	var b strings.Builder
	var write func(i int) int
	write = func(i int) int {
		p := &parts[i]
		b.WriteString(p.Media.Type)
		next := i + 1
		if p.Multipart {
			b.WriteByte('[')
			for n := 0; next < len(parts) && parts[next].Parent == i; n++ {
				if n > 0 {
					b.WriteByte(' ')
				}
				next = write(next)
			}
			b.WriteByte(']')
		}
		return next
	}
	write(0)
	return b.String()
}

func contents(source string, parts []Part) []string {
	var all []string
	for i := range parts {
		if !parts[i].Multipart {
			all = append(all, source[parts[i].Body:parts[i].End])
		}
	}
	return all
}

const mixed = "Content-Type: multipart/mixed; boundary=\"a\"\r\n\r\npreamble\r\n"

func TestParts(t *testing.T) {
	for name, c := range map[string]struct {
		source, outline string
		contents        []string
	}{
		"one":      {"A: b\r\n\r\nx\r\n--a\r\n", "text/plain", []string{"x\r\n--a\r\n"}},
		"empty":    {"", "text/plain", []string{""}},
		"header":   {"Content-Type: Text/HTML", "text/html", []string{""}},
		"lines":    {"Content-Type: text/html\n\nx\n", "text/html", []string{"x\n"}},
		"two":      {mixed + "--a\r\n\r\nx\r\n--a\r\nContent-Type: text/html\r\n\r\ny\r\n\r\n--a--\r\nepilogue\r\n--a\r\n", "multipart/mixed[text/plain text/html]", []string{"x", "y\r\n"}},
		"bare LF":  {strings.ReplaceAll(mixed+"--a\r\n\r\nx\r\n--a--\r\n", "\r", ""), "multipart/mixed[text/plain]", []string{"x"}},
		"no end":   {mixed + "--a\r\n\r\nx\r\n", "multipart/mixed[text/plain]", []string{"x\r\n"}},
		"no parts": {mixed + "x\r\n", "multipart/mixed", []string{"preamble\r\nx\r\n"}},
		"at once":  {mixed + "--a\r\n\r\n--a\r\n--a--", "multipart/mixed[text/plain text/plain]", []string{"", ""}},
		"padding":  {mixed + "--a \t\r\n\r\nx\r\n--a--  \r\n", "multipart/mixed[text/plain]", []string{"x"}},
		"longer":   {mixed + "--a\r\n\r\nx\r\n--ab\r\n--a---\r\n -a\r\n--a--", "multipart/mixed[text/plain]", []string{"x\r\n--ab\r\n--a---\r\n -a"}},
		"no blank line": {mixed + "--a\r\nContent-Type: text/html\r\n--a\r\n\r\ny\r\n--a--", "multipart/mixed[text/html text/plain]",
			[]string{"", "y"}},
		"colon": {strings.Replace(mixed, `"a"`, `"a:b"`, 1) + "--a:b\r\nX: y\r\n--a:b\r\n\r\ny\r\n--a:b--",
			"multipart/mixed[text/plain text/plain]", []string{"", "y"}},
		"nested": {mixed + "--a\r\nContent-Type: multipart/alternative; boundary=b\r\n\r\n--b\r\n\r\nx\r\n--b\r\nContent-Type: text/html\r\n\r\ny" +
			"\r\n--b--\r\n\r\n--a\r\nContent-Type: image/png\r\n\r\nz\r\n--a--\r\n",
			"multipart/mixed[multipart/alternative[text/plain text/html] image/png]", []string{"x", "y", "z"}},
		"outer ends inner": {mixed + "--a\r\nContent-Type: multipart/alternative; boundary=b\r\n\r\n--b\r\n\r\nx\r\n--a\r\n\r\ny\r\n--b\r\n--a--\r\n",
			"multipart/mixed[multipart/alternative[text/plain] text/plain]", []string{"x", "y\r\n--b"}},
		"same boundary": {mixed + "--a\r\nContent-Type: multipart/alternative; boundary=a\r\n\r\n--a\r\n\r\nx\r\n--a--\r\n--a\r\n\r\ny\r\n--a--\r\n",
			"multipart/mixed[multipart/alternative[text/plain] text/plain]", []string{"x", "y"}},
		"signed": {"Content-Type: multipart/signed; boundary=a\r\n\r\n--a\r\n\r\nx\r\n--a--\r\n", "multipart/signed", []string{"--a\r\n\r\nx\r\n--a--\r\n"}},
		"digest": {"Content-Type: multipart/digest; boundary=a\r\n\r\n--a\r\n\r\nSubject: x\r\n\r\ny\r\n--a--\r\n",
			"multipart/digest[message/rfc822]", []string{"Subject: x\r\n\r\ny"}},
		"no boundary":    {"Content-Type: multipart/mixed\r\n\r\n--\r\n\r\nx\r\n", "multipart/mixed", []string{"--\r\n\r\nx\r\n"}},
		"empty boundary": {"Content-Type: multipart/mixed; boundary=\"\"\r\n\r\n--\r\n\r\nx\r\n----", "multipart/mixed", []string{"--\r\n\r\nx\r\n----"}},
		"no field":       {"Content-Type: text/html\r\nhello\r\n\r\nx", "text/html", []string{"hello\r\n\r\nx"}},
		"wrong type":     {"Content-Type: html\r\n\r\nx", "text/plain", []string{"x"}},
	} {
		parts, err := Parts([]byte(c.source))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got := outline(parts); got != c.outline {
			t.Errorf("%s: %s, want %s", name, got, c.outline)
		}
		if got := contents(c.source, parts); fmt.Sprintf("%q", got) != fmt.Sprintf("%q", c.contents) {
			t.Errorf("%s: %q, want %q", name, got, c.contents)
		}
	}
}

func TestPartBombs(t *testing.T) {
	deep := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, "Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n", i, i)
		}
		return b.String()
	}
	for name, c := range map[string]struct {
		source string
		want   error
	}{
		"depth":      {deep(100_000), ErrDepth},
		"deep":       {deep(MaxDepth), nil},
		"parts":      {mixed + strings.Repeat("--a\r\n", 100_000), ErrParts},
		"header":     {mixed + "--a\r\n" + strings.Repeat("x: y\r\n", 100_000), ErrFields},
		"candidates": {deep(MaxDepth) + "\r\n" + strings.Repeat("--b\r\n", 100_000), nil},
		"quotes":     {"Content-Type: text/plain; " + strings.Repeat("\r\n\""+strings.Repeat(`""`, 4000), 100) + "\r\n\r\n", nil},
		"comments":   {"Content-Type: text/plain; " + strings.Repeat("\r\n "+strings.Repeat("a()", 4000), 80) + "\r\n\r\n", nil},
	} {
		if _, err := Parts([]byte(c.source)); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestMedia(t *testing.T) {
	for value, want := range map[string]string{
		` text/plain; charset=utf-8`:                             "text/plain|utf-8",
		`TEXT/Html ; Charset = "UTF-8" ; x`:                      "text/html|UTF-8",
		"text/plain;\r\n\tcharset=(comment) iso-8859-1 (Latin)":  "text/plain|iso-8859-1",
		`text/plain; x="a;charset=no\"; "; charset="a\b"`:        "text/plain|ab",
		`text/plain;; ;charset=two words;`:                       "text/plain|two words",
		`text/plain; charset*=us-ascii'en'u%74f-8`:               "text/plain|utf-8",
		`text/plain; charset*0="ut"; charset*1=f-8`:              "text/plain|utf-8",
		`text/plain; charset*1*=%66-8; charset*0*=us-ascii''ut;`: "text/plain|utf-8",
		`text/plain; charset`:                                    "text/plain|",
		`text/plain; charset="open`:                              "text/plain|open",
		``:                                                       "|",
	} {
		m := ParseMedia([]byte(value))
		if got := m.Type + "|" + m.Get("charset"); got != want {
			t.Errorf("%q: %q, want %q", value, got, want)
		}
	}
}
