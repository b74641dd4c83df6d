package smtp

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"testing"

	"posthoorn/internal/mail"
)

// pieces hands out one piece a read, so that every boundary of segments can be tried.
type pieces struct{ left [][]byte }

func (p *pieces) Read(b []byte) (int, error) {
	if len(p.left) == 0 {
		return 0, io.EOF
	}
	n := copy(b, p.left[0])
	if p.left[0] = p.left[0][n:]; len(p.left[0]) == 0 {
		p.left = p.left[1:]
	}
	return n, nil
}

// split cuts s into three pieces at every pair of places.
func split(s string, try func(r io.Reader, how string)) {
	for i := 0; i <= len(s); i++ {
		for j := i; j <= len(s); j++ {
			var p pieces
			for _, part := range []string{s[:i], s[i:j], s[j:]} {
				if part != "" {
					p.left = append(p.left, []byte(part))
				}
			}
			try(&p, fmt.Sprintf("%q cut at %d and %d", s, i, j))
		}
	}
}

func TestTheEndOfDataAndItsLookAlikes(t *testing.T) {
	for in, want := range map[string]string{
		".\r\n":                    "",
		"a\r\n.\r\n":               "a\r\n",
		"a\r\r\n.\r\n":             "a\r\r\n",
		"..\r\n.\r\n":              ".\r\n",
		".a\r\n..b\r\n.\r\n":       "a\r\n.b\r\n",
		"a\n.\nb\r\n.\r\n":         "a\n.\nb\r\n",
		"a\n.\r\nb\r\n.\r\n":       "a\n.\r\nb\r\n",
		"a\r.\rb\r\n.\r\n":         "a\r.\rb\r\n",
		"a\r.\r\nb\r\n.\r\n":       "a\r.\r\nb\r\n",
		"a\r\n.\nb\r\n.\r\n":       "a\r\n\nb\r\n",
		"a\r\n.\rb\r\n.\r\n":       "a\r\n\rb\r\n",
		"a\r\n.\r\r\nb\r\n.\r\n":   "a\r\n\r\r\nb\r\n",
		"a\r\n.\r\r\n.\r\n":        "a\r\n\r\r\n",
		"a\r\n.\x00\r\nb\r\n.\r\n": "a\r\n\x00\r\nb\r\n",
		"a\r\n\x00.\r\n.\r\n":      "a\r\n\x00.\r\n",
		"a\r\x00\n.\r\n\r\n.\r\n":  "a\r\x00\n.\r\n\r\n",
		"a\n\r.\n\r\r\n.\r\n":      "a\n\r.\n\r\r\n",
		"\n.\r\n\r\n.\r\n":         "\n.\r\n\r\n",
		"\r\n.\r\n":                "\r\n",
		"a\r\n. \r\n.\r\n":         "a\r\n \r\n",
	} {
		const after = "QUIT\r\n"
		split(in+after, func(r io.Reader, how string) {
			s, c := NewServerReader(r), &Content{}
			if err := s.Data(c); err != nil || string(c.Bytes()) != want {
				t.Fatalf("%s: %q %v", how, c.Bytes(), err)
			}
			if line, err := s.Line(100); err != nil || string(line) != "QUIT" {
				t.Fatalf("%s: then %q %v", how, line, err)
			}
		})
	}
}

func TestDataThatDoesNotEnd(t *testing.T) {
	for _, in := range []string{"", "a", "a\r\n.", "a\r\n.\r", "a\n.\r\n", "a\r\n.\n", "a\r.\r\n", "\r\n.\r\r\n", "a.\r\n"} {
		split(in, func(r io.Reader, how string) {
			if err := NewServerReader(r).Data(&Content{}); err != io.ErrUnexpectedEOF {
				t.Fatalf("%s: %v", how, err)
			}
		})
	}
}

func TestContentOverTheLimitIsReadToItsEnd(t *testing.T) {
	split("12345678\r\n\r\n.\r\nNOOP\r\n", func(r io.Reader, how string) {
		s, c := NewServerReader(r), &Content{Limit: 11}
		if err := s.Data(c); err != nil || !errors.Is(c.Err(), ErrContentSize) {
			t.Fatalf("%s: %v %v", how, err, c.Err())
		}
		if line, err := s.Line(100); err != nil || string(line) != "NOOP" {
			t.Fatalf("%s: %q %v", how, line, err)
		}
	})
	big := strings.Repeat("x", 99_998) + "\r\n"
	s := NewServerReader(strings.NewReader(strings.Repeat(big, 50)))
	c := &Content{Limit: 1_000_000}
	if err := s.Data(c); !errors.Is(err, ErrContentSize) || c.Held() > 4_000_000 {
		t.Errorf("%v, %d bytes held", err, c.Held())
	}
}

func TestContentAsksForRoom(t *testing.T) {
	s := NewServerReader(strings.NewReader(strings.Repeat("x", 99_998) + "\r\n.\r\nNOOP\r\n"))
	c := &Content{Reserve: func(n int) bool { return n < 20_000 }}
	if err := s.Data(c); err != nil || !errors.Is(c.Err(), ErrContentRoom) {
		t.Fatal(err, c.Err())
	}
	if line, err := s.Line(100); err != nil || string(line) != "NOOP" {
		t.Errorf("%q %v", line, err)
	}
	c.Reset(0)
	if c.Err() != nil || c.Held() != 0 {
		t.Error("Reset")
	}
}

func TestChunks(t *testing.T) {
	split("BDAT 6\r\nab\r\n.\rBDAT 3 last\r\n\n\r\nQUIT\r\n", func(r io.Reader, how string) {
		s, c := NewServerReader(r), &Content{}
		for _, size := range []int64{6, 3} {
			line, err := s.Line(100)
			if err != nil {
				t.Fatalf("%s: %v", how, err)
			}
			cmd, err := ParseCommand(line)
			if err != nil || cmd.Verb != BDAT {
				t.Fatalf("%s: %v %q", how, err, line)
			}
			n, last, err := ParseBDAT(cmd.Arg)
			if err != nil || n != size || last != (size == 3) {
				t.Fatalf("%s: %d %v %v", how, n, last, err)
			}
			if err := s.Chunk(c, n); err != nil {
				t.Fatalf("%s: %v", how, err)
			}
		}
		if string(c.Bytes()) != "ab\r\n.\r\n\r\n" {
			t.Fatalf("%s: %q", how, c.Bytes())
		}
		if line, err := s.Line(100); err != nil || string(line) != "QUIT" {
			t.Fatalf("%s: %q %v", how, line, err)
		}
	})
	if err := NewServerReader(strings.NewReader("short")).Chunk(&Content{}, 6); err != io.ErrUnexpectedEOF {
		t.Error(err)
	}
}

func TestChunkArguments(t *testing.T) {
	for in, want := range map[string]string{
		"10": "10 false", "0 LAST": "0 true", "10 last": "10 true", "10  LAST": "10 true",
		"": "bad", "-1": "bad", "+1": "bad", "1x": "bad", "10 FIRST": "bad", "10 LAST x": "bad", "99999999999999999999": "bad", "LAST": "bad",
	} {
		n, last, err := ParseBDAT([]byte(in))
		got := fmt.Sprint(n, " ", last)
		if err != nil {
			got = "bad"
		}
		if got != want {
			t.Errorf("%q: %s", in, got)
		}
	}
}

func TestLines(t *testing.T) {
	split("NOOP\r\na\nb\rc\r\n\r\n"+strings.Repeat("y", 40)+"\r\nEND\r\n", func(r io.Reader, how string) {
		s := NewServerReader(r)
		for _, want := range []string{"NOOP", "a\nb\rc", "", "too long", "END"} {
			line, err := s.Line(20)
			got := string(line)
			if errors.Is(err, ErrLineTooLong) {
				got = "too long"
			}
			if got != want {
				t.Fatalf("%s: %q %v, want %q", how, line, err, want)
			}
		}
		if _, err := s.Line(20); err != io.EOF {
			t.Fatalf("%s: %v", how, err)
		}
	})
	s := NewServerReader(io.MultiReader(strings.NewReader(strings.Repeat("z", 5<<20)), strings.NewReader("\r\nEND\r\n")))
	if _, err := s.Line(MaxCommandLine); !errors.Is(err, ErrLineTooLong) || len(s.buf) > 3*MaxCommandLine {
		t.Error(err, len(s.buf))
	}
	if line, err := s.Line(MaxCommandLine); err != nil || string(line) != "END" {
		t.Error(string(line), err)
	}
}

func TestCommands(t *testing.T) {
	for in, want := range map[string]string{
		"NOOP": "8 ", "noop": "8 ", "Mail From:<a@b>": "3 From:<a@b>", "QUIT ": "12 ", "STARTTLS": "13 ", "EHLO  x": "2 x",
		"STARTTLSxyz": "500", "": "500", " NOOP": "500", "NOOPx": "500", "MAIL\nRCPT": "500", "MAIL\r": "500", "NOOP\x00": "500",
		"NOOP a\x1bb": "500", "\xff": "500", "MAIL\tFROM:<a@b>": "500", "GET / HTTP/1.1": "500",
	} {
		c, err := ParseCommand([]byte(in))
		got := fmt.Sprintf("%d %s", c.Verb, c.Arg)
		var e *mail.Error
		if errors.As(err, &e) {
			got = fmt.Sprint(e.Code)
		}
		if got != want {
			t.Errorf("%q: %s, want %s", in, got, want)
		}
	}
}

func code(err error) string {
	var e *mail.Error
	if errors.As(err, &e) {
		return fmt.Sprint(e.Code, " ", e.Status)
	}
	return fmt.Sprint(err)
}

func TestMailArguments(t *testing.T) {
	rules := Rules{Extended: true, DSN: true, Auth: true}
	for in, want := range map[string]string{
		"FROM:<>":                                   " 0 ",
		"from:<a@b.test>":                           "a@b.test 0 ",
		"FROM: <a@b.test>":                          "a@b.test 0 ",
		"FROM:<@r.test,@s.test:a@b.test>":           "a@b.test 0 ",
		`FROM:<"a b\"> c"@b.test>`:                  `"a b\"> c"@b.test 0 `,
		"FROM:<a@B.Test> SIZE=10 body=8bitmime":     "a@b.test 10 8",
		"FROM:<a@b.test> BODY=7BIT":                 "a@b.test 0 ",
		"FROM:<a@b.test> SIZE=99999999999999999999": fmt.Sprint("a@b.test ", math.MaxInt64, " "),
		"FROM:<ü@b.test> SMTPUTF8":                  "ü@b.test 0 u",
		"FROM:<a@b.test> AUTH=<>":                   "a@b.test 0 ",
		"FROM:<a@xn--bcher-kva.test>":               "a@bücher.test 0 ",
		"FROM:<a@b.test> RET=hdrs ENVID=a+2Bb":      "a@b.test 0 HDRSa+b",
		"FROM:<ü@b.test>":                           "553 5.6.7",
		"FROM:<a@bücher.test>":                      "553 5.6.7",
		"FROM:a@b.test":                             "501 5.5.4",
		"FROM:<a@b.test":                            "501 5.5.4",
		"FROM:<a@b.test>SIZE=1":                     "501 5.5.4",
		"TO:<a@b.test>":                             "501 5.5.4",
		"":                                          "501 5.5.4",
		"FROM:<a>":                                  "501 5.1.7",
		"FROM:<@r.test:>":                           "501 5.1.7",
		"FROM:<a@b test>":                           "501 5.1.7",
		"FROM:<a b@c.test>":                         "501 5.1.7",
		"FROM:<a@b.test> NOTIFY=NEVER x>":           "555 5.5.4",
		"FROM:<a@b.test> SIZE=-1":                   "501 5.5.4",
		"FROM:<a@b.test> SIZE":                      "501 5.5.4",
		"FROM:<a@b.test> SIZE=1 size=2":             "501 5.5.4",
		"FROM:<a@b.test> BODY=BINARYMIME":           "501 5.5.4",
		"FROM:<a@b.test> SMTPUTF8=1":                "501 5.5.4",
		"FROM:<a@b.test> RET=ALL":                   "501 5.5.4",
		"FROM:<a@b.test> ENVID=a+0D+0Ab":            "501 5.5.4",
		"FROM:<a@b.test> ENVID=a+zz":                "501 5.5.4",
		"FROM:<a@b.test> ENVID=a+2":                 "501 5.5.4",
		"FROM:<a@b.test> ENVID=":                    "501 5.5.4",
		"FROM:<a@b.test> BY=10;R":                   "555 5.5.4",
	} {
		c, err := ParseMail([]byte(in), rules)
		got := fmt.Sprintf("%s %d ", c.From, c.Size)
		if c.Body8 {
			got += "8"
		}
		if c.UTF8 {
			got += "u"
		}
		got += c.Ret + c.EnvID
		if err != nil {
			got = code(err)
		}
		if got != want {
			t.Errorf("%q: %s, want %s", in, got, want)
		}
	}
	for in, rules := range map[string]Rules{
		"FROM:<a@b.test> SIZE=1":   {},
		"FROM:<a@b.test> RET=FULL": {Extended: true},
		"FROM:<a@b.test> ENVID=x":  {Extended: true},
		"FROM:<a@b.test> AUTH=<>":  {Extended: true},
	} {
		if _, err := ParseMail([]byte(in), rules); code(err) != "555 5.5.4" {
			t.Errorf("%q: %v", in, err)
		}
	}
}

func TestRcptArguments(t *testing.T) {
	rules := Rules{Extended: true, DSN: true, Hostname: "mx.test"}
	for in, want := range map[string]string{
		"TO:<a@b.test>":              "a@b.test  ",
		"TO:<Postmaster>":            "postmaster@mx.test  ",
		"TO:<a@[192.0.2.1]>":         "a@[192.0.2.1]  ",
		"TO:<a%c@b.test>":            "a%c@b.test  ",
		"to:<a@b.test> NOTIFY=Never": "a@b.test NEVER ",
		"TO:<a@b.test> NOTIFY=success,DELAY ORCPT=rfc822;x+2By@z": "a@b.test SUCCESS,DELAY rfc822;x+y@z",
		`TO:<a@b.test> ORCPT=utf-8;j\x{FC}rgen\x{2B}x@z`:          "a@b.test  utf-8;jürgen+x@z",
		`TO:<a@b.test> ORCPT=UTF-8;\x{1f600}@\x{FC}.test`:         "a@b.test  UTF-8;😀@ü.test",
		"TO:<a@b.test> ORCPT=utf-8;jürgen@z":                      "a@b.test  utf-8;jürgen@z",
		`TO:<a@b.test> ORCPT=rfc822;a\x{FC}@z`:                    `a@b.test  rfc822;a\x{FC}@z`, // no escape there
		`TO:<a@b.test> ORCPT=utf-8;a\b@z`:                         "501 5.5.4",
		`TO:<a@b.test> ORCPT=utf-8;a\x{}@z`:                       "501 5.5.4",
		`TO:<a@b.test> ORCPT=utf-8;a\x{0A}@z`:                     "501 5.5.4",
		`TO:<a@b.test> ORCPT=utf-8;a\x{85}@z`:                     "501 5.5.4",
		`TO:<a@b.test> ORCPT=utf-8;a\x{D800}@z`:                   "501 5.5.4",
		`TO:<a@b.test> ORCPT=utf-8;a\x{110000}@z`:                 "501 5.5.4",
		`TO:<a@b.test> ORCPT=utf-8;a\x{FC`:                        "501 5.5.4",
		"TO:<a@b.test> NOTIFY=NEVER,DELAY":                        "501 5.5.4",
		"TO:<a@b.test> NOTIFY=":                                   "501 5.5.4",
		"TO:<a@b.test> ORCPT=x@y":                                 "501 5.5.4",
		"TO:<a@b.test> ORCPT=;x@y":                                "501 5.5.4",
		"TO:<a@b.test> SIZE=1":                                    "555 5.5.4",
		"TO:<>":                                                   "501 5.1.3",
		"TO:<a@b.test\"":                                          "501 5.5.4",
		"TO:<ü@b.test>":                                           "553 5.6.7",
		"TO:<a@b.test>, <c@d.test>":                               "501 5.5.4",
		"TO:<a@b.test> <c@d.test>":                                "555 5.5.4",
	} {
		c, err := ParseRcpt([]byte(in), rules)
		got := fmt.Sprintf("%s %s %s", c.To, c.Notify, c.ORcpt)
		if err != nil {
			got = code(err)
		}
		if got != want {
			t.Errorf("%q: %s, want %s", in, got, want)
		}
	}
}

func TestHelloNames(t *testing.T) {
	for in, want := range map[string]bool{
		"mx.test": true, "[192.0.2.1]": true, "[IPv6:2001:db8::1]": true, "under_score": true,
		"": false, "a b": false, "a\nb": false, "a(b)": false, "ü": false, strings.Repeat("a", 256): false, "<x>": false,
	} {
		if ValidHello([]byte(in)) != want {
			t.Errorf("%q", in)
		}
	}
}

// FuzzContent: what a client stuffs comes out, however it is cut, and commands behind it stay commands.
func FuzzContent(f *testing.F) {
	f.Add([]byte("a\r\n.\r\nb\n.\n\r.\r"), 3, 7)
	f.Add([]byte(".\r\n..\r\r\n"), 1, 2)
	f.Fuzz(func(t *testing.T, content []byte, i, j int) {
		// RFC 5321 section 4.5.2, on lines that end with CR LF
		wire := bytes.ReplaceAll(append([]byte("\r\n"), content...), []byte("\r\n."), []byte("\r\n.."))[2:]
		wire = append(wire, "\r\n.\r\nQUIT\r\n"...)
		i, j = min(max(i, 0), len(wire)), min(max(j, 0), len(wire))
		i, j = min(i, j), max(i, j)
		s, c := NewServerReader(&pieces{[][]byte{wire[:i:i], wire[i:j:j], wire[j:]}}), &Content{}
		if i == 0 || i == j || j == len(wire) {
			s = NewServerReader(bytes.NewReader(wire))
		}
		if err := s.Data(c); err != nil || string(c.Bytes()) != string(content)+"\r\n" {
			t.Fatalf("%q became %q: %v", wire, c.Bytes(), err)
		}
		if line, err := s.Line(100); err != nil || string(line) != "QUIT" {
			t.Fatalf("%q %v", line, err)
		}
	})
}

// FuzzArguments: an address that was read and printed reads the same again, and never ends its path.
func FuzzArguments(f *testing.F) {
	f.Add("FROM:<a@b.test> SIZE=1", "TO:<\"a> NOTIFY=NEVER\"@b.test> NOTIFY=DELAY")
	f.Fuzz(func(t *testing.T, from, to string) {
		rules := Rules{Extended: true, DSN: true, UTF8: true, Hostname: "mx.test"}
		_, _ = ParseMail([]byte(from), rules)
		c, err := ParseRcpt([]byte(to), rules)
		if err != nil {
			return
		}
		path := "TO:<" + string(c.To.AppendPath(nil, true)) + ">"
		again, err := ParseRcpt([]byte(path), rules)
		if err != nil || again.To != c.To || again.Notify != "" {
			t.Fatalf("%q read as %q, printed as %q, read as %q: %v", to, c.To, path, again.To, err)
		}
	})
}

func BenchmarkData(b *testing.B) {
	line := strings.Repeat("All work and no play makes Jack a dull boy. ", 2)[:76] + "\r\n"
	wire := []byte(strings.Repeat(line, 1<<20/len(line)) + ".\r\n")
	c, r := &Content{}, bytes.NewReader(nil)
	s := NewServerReader(r)
	b.SetBytes(int64(len(wire)))
	b.ReportAllocs()
	for b.Loop() {
		r.Reset(wire)
		c.Reset(4 << 20)
		if err := s.Data(c); err != nil {
			b.Fatal(err)
		}
	}
}
