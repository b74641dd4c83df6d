package smtp

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

func TestReplies(t *testing.T) {
	for in, want := range map[string]string{
		"250 2.1.0 fine\r\n": "250|2.1.0|fine",
		"250\r\n":            "250||",
		"250 \r\n":           "250||",
		"550-5.1.1 no such\r\n550-5.1.1\r\n550 5.1.1 user\r\n": "550|5.1.1|no such user",
		"550 5.1.1\r\n":                      "550|5.1.1|",
		"450 5.7.1 odd\r\n":                  "450|4.7.1|odd", // the reply code decides
		"550 5.1.1000 no code\r\n":           "550||5.1.1000 no code",
		"550 5.1.1x\r\n":                     "550||5.1.1x",
		"550 3.1.1 x\r\n":                    "550||3.1.1 x",
		"550 5..1 x\r\n":                     "550||5..1 x",
		"550 5.1. x\r\n":                     "550||5.1. x",
		"250 gr\xfc\xdfe \x1b[31m\x07\r\n":   "250||gr\xfc\xdfe  [31m ",
		"250-a\r\n250\r\n":                   "250||a",
		"571 5.7.1 spam\r\n":                 "571|5.7.1|spam",
		"471-4.7.1 not\r\n471 4.7.1 now\r\n": "471|4.7.1|not now",
		"599 x\r\n":                          "599||x",
	} {
		r, err := NewReplyReader(iotest.OneByteReader(strings.NewReader(in))).Next()
		if got := describe(r); err != nil || got != want {
			t.Errorf("%q: %q %v, want %q", in, got, err, want)
		}
	}
}

func describe(r Reply) string {
	code := string(rune('0'+r.Code/100)) + string(rune('0'+r.Code/10%10)) + string(rune('0'+r.Code%10))
	return code + "|" + r.Status() + "|" + r.Text()
}

func TestRefusedReplies(t *testing.T) {
	for _, in := range []string{
		"hello\r\n", "25\r\n", "2500 x\r\n", "25a x\r\n", "150 x\r\n", "650 x\r\n", "2:0 x\r\n", "2/0 x\r\n", "250x\r\n", "250_x\r\n", "\r\n", "\n",
		"250 x\n", "250 x\n250 y\r\n", "250 a\rb\r\n", "250 x\r\r\n", "250 a\x00b\r\n", "250-a\r\n251 b\r\n", "250-a\r\n25 b\r\n", "-250 x\r\n", " 250 x\r\n",
		strings.Repeat("250-x\r\n", MaxReplyLines) + "250 x\r\n",
		strings.Repeat("250-"+strings.Repeat("x", 1000)+"\r\n", 70) + "250 x\r\n",
		"250 " + strings.Repeat("x", MaxReplyBytes) + "\r\n",
		strings.Repeat("x", 2*MaxReplyBytes),
	} {
		if r, err := NewReplyReader(strings.NewReader(in)).Next(); !errors.Is(err, ErrReply) {
			t.Errorf("%.40q: %s, %v", in, describe(r), err)
		}
	}
	for _, in := range []string{"", "250 x", "250 x\r", "250-x\r\n", "2"} {
		if _, err := NewReplyReader(strings.NewReader(in)).Next(); !errors.Is(err, io.EOF) {
			t.Errorf("%q: %v", in, err)
		}
	}
}

// endless says the same for ever.
type endless struct{ text string }

func (e endless) Read(p []byte) (int, error) { return copy(p, e.text), nil }

// TestEndlessReply: memory stays flat whatever comes (T44).
func TestEndlessReply(t *testing.T) {
	for _, text := range []string{"250-and so on\r\n", "250-", "\r\n", strings.Repeat("x", 4096)} {
		r := NewReplyReader(endless{text})
		if _, err := r.Next(); !errors.Is(err, ErrReply) {
			t.Errorf("%.10q: %v", text, err)
		}
		if cap(r.buf) > 2*MaxReplyBytes || cap(r.text) > 2*MaxReplyBytes {
			t.Errorf("%.10q: %d and %d bytes are held", text, cap(r.buf), cap(r.text))
		}
	}
}

func TestReplyTextIsBounded(t *testing.T) {
	in := strings.Repeat("550-"+strings.Repeat("ü", 300)+"\r\n", 50) + "550 end\r\n"
	r, err := NewReplyReader(strings.NewReader(in)).Next()
	if text := r.Text(); err != nil || len(text) > maxText || len(text) < maxText-3 || !strings.HasSuffix(text, "ü") {
		t.Errorf("%d bytes, %v", len(r.Text()), err)
	}
}

// FuzzReplies: the way a stream is cut into pieces changes nothing, and what is taken is within its limits.
func FuzzReplies(f *testing.F) {
	for _, s := range []string{"250 ok\r\n250-a\r\n250 b\r\n", "550 5.1.1 x\r\n4", "250 a\n", "421\r\n\x00"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		whole, bytewise := NewReplyReader(strings.NewReader(s)), NewReplyReader(iotest.OneByteReader(strings.NewReader(s)))
		for {
			a, errA := whole.Next()
			b, errB := bytewise.Next()
			if describe(a) != describe(b) || !errors.Is(errA, errB) {
				t.Fatalf("%q: %s %v and %s %v", s, describe(a), errA, describe(b), errB)
			}
			if errA != nil {
				return
			}
			if a.Code < 200 || a.Code > 599 || strings.ContainsAny(a.Text(), "\r\n\x00\x1b") || a.Status() != "" && a.Status()[0] != byte('0'+a.Code/100) {
				t.Fatalf("%q: %s", s, describe(a))
			}
		}
	})
}

func TestExtensions(t *testing.T) {
	reply := "250-mx.test PIPELINING DSN\r\n250-pipelining\r\n250-8BitMime\r\n250-SMTPUTF8\r\n250-DSN\r\n250-STARTTLS\r\n250-SIZE 1000\r\n" +
		"250-AUTH plain XOAUTH2\r\n250-AUTH=LOGIN CRAM-MD5\r\n250-LIMITS RCPTMAX=5 mailmax=7\r\n250-STARTTLSX\r\n250 \r\n"
	r, err := NewReplyReader(strings.NewReader(reply)).Next()
	want := Extensions{Pipelining: true, EightBit: true, UTF8: true, DSN: true, StartTLS: true, HasSize: true, Size: 1000,
		Auth: Plain | Login | CRAMMD5, MailMax: 7}
	if got := ParseExtensions(r); err != nil || got != want {
		t.Errorf("%+v %v", got, err)
	}
	for line, want := range map[string]Extensions{
		"":                                {},
		"SIZE":                            {HasSize: true},
		"SIZE 0":                          {HasSize: true},
		"SIZE -5":                         {HasSize: true},
		"SIZE 99999999999999999999999999": {HasSize: true},
		"LIMITS MAILMAX=0":                {},
		"LIMITS MAILMAX=-1 MAILMAX=x":     {},
		"LIMITS MAILMAX=99999999999":      {MailMax: 1_000_000},
		"XPIPELINING":                     {},
		"AUTH":                            {},
	} {
		r, err := NewReplyReader(strings.NewReader("250-mx.test\r\n250 " + line + "\r\n")).Next()
		if got := ParseExtensions(r); err != nil || got != want {
			t.Errorf("%q: %+v %v", line, got, err)
		}
	}
	if r, _ := NewReplyReader(strings.NewReader("250 PIPELINING\r\n")).Next(); ParseExtensions(r) != (Extensions{}) {
		t.Error("the server's name is taken for an extension")
	}
}

func TestMechanisms(t *testing.T) {
	for _, c := range []struct {
		offered          Mechanisms
		inTLS, inTheOpen string
	}{
		{Plain | Login | CRAMMD5, "PLAIN", "CRAM-MD5"}, {Login | CRAMMD5, "LOGIN", "CRAM-MD5"}, {Login, "LOGIN", "LOGIN"}, {0, "", ""},
	} {
		if a, b := c.offered.Choose(true).String(), c.offered.Choose(false).String(); a != c.inTLS || b != c.inTheOpen {
			t.Errorf("%b: %s, %s", c.offered, a, b)
		}
	}
	r, _ := NewReplyReader(strings.NewReader("334 " + strings.Repeat("QUJD", 4000) + "\r\n")).Next()
	if _, err := CRAMResponse(r, "a", "b"); !errors.Is(err, ErrReply) {
		t.Errorf("a challenge of 16 KB: %v", err)
	}
}

func TestXtext(t *testing.T) {
	for in, want := range map[string]string{"": "", "abc": "abc", "a+b=c d": "a+2Bb+3Dc+20d", "\r\n\x00\x7f": "+0D+0A+00+7F", "ü": "+C3+BC", "<>": "<>"} {
		if got := string(AppendXtext(nil, in)); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
	for in, want := range map[string]string{"jörg@b": `j\x{F6}rg@b`, `a\b`: `a\x{5C}b`, "a+b\r\n": `a\x{2B}b\x{D}\x{A}`, "😀": `\x{1F600}`} {
		if got := string(AppendUTF8Xtext(nil, in)); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}
