package inline

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"regexp"
	"strings"
	"sync"
	"testing"
)

func TestLimits(t *testing.T) {
	const p = "<style>p{top:0}</style>"
	chain := strings.Repeat("div ", 40)
	for name, in := range map[string]string{
		"bytes":             p + strings.Repeat("x", maxSize),
		"elements":          p + strings.Repeat("<p>", maxElements+1),
		"levels of nesting": p + strings.Repeat("<div>", maxDepth) + "<p>",
		"steps of matching": "<style>" + strings.Repeat("p:nth-child(2n){top:0}", 100) + "</style>" + strings.Repeat("<p>", 10000),
	} {
		_, err := hasty().HTML([]byte(in))
		var limit *LimitError
		if !errors.As(err, &limit) || limit.What != name || limit.Has <= limit.Max {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, in := range map[string]string{
		"the parser's own depth": p + strings.Repeat("<div>", 5000) + "<p>",
		"search in searches":     "<style>" + strings.Repeat("*:has(b){top:0}", 300) + "</style>" + strings.Repeat("<div>", 400) + strings.Repeat("<p></p>", 10000),
		"many declarations":      "<style>" + distinct(20000) + "</style>" + strings.Repeat("<p>", 10000),
		"much to write":          "<style>p{background:url(" + strings.Repeat("x", 100000) + ")}</style>" + strings.Repeat("<p>", 1000),
		"many attributes":        "<style>" + strings.Repeat("p[a]{top:0}", 5000) + "</style>" + strings.Repeat("<p "+strings.ReplaceAll(strings.ReplaceAll(distinct(20000), "} p{", ""), ";", " ")+">", 10),
		"many sheets":            strings.Repeat("<style>p{top:0}</style>", 3000) + strings.Repeat("<p class=x>", 10000),
		"many unknown selectors": "<style>i{top:0}" + strings.Repeat("a:is(x),b:is(x),c:is(x),d:is(x),e:is(x),f:is(x),g:is(x),h:is(x){top:"+strings.Repeat("x", 2000)+"}", 1000) + "</style><i>",
		"long classes":           "<style>" + strings.Repeat("p.x{top:0}[a*=b]{top:0}", 3000) + "</style>" + strings.Repeat("<p class='"+strings.Repeat("a", 100000)+" x'></p>", 10),
	} {
		out, err := hasty().HTML([]byte(in))
		var limit *LimitError
		if !errors.As(err, &limit) || string(out) != in {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, in := range map[string]string{
		"just as deep":         p + strings.Repeat("<div>", maxDepth-4) + "<p>",
		"chain of descendants": "<style>b " + chain + "p{top:0}p{left:0}</style>" + strings.Repeat("<div>", 400) + "<p>",
		"chain with children":  "<style>b > " + strings.Repeat("div div > ", 20) + "p{top:0}p{left:0}</style>" + strings.Repeat("<div>", 400) + "<p>",
		"variables that grow":  "<style>:root{--a:x;" + grow(30) + "}p{color:var(--z30)}</style><p>",
		"variables in a ring":  "<style>:root{--a:var(--b);--b:var(--a)}p{color:var(--a)}</style><p>",
		"many declarations": "<style>p{" + strings.Repeat("a:b;", 20000) + strings.ReplaceAll(distinct(20000), "} p{",
			"") + "}</style><p>",
		"many fallbacks":  "<style>p{" + strings.Repeat("a:b();a:c();", 5000) + "}</style><p>",
		"nested at-rules": "<style>" + strings.Repeat("@media print{", 1000) + "p{top:0}</style><p>",
		"nested brackets": "<style>p{top:" + strings.Repeat("(", 10000) + "</style><p>",
		"nested :not":     "<style>p" + strings.Repeat(":not(", 5000) + "{top:0} p{left:0}</style><p>",
	} {
		if _, err := hasty().HTML([]byte(in)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// hasty gives up sooner than others, so that the tests do not take long.
func hasty() *Inliner { return &Inliner{newCache(0), maxSteps / 20} }

func distinct(n int) string {
	var b strings.Builder
	for i := range n {
		if i%500 == 0 {
			b.WriteString("} p{")
		}
		fmt.Fprintf(&b, "a%d:b;", i)
	}
	return b.String()
}

func grow(n int) string {
	s := "--z0:xxxxxxxxxx;"
	for i := range n {
		s += fmt.Sprintf("--z%d:var(--z%d) var(--z%d);", i+1, i, i)
	}
	return s
}

func TestCacheIsBounded(t *testing.T) {
	i := New(1000)
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			for n := range 100 {
				in := fmt.Sprintf("<style>p{top:%dpx}</style><p>", (n*7+g)%50)
				if out, err := i.HTML([]byte(in)); err != nil || string(out) != fmt.Sprintf(`<p style="top: %dpx">`, (n*7+g)%50) {
					t.Errorf("%s: %s, %v", in, out, err)
				}
			}
		})
	}
	wg.Wait()
	bytes := 0
	for src := range i.cache.sheet {
		bytes += len(src)
	}
	if bytes == 0 || bytes > 1000 || len(i.cache.sheet) != i.cache.order.Len() {
		t.Errorf("the cache has %d bytes in %d sheets, listed %d", bytes, len(i.cache.sheet), i.cache.order.Len())
	}
	if before := i.cache.get([]byte("a{top:0}")); before != i.cache.get([]byte("a{top:0}")) {
		t.Error("a sheet was parsed twice")
	}
}

// TestPieces puts documents together by chance, from pieces that are apt to fall out with each other.
func TestPieces(t *testing.T) {
	rules := []string{"p{color:red}", "a:hover{color:red}", "*{margin:0}", "@media print{p{color:blue;top:1px!important}}",
		".x{color:teal!important}",
		"#a .x{top:0;width:10px}", "td:first-child{width:5px}", "tbody{top:0}", ":empty{left:0}", "div > p + p{top:1px}",
		"u ~ *{right:0}",
		":root{--v:1px}", "p{left:var(--v)}", "/* juice ignore next */", "@import 'x';", "}", "p{", "/*", "<!--", "a{b:\"",
		":has(p){top:9px}",
		"td{-premailer-width:5}", "html{top:0}", "body{top:0}", "@supports (a:b){p{c:d}}", "a,b:is(c),i{color:red}",
		"div p{background:url(x;y)}", "\\"}
	html := []string{"<p>", "<p class=x style='top:1px;color:green'>", "<div id=a>", "</div>", "</p>", "<table>", "<tr>",
		"<td style=\"width:3px\">", "</table>",
		"<u>", "</u>", "<br/>", "text", "<!-- <p> -->", "<![if mso]>", "<svg><p></svg>", "<a href=x/>", "</a>",
		"<i style=color:red!important>",
		"<html>", "<head>", "</head>", "<body>", "</body>", "<!doctype html>", "<title><p></title>", "<noscript><p></noscript>",
		"\r\n", "&nbsp;", "<b", ">"}
	rnd := rand.New(rand.NewPCG(1, 2))
	pick := func(from []string, n int) string {
		var b strings.Builder
		for range n {
			b.WriteString(from[rnd.IntN(len(from))])
		}
		return b.String()
	}
	i, changed := New(1<<20), 0
	for range 800 {
		in := pick(html, rnd.IntN(4))
		for range 1 + rnd.IntN(2) {
			in += "<style>" + pick(rules, rnd.IntN(8)) + "</style>" + pick(html, rnd.IntN(10))
		}
		if settled(t, i, in) {
			changed++
		}
		if t.Failed() {
			return
		}
	}
	if changed < 300 {
		t.Errorf("only %d documents were changed", changed)
	}
}

var marks = regexp.MustCompile(`(?i)data-embed|data-roadie-ignore|inline`)

// settled checks what must hold for any document: nothing but start tags and style elements changes, and a second run
// changes nothing, unless the first has taken the marks away that told to keep a sheet. It says whether the first changed
// anything.
func settled(t testing.TB, i *Inliner, in string) bool {
	out := inline(t, i, in)
	check(t, in, out)
	if again := inline(t, i, out); again != out && !marks.MatchString(in) {
		t.Errorf("%q\nbecame\n%q\nand in a second run\n%q", in, out, again)
	}
	return in != out
}
