package block

import (
	"encoding/json"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"posthoorn/internal/compose/node"
)

// everywhere puts a string into every kind of place that a document has for one.
func everywhere(s string) string {
	quoted, _ := json.Marshal(s)
	doc := `{"subject":S,"font":{"family":S,"size":S,"lineHeight":S,"color":S,"weight":S},"background":{"color":S},"css":{"color":S,S:S},"attributes":{"data-a":S,S:S},
	"tracking":{"pixel":S,"force":true},"rewrite":{"links":[{"contains":S,"params":{S:S}}]},"content":{"background":S,"attributes":{"class":S,"style":S},"blocks":[
	{"type":"heading","content":S,"link":{"url":S,"title":S,"params":{S:S},"attributes":{"class":S,S:S}},"align":S},
	{"type":"text","content":S,"background":S,"container":{"css":{S:S},"attributes":{S:S,"style":S}}},
	{"type":"image","src":S,"alt":S,"title":S,"width":S,"height":S,"link":S},{"type":"image","src":S,"width":"1%"},
	{"type":"button","label":S,"link":S,"color":S,"corners":S,"a":{"css":{"x":S}}},{"type":"link","label":S,"link":S},
	{"type":"separator","style":S,"color":S},
	{"type":"follow","label":S,"platforms":{"twitter":S,"facebook":S,S:S},"icon":{"type":S}},
	{"type":"share","platforms":["twitter","linkedin",S],"link":{"url":S,"title":S},"description":S,"twitter":{"via":S,"hashtags":[S]}},
	{"type":"columns","font":{"size":S},"columns":[{"background":S,"blocks":[{"type":"text","content":S}]},{}]},
	{"type":"text","content":"x","attributes":{"id":"sentinel"}}]}}`
	return strings.ReplaceAll(doc, "S", string(quoted))
}

// ancestors are the elements around the one with an id, and how many elements there are.
func ancestors(page []byte, id string) (path string, elements int) {
	root, err := html.Parse(strings.NewReader(string(page)))
	if err != nil {
		return err.Error(), 0
	}
	for n := range root.Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		elements++
		for _, a := range n.Attr {
			if a.Key == "id" && a.Val == id {
				for up := n; up != nil; up = up.Parent {
					path += up.Data + " "
				}
			}
		}
	}
	return path, elements
}

// makeAnyway is the HTML of a document whatever is wrong with it.
func makeAnyway(t testing.TB, doc string, o *Options) []byte {
	mime, err := node.Parse([]byte(doc), "")
	if err != nil {
		t.Fatal(err)
	}
	var problems node.Problems
	c := Parse(mime, &problems)
	c.Needs(Resources{}, o)
	return c.HTML(Resources{}, o, &problems).HTML
}

var hostile = []string{
	`"><script>alert(1)</script>`, `'><script>`, `</td></tr></table></body></html>`, `</style></title></head><script>`, `-->`, `--!>`, `<!--`,
	`<![endif]-->`, `]]>`, `x" onload="y`, `javascript:alert(1)`, "a\x00b\r\n\r\nc", `{`, `}`, `{$`, `{"`, `{*`, `{literal}`, `{if`, `&#34;&quot;`, `\`, `\"`, "`", `;}`, `expression(1)`,
	`url("x")`, `/`, `=`, ` `, `a b=c`, "https://x/\"><script>", `{$name}`, `{ldelim}`, `{literal}"><script>{/literal}`, `{"x"}`, `{$name|default:"><"}`, `{`, "\u2028", "<svg/onload=x>",
}

// TestNothingBreaksOut: whatever the strings say, the elements are ours, in their order.
func TestNothingBreaksOut(t *testing.T) {
	for _, o := range []*Options{{}, {Render: render}} {
		for _, s := range hostile {
			page := makeAnyway(t, everywhere(s), o)
			if o.Render != nil {
				out, err := render(string(page))
				if err != nil {
					continue // it never goes out
				}
				page = []byte(out)
			}
			soundly(t, s, page)
		}
	}
}

// soundPath is where a block of text at the top is.
const soundPath = "p td tr tbody table td tr tbody table td tr tbody table body html  "

func soundly(t *testing.T, s string, page []byte) {
	t.Helper()
	path, _ := ancestors(page, "sentinel")
	if path != soundPath {
		t.Errorf("with %q the last block is in %q\n%s", s, path, page)
	}
	root, _ := html.Parse(strings.NewReader(string(page)))
	for n := range root.Descendants() {
		if n.Type == html.ElementNode && strings.Contains(" script svg style title ", " "+n.Data+" ") && n.Parent.Data != "head" {
			t.Errorf("with %q there is a %s\n%s", s, n.Data, page)
		}
	}
}

func FuzzStrings(f *testing.F) {
	for _, s := range hostile {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		soundly(t, s, makeAnyway(t, everywhere(s), &Options{}))
	})
}

// FuzzFragment: the HTML of a block stays within the block, and what is well-formed stays as it is.
func FuzzFragment(f *testing.F) {
	for _, c := range cases {
		f.Add(c.doc)
	}
	for _, s := range hostile {
		f.Add(s)
	}
	for _, s := range []string{`<svg><style><table></td></style>`, `<svg><p></td>`, `<math><mi><table></td></mi>`, `<svg><title><table></td></title></svg>`, `<select><td>`,
		`<template></td></template>`, `<frameset>`, `<noscript></td></noscript>`, `<textarea></td>`, `<svg><![CDATA[x></td>]]>`, `<a><a></td>`, `<table><select></table>`,
		`<svg><desc></table></svg>`, `<math><annotation-xml encoding="text/html"></table>`, `<svg/><style></td>`, `<svg><style/></td>`, `<svg></p></td></tr>`, `<xmp></td>`, `<form></form></td>`,
		`<table><td></table></table>`, `<applet></td>`, `<button></td></button>`, `<caption><table><caption></table>`, `<noembed>`, `<svg><foreignObject></td>`} {
		f.Add(s)
	}
	f.Add(`<x><head><b></head><y></`)
	f.Add(`<table>a<</t>`)
	f.Add(`<svg><![CDATA[x`)
	f.Add(`<svg>< x`)
	f.Add(`<p>a<table><tr><td>{if $a}<b>{else}</b>{/if}</table>`)
	f.Fuzz(func(t *testing.T, s string) {
		b := builder{options: &Options{Render: render}, problems: &node.Problems{}, content: &Content{}, matching: 1000}
		b.fragment(nil, s)
		s = strings.ReplaceAll(s, "\x00", " ")
		b = builder{options: &Options{}, problems: &node.Problems{}, content: &Content{}, matching: 1000}
		b.fragment(nil, s)
		once := string(b.out)
		b.out = nil
		b.fragment(nil, once)
		if string(b.out) != once {
			t.Errorf("%q becomes %q, and that %q", s, once, b.out)
		}
		quoted, _ := json.Marshal(s)
		page := makeAnyway(t, `{"content":{"blocks":[{"type":"html","content":`+string(quoted)+`},{"type":"text","content":"x","attributes":{"id":"sentinel"}}]}}`, &Options{})
		if path, _ := ancestors(page, "sentinel"); path != soundPath {
			t.Errorf("with %q the last block is in %q\n%s", s, path, page)
		}
	})
}

// FuzzDocument: no document makes the program stumble.
func FuzzDocument(f *testing.F) {
	for _, c := range cases {
		f.Add([]byte(document(c.doc)))
	}
	have := library(f)
	f.Fuzz(func(t *testing.T, doc []byte) {
		mime, err := node.Parse(doc, "")
		if err != nil {
			return
		}
		var problems node.Problems
		c := Parse(mime, &problems)
		if c == nil {
			return
		}
		c.Needs(have, &Options{Render: render})
		c.HTML(have, &Options{Render: render, Icons: "https://cdn.example/{type}.png"}, &problems)
	})
}

// BenchmarkThirtyBlocks is a long newsletter.
func BenchmarkThirtyBlocks(b *testing.B) {
	block := `{"type":"heading","size":2,"content":"A heading","link":"https://shop.example/?a=1"},
		{"type":"text","content":"Some text & more of it, of the length that a text in a newsletter has when it says something.","padding":10,"background":"#eee"},
		{"type":"image","src":"https://img.example/200x140.png","alt":"pot","link":{"url":"https://shop.example/p","params":{"ref":"mail"}}},
		{"type":"html","content":"<p>Some <b>bold</b> text, <a href=\"https://shop.example/x\">a link</a></p>"},
		{"type":"columns","columns":[{"size":8,"blocks":[{"type":"text","content":"eight"}]},{"size":4,"blocks":[{"type":"button","label":"Buy","link":"https://shop.example/buy"}]}]}`
	doc := []byte(`{"font":{"family":"Arial"},"rewrite":{"links":[{"domain":{"equals":"shop.example"},"params":{"utm_source":"mail"}}]},"content":{"blocks":[` +
		strings.Repeat(block+",", 5) + block + `]}}`)
	have := library(b)
	b.ReportAllocs()
	for b.Loop() {
		mime, err := node.Parse(doc, "")
		if err != nil {
			b.Fatal(err)
		}
		var problems node.Problems
		c := Parse(mime, &problems)
		if needs := c.Needs(have, &Options{}); len(needs) > 0 {
			b.Fatal(needs)
		}
		made := c.HTML(have, &Options{}, &problems)
		b.SetBytes(int64(len(made.HTML)))
	}
}
