package mime

import (
	"bytes"
	"strings"
	"testing"
)

func TestSevenBit(t *testing.T) {
	const text = "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\nGrüße\r\n"
	for name, c := range map[string]struct{ source, want string }{ // an empty want: cannot be done
		"nothing":          {"", ""},
		"ASCII":            {"A: b\r\n\r\nx\r\n", "A: b\r\n\r\nx\r\n"},
		"labelled in vain": {"Content-Transfer-Encoding: 8BIT\r\n\r\nx\r\n", "Content-Transfer-Encoding: 8BIT\r\n\r\nx\r\n"},
		"no structure":     {strings.Repeat("A: b\r\n", MaxFields+1), strings.Repeat("A: b\r\n", MaxFields+1)},
		"text": {"A: b\r\n" + text + ".\r\n",
			"A: b\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nGr=C3=BC=C3=9Fe\r\n.\r\n"},
		"no MIME": {"A: b\r\n\r\n\xfc\r\n", "A: b\r\nContent-Transfer-Encoding: quoted-printable\r\nMIME-Version: 1.0\r\n\r\n=FC\r\n"},
		"long line": {"A: b\r\n\r\n" + strings.Repeat("y", 999) + "\r\n",
			"A: b\r\nContent-Transfer-Encoding: quoted-printable\r\nMIME-Version: 1.0\r\n\r\n" + strings.Repeat(strings.Repeat("y", 75)+"=\r\n", 13) + strings.Repeat("y", 24) + "\r\n"},
		"multipart": {
			"MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=x\r\nContent-Transfer-Encoding: 8bit\r\n\r\n--x\r\n" + text +
				"--x\r\nContent-Transfer-Encoding: base64\r\n\r\nAAAA\r\n--x\r\nContent-Type: message/rfc822\r\nContent-Transfer-Encoding: 8bit\r\n\r\nA: b\r\n\r\nx\r\n--x--\r\n",
			"MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=x\r\nContent-Transfer-Encoding: 7bit\r\n\r\n--x\r\n" +
				"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nGr=C3=BC=C3=9Fe\r\n" +
				"--x\r\nContent-Transfer-Encoding: base64\r\n\r\nAAAA\r\n--x\r\nContent-Type: message/rfc822\r\nContent-Transfer-Encoding: 7bit\r\n\r\nA: b\r\n\r\nx\r\n--x--\r\n"},
		"header":                   {"A: ü\r\n\r\nx\r\n", ""},
		"header of a part":         {"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\nA: ü\r\n\r\nx\r\n--x--\r\n", ""},
		"text before the parts":    {"Content-Type: multipart/mixed; boundary=x\r\n\r\nü\r\n--x\r\n\r\nx\r\n--x--\r\n", ""},
		"signed":                   {"Content-Type: multipart/signed; boundary=x\r\n\r\n--x\r\n" + text + "--x--\r\n", ""},
		"attached mail":            {"Content-Type: message/rfc822\r\n\r\n" + text, ""},
		"encoded, and 8-bit still": {"Content-Transfer-Encoding: base64\r\n\r\nAAAAü\r\n", ""},
		"bare CR":                  {"A: b\r\nC: x\ry\r\n\r\nx\r\n", ""},
		"too many parts":           {"Content-Type: multipart/mixed; boundary=x\r\n\r\n" + strings.Repeat("--x\r\n\r\nü\r\n", MaxParts+1), ""},
	} {
		got, ok := SevenBit([]byte(c.source))
		if ok != (c.want != "" || c.source == "") || ok && string(got) != c.want {
			t.Errorf("%s: %v %q, want %q", name, ok, got, c.want)
		}
	}
}

// FuzzSevenBit: what comes out can go anywhere, and its parts hold what they held.
func FuzzSevenBit(f *testing.F) {
	for _, seed := range []string{"A: b\r\n\r\n\xfc\r\n", "Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n\r\nü\r\n--x\r\nContent-Transfer-Encoding: 8bit\r\n--x--",
		"\r\nü", "Content-Transfer-Encoding: binary\r\n\r\n  \r\n\r\n--ü  ", "A: b", "ü"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, source []byte) {
		source = bytes.ReplaceAll(bytes.ReplaceAll(source, []byte("\r"), nil), []byte("\n"), []byte("\r\n"))
		out, ok := SevenBit(source)
		if !ok {
			return
		}
		if !staysPlain(out) {
			t.Fatalf("%q", out)
		}
		before, err := Parts(source)
		if err != nil {
			t.Fatal(err)
		}
		after, err := Parts(out)
		if err != nil || len(after) != len(before) {
			t.Fatalf("%d parts, then %d (%v): %q", len(before), len(after), err, out)
		}
		for i := range before {
			if before[i].Multipart {
				continue
			}
			if a, b := before[i].AppendDecoded(nil, source), after[i].AppendDecoded(nil, out); !bytes.Equal(a, b) {
				t.Fatalf("part %d was %q, is %q", i, a, b)
			}
		}
	})
}
