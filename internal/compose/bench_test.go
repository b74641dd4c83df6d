package compose

import (
	"fmt"
	"strings"
	"testing"

	"posthoorn/internal/mime"
	"posthoorn/internal/template"
)

// newsletter is a mail of about 10 KB as quoted-printable, with 20 variables in its header, text and HTML.
func newsletter() (source, data []byte) {
	var html, text, members strings.Builder
	for i := range 13 {
		fmt.Fprintf(&html, "<tr><td style=\"padding: 4px; color: #335577\">Größe %d: {$v%d}</td><td>%s</td></tr>\n", i, i, strings.Repeat("some words of a newsletter, ", 18))
		fmt.Fprintf(&members, "%q:%q,", fmt.Sprintf("v%d", i), fmt.Sprintf("value %d", i))
	}
	for i := range 4 {
		fmt.Fprintf(&text, "Größe %d: {$v%d} %s\n", i, i, strings.Repeat("some words, ", 8))
	}
	var b []byte
	b = append(b, "From: Shop <news@shop.test>\r\nTo: {$name} <{$recipient}>\r\nSubject: {$name}, your points\r\nMIME-Version: 1.0\r\n"+
		"Content-Type: multipart/alternative; boundary=\"b-1\"\r\n\r\n--b-1\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"...)
	b = mime.AppendQuotedPrintable(b, []byte(text.String()))
	b = append(b, "\r\n--b-1\r\nContent-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"...)
	b = mime.AppendQuotedPrintable(b, []byte(html.String()))
	return append(b, "\r\n--b-1--\r\n"...), []byte("{" + members.String() + `"name":"Ada Lovelace"}`)
}

func BenchmarkPersonalize(b *testing.B) {
	source, data := newsletter()
	p := Personalization{Data: data, Envelope: "bounce@shop.test", Recipient: "ada@mail.test", Now: now, Templates: template.NewCache(1 << 20)}
	b.SetBytes(int64(len(source)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Personalize(source, p); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkInlineUnchanged(b *testing.B) {
	source, _ := newsletter()
	b.SetBytes(int64(len(source)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Inline(source, func(html []byte) ([]byte, error) { return html, nil }); err != nil {
			b.Fatal(err)
		}
	}
}
