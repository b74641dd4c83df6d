package inline

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"golang.org/x/net/html"
)

// newsletter is a mail of about 30 KB with a sheet of 100 rules.
func newsletter() []byte {
	var b strings.Builder
	b.WriteString("<!DOCTYPE html>\n<html><head><title>News</title>\n<style>\nbody { margin: 0; font-family: georgia, serif }\ntd { padding: 8px }\n" +
		"a { color: #336699; text-decoration: none }\na:hover { color: red }\nimg { border: 0; width: 100px }\n")
	for n := range 80 {
		fmt.Fprintf(&b, ".c%d { color: #%06x; font-size: %dpx; padding: 0 %dpx }\n", n, n*1000, 10+n%8, n%5)
	}
	for n := range 10 {
		fmt.Fprintf(&b, "table.box td.c%d a, #row%d p { line-height: 1.%d; background-color: #eeeeee }\n", n, n, n)
	}
	b.WriteString("p:first-child { margin-top: 0 }\n@media only screen and (max-width: 600px) { td { width: 100% } .c1 { display: none } }\n" +
		".ExternalClass p { line-height: 100% }\n</style></head>\n<body>\n")
	for n := 0; b.Len() < 30<<10; n++ {
		fmt.Fprintf(&b, "<table class=\"box\" width=\"600\" cellpadding=\"0\"><tr id=\"row%d\"><td class=\"c%d\" style=\"text-align: left\"><p class=\"c%d\">"+
			"Dear reader, this is what has happened &mdash; read on.</p>\n<p>More of it</p><a href=\"https://example.com/article/%d\" class=\"c%d\">Read</a>"+
			"<img src=\"https://example.com/i/%d.png\"></td></tr></table>\n", n, n%80, (n*3)%80, n, (n*7)%80, n)
	}
	b.WriteString("</body></html>\n")
	return []byte(b.String())
}

func BenchmarkNewsletter(b *testing.B) {
	src, i := newsletter(), New(1<<20)
	b.SetBytes(int64(len(src)))
	b.ReportAllocs()
	for b.Loop() {
		if out, err := i.HTML(src); err != nil || len(out) < len(src) {
			b.Fatal(len(out), err)
		}
	}
}

// BenchmarkNewSheet is the first mail of a mailing: the sheet is parsed as well.
func BenchmarkNewSheet(b *testing.B) {
	src, i := newsletter(), New(0)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := i.HTML(src); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkParser is the share of the HTML parser.
func BenchmarkParser(b *testing.B) {
	src := newsletter()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := html.Parse(bytes.NewReader(src)); err != nil {
			b.Fatal(err)
		}
	}
}
