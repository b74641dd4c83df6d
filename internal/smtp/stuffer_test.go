package smtp

import (
	"bytes"
	"strings"
	"testing"
)

// stuff sends data in pieces of n bytes.
func stuff(data string, n int) string {
	var s Stuffer
	var out []byte
	for len(data) > 0 {
		piece := data[:min(n, len(data))]
		out = s.Append(out, []byte(piece))
		data = data[len(piece):]
	}
	return string(s.Finish(out))
}

// plainly is what Stuffer ought to do, in as many words.
func plainly(data string) string {
	data = strings.ReplaceAll(data, "\x00", " ")
	data = strings.ReplaceAll(data, "\r\n", "\n")
	data = strings.ReplaceAll(data, "\r", "\n")
	if data != "" && !strings.HasSuffix(data, "\n") {
		data += "\n"
	}
	var b strings.Builder
	for line := range strings.Lines(data) {
		if line[0] == '.' {
			b.WriteByte('.')
		}
		b.WriteString(strings.TrimSuffix(line, "\n") + "\r\n")
	}
	return b.String() + ".\r\n"
}

func TestStuffer(t *testing.T) {
	for in, want := range map[string]string{
		"":                    ".\r\n",
		"a\r\n":               "a\r\n.\r\n",
		"a":                   "a\r\n.\r\n",
		".":                   "..\r\n.\r\n",
		".\r\n":               "..\r\n.\r\n",
		"..\r\n.a\r\na.\r\n":  "...\r\n..a\r\na.\r\n.\r\n",
		"a\n.\nb":             "a\r\n..\r\nb\r\n.\r\n",
		"a\r.\rb":             "a\r\n..\r\nb\r\n.\r\n",
		"a\r\r\n.\r\n":        "a\r\n\r\n..\r\n.\r\n",
		"a\n\r.\r\n":          "a\r\n\r\n..\r\n.\r\n",
		"a\r\n\x00.\r\n":      "a\r\n .\r\n.\r\n",
		"a\r\x00\n.\r\x00\nb": "a\r\n \r\n..\r\n \r\nb\r\n.\r\n",
		"a\r":                 "a\r\n.\r\n",
		"\r":                  "\r\n.\r\n",
	} {
		if got := stuff(in, 1000); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

// smuggled are the ways in which an end of data has been hidden from one side (T1, T2).
func smuggled() (all []string) {
	for _, a := range []string{"\n", "\r", "\r\n", "\n\r", "\r\r\n", "\r\n\n", "\x00", "\r\x00\n", ""} {
		for _, b := range []string{"\n", "\r", "\r\n", "\n\r", "\r\r\n", "\x00\r\n", "\r\x00\n"} {
			all = append(all, "body"+a+"."+b+"MAIL FROM:<evil@x.test>\r\n")
		}
	}
	return all
}

// TestNothingIsSmuggled: there is one end of data, at the end, and no CR or LF alone, however the content is cut.
func TestNothingIsSmuggled(t *testing.T) {
	for _, in := range smuggled() {
		for n := 1; n <= len(in); n++ {
			checkStuffed(t, in, n)
		}
	}
}

func checkStuffed(t *testing.T, in string, n int) {
	t.Helper()
	out := stuff(in, n)
	if want := plainly(in); out != want {
		t.Fatalf("%q in pieces of %d: %q, want %q", in, n, out, want)
	}
	rest := strings.ReplaceAll(out, "\r\n", "")
	if strings.ContainsAny(rest, "\r\n\x00") {
		t.Fatalf("%q in pieces of %d: bare line ends in %q", in, n, out)
	}
	if end := strings.Index("\r\n"+out, "\r\n.\r\n"); end != len(out)-3 {
		t.Fatalf("%q in pieces of %d: data end at %d in %q", in, n, end, out)
	}
}

func FuzzStuffer(f *testing.F) {
	for _, s := range smuggled() {
		f.Add(s, 3)
	}
	f.Fuzz(func(t *testing.T, in string, n int) {
		if n > 0 {
			checkStuffed(t, in, n)
		}
	})
}

func TestStufferBound(t *testing.T) {
	for _, in := range []string{strings.Repeat("\n", 1000), strings.Repeat(".\n", 500), strings.Repeat("\r", 1000), strings.Repeat("..\r\n", 250)} {
		var s Stuffer
		if out := s.Append(nil, []byte(in)); len(out) > 2*len(in)+1 {
			t.Errorf("%.10q: %d bytes become %d", in, len(in), len(out))
		}
	}
}

func BenchmarkStuffer10KB(b *testing.B) {
	data := []byte(strings.Repeat(strings.Repeat("x", 74)+"\r\n", 135))
	out := make([]byte, 0, 2*len(data))
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		var s Stuffer
		out = s.Finish(s.Append(out[:0], data))
	}
	if !bytes.HasPrefix(out, data) {
		b.Fatal("changed")
	}
}
