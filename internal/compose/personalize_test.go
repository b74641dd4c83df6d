package compose

import (
	"bytes"
	"encoding/base64"
	"errors"
	"io"
	stdmime "mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"strings"
	"testing"
	"time"

	ours "posthoorn/internal/mail"
	"posthoorn/internal/mime"
	"posthoorn/internal/template"
)

var now = time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)

func personalization(data string) Personalization {
	return Personalization{Data: []byte(data), Envelope: "bounce@shop.test", Recipient: "ada@mail.test", Now: now}
}

func TestPersonalizeGolden(t *testing.T) {
	cache := template.NewCache(1 << 20)
	goldens(t, "personalize", func(t *testing.T, g golden) (string, error) {
		input := g.message("input")
		p := personalization(g["data"])
		p.Document = strings.Contains(g["options"], "document")
		out, err := Personalize([]byte(input), p)
		p.Templates = cache
		for range 2 {
			again, err2 := Personalize([]byte(input), p)
			if !bytes.Equal(again, out) || (err2 == nil) != (err == nil) {
				t.Errorf("by way of the cache: %q %v", again, err2)
			}
		}
		var e *Error
		if err != nil && (!errors.As(err, &e) || e.State != ours.StatePersonalize) {
			t.Errorf("%#v is no error of this package", err)
		}
		readBack(t, out)
		return string(out), err
	})
}

// readBack has another parser read a message, and compares what it sees with what we see.
func readBack(t *testing.T, source []byte) {
	t.Helper()
	m, err := mail.ReadMessage(bytes.NewReader(source))
	if err != nil {
		t.Errorf("read back: %v", err)
		return
	}
	parts, err := mime.Parts(source)
	if err != nil {
		t.Fatal(err)
	}
	leaves := []*mime.Part{}
	for i := range parts {
		if !parts[i].Multipart {
			leaves = append(leaves, &parts[i])
		}
	}
	body, _ := io.ReadAll(m.Body)
	n := readBackPart(t, map[string][]string(m.Header), body, source, leaves)
	if n != len(leaves) {
		t.Errorf("read back: %d parts, not %d", n, len(leaves))
	}
}

// readBackPart reads a part with the parsers of the standard library; it returns how many of our leaves it holds.
func readBackPart(t *testing.T, header map[string][]string, body, source []byte, leaves []*mime.Part) int {
	t.Helper()
	get := func(name string) string { return strings.Join(header[name], "") }
	kind, params, _ := stdmime.ParseMediaType(get("Content-Type"))
	if strings.HasPrefix(kind, "multipart/") && kind != "multipart/signed" && kind != "multipart/encrypted" {
		n := 0
		for r := multipart.NewReader(bytes.NewReader(body), params["boundary"]); ; {
			p, err := r.NextRawPart()
			if err != nil {
				return n
			}
			inner, _ := io.ReadAll(p)
			n += readBackPart(t, p.Header, inner, source, leaves[min(n, len(leaves)):])
		}
	}
	if len(leaves) == 0 {
		t.Error("read back: a part more")
		return 1
	}
	switch strings.ToLower(get("Content-Transfer-Encoding")) {
	case "quoted-printable":
		body, _ = io.ReadAll(quotedprintable.NewReader(bytes.NewReader(body)))
	case "base64":
		body, _ = io.ReadAll(base64.NewDecoder(base64.StdEncoding, bytes.NewReader(body)))
	}
	if got := leaves[0].AppendDecoded(nil, source); !bytes.Equal(got, body) {
		t.Errorf("read back: %q, not %q", body, got)
	}
	return 1
}

func TestNoDataNoTemplates(t *testing.T) {
	source := "Subject: {$name}\r\n\r\n{$name} {if}"
	for _, data := range []string{"", "null", " null\n"} {
		if out, err := Personalize([]byte(source), personalization(data)); string(out) != source || err != nil {
			t.Errorf("%q: %q %v", data, out, err)
		}
	}
	for _, data := range []string{"[]", `"x"`, "1", "true"} {
		out, err := Personalize([]byte(source), personalization(data))
		if string(out) != source || err == nil || err.Error() != "data, it must be an object" {
			t.Errorf("%q: %q %v", data, out, err)
		}
	}
}

// Whatever a value holds, the header has the fields and the addresses that its author wrote.
func TestValuesCannotChangeTheHeader(t *testing.T) {
	source := []byte("From: {$v} <news@shop.test>\r\nTo: \"{$v}\" <{$recipient}>, Bo ({$v}) <bo@mail.test>\r\nCc: <{$v}@mail.test>\r\n" +
		"Reply-To: {$v}\r\nSubject: a {$v} b\r\nList-Unsubscribe: <https://a.test/{$v}>, <mailto:{$v}>\r\n\r\n{$v}\r\n")
	for _, v := range []string{
		"x\r\nBcc: x@y.test", "x\n\nbody", "x\r\n\r\n", "Lovelace, Ada", `a" <x@y.test>, "`, "x@y.test>, <z@y.test", "a@b.test, c@d.test",
		`\`, `\"`, "(", ")", "a (b", "x;y:z", "=?utf-8?q?=22=2C_x=40y.test?=", "\x00\x01\x7f", "é, ü", strings.Repeat("long ", 300),
		strings.Repeat("x", 3000), "\uFDD0\uFDD1", "<script>", "\u2028x", "{$recipient}", "x> , <y", "[1.2.3.4]", "@", "",
	} {
		p := personalization("")
		p.Data = append(ours.AppendString([]byte(`{"v":`), v), '}')
		out, err := Personalize(source, p)
		if err != nil {
			t.Errorf("%q: %v", v, err)
			continue
		}
		h, err := mime.ParseHeader(out)
		if err != nil || !h.Closed {
			t.Fatalf("%q: %q", v, out)
		}
		known := "From To Cc Reply-To Subject List-Unsubscribe Content-Type Content-Transfer-Encoding MIME-Version"
		for _, f := range h.Fields {
			if !strings.Contains(known, string(f.Name)) {
				t.Errorf("%q: %q", v, out[f.Start:f.End])
			}
			known = strings.Replace(known, string(f.Name), "", 1)
			n := map[string]int{"From": 1, "To": 2, "Cc": 1, "Reply-To": 1}[string(f.Name)]
			if n > 0 && len(mime.Mailboxes(string(mime.Unfold(f.Value)), nil)) != n {
				t.Errorf("%q: %q", v, out[f.Start:f.End])
			}
			if n := bytes.Count(f.Value, []byte{'<'}); f.Is("List-Unsubscribe") && n != 2 {
				t.Errorf("%q: %q", v, out[f.Start:f.End])
			}
		}
	}
}

// A value that holds a boundary begins no part, also where a line of quoted-printable is broken before it.
func TestValuesCannotBeginParts(t *testing.T) {
	for _, encoding := range []string{"7bit", "quoted-printable", "base64"} {
		for n := range 80 {
			v := strings.Repeat("x", n) + `--a b--\r\n--a b\r\nContent-Type: text/html\r\n\r\nevil\n--a b--`
			source := "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=\"a b\"\r\n\r\n--a b\r\nContent-Transfer-Encoding: " + encoding +
				"\r\n\r\n{$v}\r\n--a b\r\n\r\nlast\r\n--a b--\r\n"
			if encoding == "base64" {
				source = strings.Replace(source, "{$v}", base64.StdEncoding.EncodeToString([]byte("{$v}")), 1)
			}
			out, err := Personalize([]byte(source), personalization(`{"v":"`+v+`"}`))
			if err != nil {
				t.Fatal(err)
			}
			if parts, err := mime.Parts(out); err != nil || len(parts) != 3 {
				t.Fatalf("%s: %q", encoding, out)
			}
			readBack(t, out)
		}
	}
}

func TestPersonalizeRefusesBombs(t *testing.T) {
	deep := strings.Repeat("Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n", 2000)
	if out, err := Personalize([]byte(deep), personalization("{}")); !errors.Is(err, mime.ErrDepth) || string(out) != deep {
		t.Error(err)
	}
	huge := "Subject: {foreach $a in $l}{foreach $b in $l}{$s}{/foreach}{/foreach}\r\n\r\nhello {$s}\r\n"
	data := `{"s":"` + strings.Repeat("x", 1000) + `","l":[` + strings.Repeat("1,", 500) + `1]}`
	out, err := Personalize([]byte(huge), personalization(data))
	if err == nil || !strings.HasPrefix(err.Error(), "Subject, ") || len(out) > len(huge)+2000 {
		t.Errorf("%v, %d bytes", err, len(out))
	}
}

func TestPartsShareTheRoomForOutput(t *testing.T) {
	source := []byte("Content-Type: multipart/mixed; boundary=b\r\n" + strings.Repeat("\r\n--b\r\n\r\n{foreach $a in $l}text{/foreach}", 10))
	parts, err := mime.Parts(source)
	if err != nil {
		t.Fatal(err)
	}
	r := renderer{source: source, room: 100, vars: [2]template.Value{template.JSON([]byte(`{"l":[1,2,3,4,5,6]}`))}}
	for i := range parts {
		r.part(&parts[i], "text")
	}
	if out := mime.Rewrite(source, r.edits); bytes.Count(out, []byte("text")) != 4*6+6 || len(r.errs) != 6 {
		t.Errorf("%d errors, %q", len(r.errs), out)
	}
}

func FuzzPersonalize(f *testing.F) {
	f.Add([]byte("From: {$v} <{$recipient}>\r\nSubject: =?utf-8?q?=7B$v=7D?=\r\n\r\n{$v}"), "x, \"y")
	f.Add([]byte("Content-Type: multipart/mixed; boundary=a\n\n--a\nContent-Type: text/html; charset=iso-8859-1\nContent-Transfer-Encoding: quoted-printable\n\n=7B$v}\n--a--\n"), "€")
	f.Add([]byte("To: {if $v}\"{$v}\" <a@b.test>{/if}, {$v}\r\n\r\n"), "a@b.test, c@d.test")
	f.Add([]byte("Content-Type: text/plain; charset=\"x\r\nContent-Transfer-Encoding: base64\r\n\r\ne3Yk"), "")
	f.Fuzz(func(t *testing.T, source []byte, v string) {
		p := personalization("")
		p.Data = append(ours.AppendString([]byte(`{"v":`), v), '}')
		p.Document = len(v)%2 == 0
		before, _ := mime.Parts(source)
		out, err := Personalize(source, p)
		if bytes.IndexByte(source, '{') < 0 && !bytes.Contains(source, []byte("=")) && !bytes.Contains(bytes.ToLower(source), []byte("base64")) && !bytes.Equal(out, source) {
			t.Fatal("changed without a brace")
		}
		after, err2 := mime.Parts(out)
		if err != nil || err2 != nil || before == nil {
			return
		}
		if len(after[0].Fields) > len(before[0].Fields)+3 { // MIME-Version, Content-Type, Content-Transfer-Encoding
			t.Fatalf("%q became %q", source, out)
		}
	})
}
