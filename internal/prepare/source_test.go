package prepare

import (
	"bytes"
	"testing"

	"posthoorn/internal/mail"
)

func message(t testing.TB, body string) *mail.Message {
	t.Helper()
	m, err := mail.Parse([]byte(body), mail.Rules{})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestLineEnds(t *testing.T) {
	for in, want := range map[string]string{
		"a\r\nb\r\n":          "a\r\nb\r\n",
		"a\nb":                "a\r\nb\r\n",
		"a\rb\r\n":            "a\r\nb\r\n",
		"a\r\r\n.\r\n":        "a\r\n\r\n.\r\n",
		"a\n.\nMAIL FROM:<x>": "a\r\n.\r\nMAIL FROM:<x>\r\n",
		"a\x00b\r\n":          "ab\r\n",
		"\n":                  "\r\n",
		"":                    "",
		"x\r":                 "x\r\n",
		"a\r\nb\rc\r\n":       "a\r\nb\r\nc\r\n",
	} {
		m := message(t, string((&mail.Object{}).String("recipient", "a@b.c").String("mime", in).Bytes()))
		s, err := Message(m)
		if err != nil || string(s.Data) != want {
			t.Errorf("%q: got %q (%v), want %q", in, s.Data, err, want)
		}
	}
}

func FuzzLineEnds(f *testing.F) {
	f.Add([]byte("a\r\nb\n\r.\r\r\n"))
	f.Fuzz(func(t *testing.T, in []byte) {
		out := finish(bytes.Clone(in)).Data
		if !canonical(out) {
			t.Fatalf("%q becomes %q", in, out)
		}
	})
}

func TestEightBit(t *testing.T) {
	for in, want := range map[string][2]bool{
		"Subject: x\r\n\r\nplain\r\n":           {false, false},
		"Subject: x\r\n\r\nplain caf\u00e9\r\n": {true, false},
		"Subject: caf\u00e9\r\n\r\nplain\r\n":   {true, true},
		"Subject: caf\u00e9\r\n\r\n\xe9\r\n":    {true, true},
		"Subject: caf\xe9\r\n\r\nplain\r\n":     {true, false},
		"Subject: caf\xe9\r\nTo: \u00e9\r\n":    {true, false},
		"\r\ncaf\u00e9\r\n":                     {true, false},
		"\ncaf\u00e9\n\nplain":                  {true, false},
	} {
		s := finish([]byte(in))
		if s.EightBit != want[0] || s.UTF8Header != want[1] {
			t.Errorf("%q: %v %v", in, s.EightBit, s.UTF8Header)
		}
	}
}

func BenchmarkMessage(b *testing.B) {
	m := message(b, string((&mail.Object{}).String("recipient", "a@b.c").
		Text("mime", bytes.Repeat([]byte("0123456789012345678901234567890123456789012345678901234567890123456789\r\n"), 140)).Bytes()))
	b.ReportAllocs()
	for b.Loop() {
		s, _ := Message(m)
		s.Release()
	}
}
