package mime

import (
	"bytes"
	stdmime "mime"
	"net/mail"
	"slices"
	"strings"
	"testing"
)

func TestAppendField(t *testing.T) {
	for _, c := range []struct{ name, value, want string }{
		{"X-A", "b", "X-A: b\r\n"},
		{"X-A", "", "X-A: \r\n"},
		{"X-A", "  b  ", "X-A: b\r\n"},
		{"X-A", "b\r\nBcc: x@y.test", "X-A: b Bcc: x@y.test\r\n"},
		{"X-A", "b\nc\rd\x00e\x7ff", "X-A: b c d e f\r\n"},
		{"X-A", "=?utf-8?q?b?=", "X-A: =?utf-8?q?b?=\r\n"},
		{"Subject", "Zoë", "Subject: =?utf-8?q?Zo=C3=AB?=\r\n"},
		{"Subject", "a Zoë b", "Subject: a =?utf-8?q?Zo=C3=AB?= b\r\n"},
		{"Subject", "a Zoë  ëb c", "Subject: a =?utf-8?q?Zo=C3=AB__=C3=ABb?= c\r\n"},
		{"Subject", "日本語", "Subject: =?utf-8?b?5pel5pys6Kqe?=\r\n"},
		{"Subject", "a\xffb", "Subject: =?utf-8?q?a=EF=BF=BDb?=\r\n"},
		{"X-A", strings.Repeat("word ", 20), "X-A:" + strings.Repeat(" word", 14) + "\r\n" + strings.Repeat(" word", 6) + "\r\n"},
		{"X-A", strings.Repeat("x", 100), "X-A: " + strings.Repeat("x", 100) + "\r\n"},
		{"To", "Zoë <z@b.test>", "To: =?utf-8?q?Zo=C3=AB?= <z@b.test>\r\n"},
		{"To", `"Zoë, x" <z@bücher.test>, c@d.test`, "To: =?utf-8?q?Zo=C3=AB=2C_x?= <z@xn--bcher-kva.test>, c@d.test\r\n"},
		{"Bad Name", "x", ""},
		{"Bad:Name", "x", ""},
		{"", "x", ""},
		{"Bad\r\nName", "x", ""},
		{"Bäd", "x", ""},
	} {
		if got := string(AppendField(nil, c.name, c.value)); got != c.want {
			t.Errorf("%q %q: %q, want %q", c.name, c.value, got, c.want)
		}
	}
	if got := string(AppendText(nil, "Subject", "no =?utf-8?q?word?= here")); got != "Subject: no =?utf-8?q?=3D=3Futf-8=3Fq=3Fword=3F=3D?= here\r\n" {
		t.Errorf("%q", got)
	}
}

func TestAppendMailboxes(t *testing.T) {
	for _, c := range []struct {
		list []Mailbox
		want string
	}{
		{nil, ""},
		{[]Mailbox{{}, {Name: "\r\n"}}, ""},
		{[]Mailbox{{}, {Address: "a@b.test"}, {Address: "\x00"}}, "a@b.test"},
		{[]Mailbox{{Address: "a@b.test"}}, "a@b.test"},
		{[]Mailbox{{Name: "Ada", Address: "a@b.test"}}, "Ada <a@b.test>"},
		{[]Mailbox{{Name: "Lovelace, Ada", Address: "a@b.test"}}, `"Lovelace, Ada" <a@b.test>`},
		{[]Mailbox{{Name: `Ada "x\`, Address: "a@b.test"}}, `"Ada \"x\\" <a@b.test>`},
		{[]Mailbox{{Name: "Ada\r\nBcc: x", Address: "a@b.test\r\n"}}, `"Ada Bcc: x" <a@b.test>`},
		{[]Mailbox{{Name: "Zoë", Address: "zoë@bücher.test"}}, "=?utf-8?q?Zo=C3=AB?= <zoë@bücher.test>"},
		{[]Mailbox{{Address: "a@bücher.test"}}, "a@xn--bcher-kva.test"},
		{[]Mailbox{{Address: "a b@c.test"}}, `"a b"@c.test`},
		{[]Mailbox{{Address: `"a b"@c.test`}}, `"a b"@c.test`},
		{[]Mailbox{{Address: `"a"b"@c.test`}}, `"\"a\"b\""@c.test`},
		{[]Mailbox{{Address: `"a\"@c.test`}}, `"\"a\\\""@c.test`},
		{[]Mailbox{{Address: "a@b.test>, <c@d.test"}}, `"a@b.test>, <c"@d.test`},
		{[]Mailbox{{Address: "a@b.test> x"}}, `"a@b.test> x"`},
		{[]Mailbox{{Address: "a@[192.0.2.1]"}}, "a@[192.0.2.1]"},
		{[]Mailbox{{Address: "a@[x]> <y]"}}, `"a@[x]> <y]"`},
		{[]Mailbox{{Name: "Ada"}}, "Ada"},
		{[]Mailbox{{Name: `{$n|default:"x, y"}`, Address: `{$r|default:"a@b"}`, Verbatim: true}},
			`=?utf-8?q?=7B=24n=7Cdefault=3A=22x=2C_y=22=7D?= <{$r|default:"a@b"}>`},
		{[]Mailbox{{Name: "{name} {x}", Address: "a@b.test"}}, "{name} {x} <a@b.test>"},
	} {
		want := ""
		if c.want != "" {
			want = "To: " + c.want + "\r\n"
		}
		if got := string(AppendMailboxes(nil, "To", c.list)); got != want {
			t.Errorf("%+v: %q, want %q", c.list, got, want)
		}
	}
}

func TestMailboxes(t *testing.T) {
	for _, c := range []struct {
		text, opaque string
		want         []Mailbox
	}{
		{`a@b.test`, "", []Mailbox{{Address: "a@b.test"}}},
		{`Ada <a@b.test>, "Lovelace, \"Ada\"" <c@d.test>,,`, "", []Mailbox{{Name: "Ada", Address: "a@b.test"}, {Name: `Lovelace, "Ada"`, Address: "c@d.test"}}},
		{`John Q. "x"  Public <a@b.test>`, "", []Mailbox{{Name: "John Q. x Public", Address: "a@b.test"}}},
		{`a@b.test (Ada (x\) y))`, "", []Mailbox{{Name: "Ada (x) y)", Address: "a@b.test"}}},
		{`Friends: a@b.test, C <c@d.test>; e@f.test`, "", []Mailbox{{Address: "a@b.test"}, {Name: "C", Address: "c@d.test"}, {Address: "e@f.test"}}},
		{`undisclosed-recipients:;`, "", nil},
		{`<@r.test,@s.test:a@b.test>`, "", []Mailbox{{Address: "a@b.test"}}},
		{`"odd \"local"@b.test, a@[IPv6:::1]`, "", []Mailbox{{Address: `"odd \"local"@b.test`}, {Address: "a@[IPv6:::1]"}}},
		{`a . b @ c . test`, "", []Mailbox{{Address: "a.b@c.test"}}},
		{`Ada`, "", []Mailbox{{Name: "Ada"}}},
		{`Ada <>`, "", []Mailbox{{Name: "Ada"}}},
		{`<a@b.test> "x" y, c@d.test`, "", []Mailbox{{Address: "a@b.test"}, {Address: "c@d.test"}}},
		{`L, A <a@b.test>`, "L, A", []Mailbox{{Name: "L, A", Address: "a@b.test"}}},
		{`"x" y\" <a@b.test>`, `x" y\`, []Mailbox{{Name: `x" y\`, Address: "a@b.test"}}},
		{`<a@b.test>, <c@d.test>`, `a@b.test>, <c@d.test`, []Mailbox{{Address: "a@b.test>, <c@d.test"}}},
		{`\,x <a@b.test>`, `,x`, []Mailbox{{Name: `\,x`, Address: "a@b.test"}}},
		{`"\"x" <a@b.test>`, `"x`, []Mailbox{{Name: `\"x`, Address: "a@b.test"}}},
		{`a@b.test (c), <x)`, `c), <x`, []Mailbox{{Name: `c), <x`, Address: "a@b.test"}}},
	} {
		var opaque []Span
		if c.opaque != "" {
			i := strings.Index(c.text, c.opaque)
			opaque = []Span{{i, i + len(c.opaque)}}
		}
		if got := Mailboxes(c.text, opaque); !slices.Equal(got, c.want) {
			t.Errorf("%q: %+v, want %+v", c.text, got, c.want)
		}
	}
}

func TestDecodeWords(t *testing.T) {
	for text, want := range map[string]string{
		"a =?utf-8?q?Zo=C3=AB_x?= b":                               "a Zoë x b",
		"=?UTF-8?B?Wm/Dqw==?=":                                     "Zoë",
		"=?utf-8?q?Zo=C3?= \t=?utf-8?q?=AB?= =?iso-8859-1?q?=EB?=": "Zoëë",
		"=?iso-8859-1*nl?q?Zo=EB?=":                                "Zoë",
		"=?iso-2022-jp?b?GyRCRnxLXBsoQg==?=":                       "日本",
		"=?x-none?q?Zo=EB?= =?x-none?q?x?=":                        "=?x-none?q?Zo=EB?= =?x-none?q?x?=",
		"=?utf-8?q?with blank?=":                                   "with blank",
		"=?utf-8?x?a?= =? =?utf-8?q?":                              "=?utf-8?x?a?= =? =?utf-8?q?",
		"=?utf-8?q?a?=b":                                           "ab",
		"Zo\xeb":                                                   "Zoë",
		"=?utf-8?q?=FF?=":                                          "\uFFFD",
		"=?utf-8?q?a?= ":                                           "a ",
	} {
		if got := DecodeWords(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
	DecodeWords(strings.Repeat("=?a?q? ", 150_000))
	DecodeWords(strings.Repeat("=?a?q?x?= ", 100_000))
}

// checkLines fails when a field is anything but one field in short lines.
func checkLines(t *testing.T, field []byte, longest int) {
	t.Helper()
	h, err := ParseHeader(append(slices.Clone(field), "\r\n"...))
	if err != nil || len(h.Fields) != 1 || h.Body != len(field) {
		t.Fatalf("%q is not one field", field)
	}
	for line := range bytes.SplitSeq(bytes.TrimSuffix(field, []byte("\r\n")), []byte("\r\n")) {
		if len(bytes.TrimSpace(line)) == 0 && len(field) > 100 || bytes.ContainsAny(line, "\r\n\x00") || len(line) > longest {
			t.Fatalf("line %q in %q", line, field)
		}
	}
}

func FuzzText(f *testing.F) {
	for _, s := range []string{"x", "a Zoë  ëb", "=?utf-8?q?x?=", strings.Repeat("ë ", 90), strings.Repeat("日本", 60), "a\r\nB: c", "{$a|default:\"é\"} x"} {
		f.Add("X-Test-Of-Some-Length", s)
	}
	f.Fuzz(func(t *testing.T, name, text string) {
		field := AppendText(nil, name, text)
		if len(field) == 0 {
			if ValidName(name) {
				t.Fatal("nothing")
			}
			return
		}
		checkLines(t, field, 998)
		value := string(Unfold(field[len(name)+1:]))
		if got, want := DecodeWords(value), clean(text); got != want {
			t.Fatalf("%q is read as %q", want, got)
		}
		if got, err := new(stdmime.WordDecoder).DecodeHeader(value); err != nil || got != clean(text) {
			t.Fatalf("%q is read as %q by others: %v", clean(text), got, err)
		}
	})
}

func FuzzMailboxes(f *testing.F) {
	for _, s := range []string{"a@b.test", "a@b.test>, <c@d.test", `"a"@b.test`, "zoë@bücher.test", `"a\"@b.test`} {
		f.Add("Lovelace, Ada", s)
		f.Add("Zoë \"x\"", s)
	}
	f.Fuzz(func(t *testing.T, name, address string) {
		list := []Mailbox{{Name: "First", Address: "first@a.test"}, {Name: name, Address: address}, {Address: "last@a.test"}}
		field := AppendMailboxes(nil, "To", list)
		checkLines(t, field, len(address)*2+1100)
		value := Unfold(field[len("To:"):])
		read := Mailboxes(string(value), nil)
		want := 3
		if clean(name)+clean(address) == "" {
			want = 2
		}
		if len(read) != want {
			t.Fatalf("%q has %d entries", field, len(read))
		}
		if read[0] != list[0] || read[len(read)-1] != list[2] {
			t.Fatalf("%q is read as %+v", field, read)
		}
		if n := len(Addresses(value)); n > 3 {
			t.Fatalf("%q has %d addresses", field, n)
		}
		others, err := mail.ParseAddressList(string(value))
		if err != nil {
			return // an address that is none, as it came
		}
		if len(others) != want || want == 3 && others[1].Name != clean(name) {
			t.Fatalf("%q is read as %q", field, others)
		}
	})
}
