package mime

import (
	"bytes"
	"errors"
	"io"
	"mime/quotedprintable"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestRewrite(t *testing.T) {
	source := []byte("0123456789")
	for _, c := range []struct {
		edits []Edit
		want  string
	}{
		{nil, "0123456789"},
		{[]Edit{{8, 9, []byte("y")}, {0, 1, nil}}, "1234567y9"},
		{[]Edit{{5, 5, []byte("a")}, {5, 5, []byte("b")}, {5, 10, []byte("c")}}, "01234abc"},
		{[]Edit{{10, 10, []byte("z")}}, "0123456789z"},
	} {
		if got := string(Rewrite(source, c.edits)); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
	defer func() {
		if recover() == nil {
			t.Error("edits that overlap were done")
		}
	}()
	Rewrite(source, []Edit{{0, 5, nil}, {4, 6, nil}})
}

func TestTextOfAPart(t *testing.T) {
	for _, c := range []struct{ header, body, want string }{
		{"", "Zo\xc3\xab", "Zoë"},
		{"", "Zo\xeb", "Zoë"},
		{"Content-Type: text/plain; charset=us-ascii", "Zo\xeb", "Zoë"},
		{"Content-Type: text/plain; charset=utf-8", "Zo\xeb", "Zo\xeb"},
		{"Content-Type: text/plain; charset=iso-8859-1", "\x80", "€"},
		{"Content-Type: text/plain; charset=\" ISO-8859-15 \"", "\xa4", "€"},
		{"Content-Type: text/plain; charset=utf-16le", "a\x00b\x00", "ab"},
		{"Content-Transfer-Encoding: Quoted-Printable", "a=3d=\r\nb =  \r\nc \t\r\n=E2=82=AC=zz=4\n=", "a=b c\r\n€=zz=4\n"},
		{"Content-Transfer-Encoding: quoted-printable", "end =", "end "},
		{"Content-Transfer-Encoding: base64", "YW\r\nJj\r\n", "abc"},
		{"Content-Transfer-Encoding: base64", "YQ==YmM= *!", "abc"},
		{"Content-Transfer-Encoding: base64", "YWJj-garbage Z", "abc\x81\xaa\xdb\x06\xa1"},
		{"Content-Transfer-Encoding: 8bit (really)", "a=3D", "a=3D"},
		{"Content-Transfer-Encoding: x-uuencode", "a=3D", "a=3D"},
	} {
		source := []byte(c.header + "\r\n\r\n" + c.body)
		if c.header == "" {
			source = source[2:]
		}
		parts, err := Parts(source)
		if err != nil {
			t.Fatal(err)
		}
		got, err := parts[0].AppendText([]byte("-"), source)
		if c.header == "Content-Transfer-Encoding: base64" && strings.Contains(c.body, "garbage") {
			if err != nil || !bytes.HasPrefix(got, []byte("-abc")) {
				t.Errorf("%q: %q %v", c.body, got, err)
			}
			continue
		}
		if err != nil || string(got) != "-"+c.want {
			t.Errorf("%s %q: %q %v, want %q", c.header, c.body, got, err, c.want)
		}
	}
	source := []byte("Content-Type: text/plain; charset=iso-2022-cn\r\n\r\nx")
	parts, _ := Parts(source)
	var unknown CharsetError
	if got, err := parts[0].AppendText([]byte("-"), source); string(got) != "-" || !errors.As(err, &unknown) || unknown != "iso-2022-cn" {
		t.Errorf("%q %v", got, err)
	}
}

func TestQuotedPrintable(t *testing.T) {
	for text, want := range map[string]string{
		"":                             "",
		"a=b\n":                        "a=3Db\r\n",
		"a \nb\t\r\n ":                 "a=20\r\nb=09\r\n=20",
		"a\rb\x00":                     "a=0Db=00",
		"--x\r\n-- \n-y-- \n-":         "=2D-x\r\n=2D-=20\r\n-y--=20\r\n-",
		strings.Repeat("x", 76):        strings.Repeat("x", 76),
		strings.Repeat("x", 77):        strings.Repeat("x", 75) + "=\r\nxx",
		strings.Repeat("x", 75) + "é":  strings.Repeat("x", 75) + "=\r\n=C3=A9",
		strings.Repeat("x", 73) + "=":  strings.Repeat("x", 73) + "=3D",
		strings.Repeat("x", 75) + " ":  strings.Repeat("x", 75) + "=\r\n=20",
		strings.Repeat("x", 75) + "--": strings.Repeat("x", 75) + "=\r\n=2D-",
	} {
		if got := string(AppendQuotedPrintable(nil, []byte(text))); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
	AppendQuotedPrintable(nil, bytes.Repeat([]byte("x"), 4<<20)) // one line: the time is not its square
}

func FuzzQuotedPrintable(f *testing.F) {
	f.Add([]byte("Zoë =\n--x \r\n\r"))
	f.Add([]byte(strings.Repeat("x", 75) + "--a \n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		out := AppendQuotedPrintable(nil, text)
		for line := range bytes.SplitSeq(out, []byte("\r\n")) {
			if len(line) > 76 || bytes.HasPrefix(line, []byte("--")) || bytes.ContainsAny(line, "\r\n\x00") ||
				bytes.HasSuffix(line, []byte(" ")) || bytes.HasSuffix(line, []byte("\t")) {
				t.Fatalf("line %q", line)
			}
		}
		want := bytes.ReplaceAll(bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n")), []byte("\n"), []byte("\r\n"))
		if got := appendQuotedPrintableDecoded(nil, out); !bytes.Equal(got, want) {
			t.Fatalf("%q became %q", want, got)
		}
		if got, err := io.ReadAll(quotedprintable.NewReader(bytes.NewReader(out))); err != nil || !bytes.Equal(got, want) {
			t.Fatalf("%q is %q for others: %v", want, got, err)
		}
	})
}

func FuzzParts(f *testing.F) {
	f.Add([]byte(mixed+"--a\r\nContent-Type: text/html; charset=iso-8859-1\r\n\r\nx\r\n--a\r\nContent-Type: multipart/alternative; boundary=b\r\n\r\n--b\r\n\r\n--a--\r\n"), "Zoë")
	f.Add([]byte(strings.ReplaceAll(mixed, "\r", "")+"--a\nContent-Transfer-Encoding: base64\n\nYQ==\n--a\n--a--"), "--a\n")
	f.Add([]byte("Content-Type: text/plain; charset=iso-2022-jp\r\nno field\r\n"), "\x00\r")
	f.Add([]byte("Content-Type: multipart/digest; boundary=\"a:\"\n\n--a:\nX: y\n--a:\n\n"), strings.Repeat("x", 1200))
	f.Fuzz(func(t *testing.T, source []byte, text string) {
		parts, err := Parts(source)
		if err != nil {
			return
		}
		checkNesting(t, source, parts)
		if !bytes.Equal(Rewrite(source, nil), source) {
			t.Fatal("changed without edits")
		}
		text = strings.ToValidUTF8(text, "?")
		var edits []Edit
		var changed []int
		for i := range parts {
			if p := &parts[i]; p.IsText("plain") && utf8.ValidString(p.charset()) {
				edits = p.AppendTextEdits(edits, source, []byte(text))
				changed = append(changed, i)
			}
		}
		out := Rewrite(source, edits)
		after, err := Parts(out)
		if err != nil {
			return // an added field may have been one too many
		}
		if outline(after) != outline(parts) {
			t.Fatalf("%s became %s: %q", outline(parts), outline(after), out)
		}
		for _, i := range changed {
			got, err := after[i].AppendText(nil, out)
			if plainLines(string(got)) != plainLines(text) && err == nil {
				t.Fatalf("%q became %q in %q", text, got, out)
			}
		}
	})
}

func plainLines(s string) string { return strings.ReplaceAll(s, "\r\n", "\n") }

// checkNesting: headers and contents follow each other, and what a multipart holds lies in it, one after the other.
func checkNesting(t *testing.T, source []byte, parts []Part) {
	end := make([]int, len(parts)) // of the last part in each multipart
	for i := range parts {
		p := &parts[i]
		if p.Start < 0 || p.HeaderEnd < p.Start || p.Body < p.HeaderEnd || p.End < p.Body || p.End > len(source) {
			t.Fatalf("part %d: %d %d %d %d of %d", i, p.Start, p.HeaderEnd, p.Body, p.End, len(source))
		}
		for _, f := range p.Fields {
			if f.Start < p.Start || f.End > p.HeaderEnd || !bytes.HasPrefix(source[f.Start:], f.Name) {
				t.Fatalf("field %q of part %d", f.Name, i)
			}
		}
		end[i] = p.Body
		if p.Parent < 0 {
			if i != 0 || p.Start != 0 || p.End != len(source) || p.Depth != 0 {
				t.Fatalf("part %d is the message", i)
			}
			continue
		}
		m := &parts[p.Parent]
		if p.Parent >= i || !m.Multipart || p.Depth != m.Depth+1 || p.Start < end[p.Parent] || p.End > m.End {
			t.Fatalf("part %d does not lie in %d", i, p.Parent)
		}
		end[p.Parent] = p.End
	}
}

// Windows names its code pages in its own way, and HZ is none that browsers know.
func TestCharsetsOfMailAlone(t *testing.T) {
	for word, want := range map[string]string{
		"=?cp932?B?g0mDVQ==?=":              "オザ",
		"=?CP936?B?z7XNs83L0MU=?=":          "系统退信",
		"=?cp949?B?uN7Az8C7?=":              "메일을",
		"=?cp950?B?sGirSA==?=":              "退信",
		"=?hz-gb-2312?Q?=7E{O5M3MKPE=7E}?=": "系统退信",
		"=?iso-2022-kr?Q?a?=":               "=?iso-2022-kr?Q?a?=",
		"=?x-unknown?Q?a?=":                 "=?x-unknown?Q?a?=",
	} {
		if got := DecodeWords(word); got != want {
			t.Errorf("%s: %s", word, got)
		}
	}
}
