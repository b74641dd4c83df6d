package block

import (
	"encoding/json"
	"strings"
	"testing"

	"posthoorn/internal/compose/node"
)

// cases are documents and what their HTML holds, or what is said about them.
var cases = []struct {
	name  string
	doc   string   // blocks if it is an array
	has   []string // of which "!" begins what must not be there
	wrong string
}{
	// responsive-email.md section 14
	{"own html", `{"content":"<p>x</p>"}`, []string{"=<p>x</p>"}, ""},
	{"text is escaped", `[{"type":"text","content":"1 < 2 & 3"}]`, []string{"1 &lt; 2 &amp; 3"}, ""},
	{"heading", `[{"type":"heading","size":3,"align":"right","content":"x"}]`, []string{"<h3 ", "text-align: right", "font-size: 32px"}, ""},
	{"own width", `[{"type":"image","src":"https://img.example/200x140.png"}]`, []string{`width="200"`, "width: 34.48%"}, ""},
	{"capped by the column", `[{"type":"columns","columns":[{"size":8},{"size":4,"blocks":[{"type":"image","src":"https://img.example/200x140.png"}]}]}]`,
		[]string{`width="193"`, "width: 100%; max-width: 100%"}, ""},
	{"wide image", `[{"type":"image","src":"x","width":"1000px"}]`, []string{"width: 100%; max-width"}, ""},
	{"share of the width", `[{"type":"image","src":"https://img.example/unknown.png","width":"33%"}]`, []string{"width: 33%"}, ""},
	{"spacer", `[{"type":"spacer"}]`, []string{`height="50"`, "height: 50px; line-height: 50px"}, ""},
	{"separator", `[{"type":"separator","style":"dotted","color":"navy","height":2}]`, []string{`<div style="border-top: 2px dotted navy;`}, ""},
	{"button", `[{"type":"button","label":"x","link":"https://a.example"}]`, []string{`bgcolor="#2ba6cb"`, "display: block; padding: 8px 0px 8px 0px; background-color: #2ba6cb", "!<button"}, ""},
	{"negative margin", `[{"type":"text","margin":-5}]`, []string{"!5px"}, ""},
	{"web only", `[{"type":"text","content":"hidden","visibility":{"output":"webonly"}}]`, []string{"!hidden"}, ""},
	{"mobile only", `[{"type":"text","content":"shown","visibility":{"device":"mobile"}}]`,
		[]string{"shown", `class="re-mobile"`, "display: none; max-height: 0; overflow: hidden; mso-hide: all", ".re-mobile { display: block !important"}, ""},
	{"2-8-2", `[{"type":"columns","columns":[{"size":2},{"size":8},{"size":2}]}]`,
		[]string{"max-width: 96.66px", "max-width: 386.66px", `<td width="97"`, `<td width="386"`, ".re-col { display: block !important; width: 100% !important"}, ""},
	{"columns in a column", `[{"type":"columns","columns":[{"blocks":[{"type":"columns","columns":[{}]}]},{}]}]`, nil,
		"content.blocks[0].columns[0].blocks[0]: columns inside of columns"},
	{"pixel with an image", `{"tracking":{"pixel":"https://t.example/p"},"content":{"blocks":[{"type":"image","src":"x","width":1}]}}`, []string{"!t.example"}, ""},
	{"forced pixel", `{"tracking":{"pixel":"https://t.example/p","force":true},"content":{"blocks":[{"type":"image","src":"x","width":1}]}}`,
		[]string{`<img src="https://t.example/p" width="1" height="1" alt="" border="0" style="display:block;width:1px;height:1px;" />` + "\n</body>"}, ""},
	{"pixel without images", `{"tracking":{"pixel":"https://t.example/p"},"content":{"blocks":[{"type":"text"}]}}`, []string{"t.example"}, ""},
	{"braces are plain", `[{"type":"text","content":"{$name}"}]`, []string{"{$name}"}, ""},

	// older spellings, lenient types
	{"source", `[{"type":"text","source":"old"},{"type":"seperator"}]`, []string{"old", "border-top: 4px solid #cccccc"}, ""},
	{"blocks at top level", `{"blocks":[{"type":"text","content":"x"}],"background":"#eee"}`, []string{"x", `bgcolor="#eee"`}, ""},
	{"html at top level", `{"html":"<b>"}`, []string{"=<b>"}, ""},
	{"numbers as text", `[{"type":"text","content":12},{"type":"spacer","height":"7"},{"type":"text","padding":"4px"}]`, []string{"12", `height="7"`, "padding: 4px"}, ""},
	{"unknown properties", `[{"type":"text","content":"x","nonsense":{"a":[1]}}]`, []string{"x"}, ""},
	{"null is absent", `[{"type":"text","content":null,"padding":null,"font":null,"link":null}]`, nil, ""},
	{"image without a size", `[{"type":"image","src":"https://img.example/gone.png"}]`, []string{`width="580"`, "width: 100%; max-width: 100%"}, ""},
	{"height alone", `[{"type":"image","src":"https://img.example/1200x300.png","height":90}]`, []string{"width: 62.07%", `width="360"`, "height: auto"}, ""},
	{"columns without sizes", `[{"type":"columns","columns":[{},{},{},{},{},{},{}]}]`, []string{"max-width: 82.85px"}, ""},
	{"some sizes", `[{"type":"columns","columns":[{"size":6},{},{}]}]`, []string{"max-width: 290px", "max-width: 145px"}, ""},
	{"sizes beyond 12", `[{"type":"columns","columns":[{"size":12},{"size":12}]}]`, []string{"max-width: 290px"}, ""},
	{"link with a fragment", `[{"type":"link","label":"x","link":{"url":"https://a.example/?b=1&c=2#d","params":{"b":"x y+","e":null,"f":true}}}]`,
		[]string{`href="https://a.example/?b=x%20y%2B&amp;c=2&amp;f=true#d"`}, ""},
	{"label of a link", `[{"type":"link","url":"https://a.example/"}]`, []string{`>https://a.example/</a>`}, ""},
	{"empty link", `[{"type":"link","label":"x","link":""},{"type":"heading","content":"y","link":{"url":""}}]`, []string{"x", "y", "!<a "}, ""},
	{"attributes", `[{"type":"heading","content":"x","attributes":{"class":"a","style":"top: 1px;","align":"x"},"css":{"margin":"1px"}}]`,
		[]string{`<h1 style="margin: 0; text-align: left; font-size: 40px; margin: 1px; top: 1px" class="a" align="x">`}, ""},
	{"attributes of a link", `[{"type":"button","label":"x","link":{"url":"https://a.example","attributes":{"target":"_top","class":"a"}},"a":{"attributes":{"class":"b"}}}]`,
		[]string{`target="_top"`, `class="b"`, "!_blank", `!class="a"`}, ""},
	{"class is joined", `[{"type":"columns","columns":[{"container":{"attributes":{"class":"x","bgcolor":"red"}},"background":"blue"},{}]}]`,
		[]string{`style="background-color: blue" class="x" bgcolor="red"`}, ""},

	// rewriting, section 7
	{"rules", `{"rewrite":{"links":[{"domain":{"equals":"shop.example"},"params":{"utm_source":"mail"},"protocol":"https"},
		{"path":{"match":"/sale/*"},"params":{"utm_campaign":"sale"},"last":true},{"unique":true,"params":{"src":"other"}}]},
		"content":"<a href=\"http://shop.example/a\"><A HREF='http://shop.example/sale/x'><area href=http://blog.example/><a href='#x'><a href=mailto:a@b><a href=/rel><img src=http://shop.example/a>"}`,
		[]string{`=<a href="https://shop.example/a?utm_source=mail"><A HREF='https://shop.example/sale/x?utm_source=mail&amp;utm_campaign=sale'>` +
			`<area href="http://blog.example/?src=other"><a href='#x'><a href=mailto:a@b><a href=/rel><img src=http://shop.example/a>`}, ""},
	{"object form", `{"rewrite":{"links":{"*.example":{"params":{"a":1}},"^x[.]":{"params":{"b":2}}}},"content":"<a href='http://x.example'><a href='http://u:p@X.example:80/?b=9'>"}`,
		[]string{`='http://x.example?a=1&amp;b=2'><a href='http://u:p@X.example:80/?b=2&amp;a=1'>`}, ""},
	{"who wins", `{"rewrite":{"links":[{"params":{"a":"top","b":"top","c":"top"}}]},"content":{"blocks":[
		{"type":"link","label":"x","link":{"url":"http://x.example/","params":{"a":"link"}},"rewrite":{"links":[{"params":{"a":"block","b":"block"}}]}}]}}`,
		[]string{"?a=link&amp;b=block&amp;c=top"}, ""},
	{"several matchers", `{"rewrite":{"links":[{"contains":"x","regex":"y$","params":{"a":1}}]},"content":"<a href=http://x/><a href=http://x/y>"}`, []string{`=<a href=http://x/><a href="http://x/y?a=1">`}, ""},
	{"an entity", `{"rewrite":{"links":[{"params":{"a":1}}]},"content":"<a href=\"http://x/?b=1&amp;c=&quot;\">"}`, []string{`="http://x/?b=1&amp;c=&quot;&amp;a=1"`}, ""},
	{"no expression", `{"rewrite":{"links":[{"regex":"((","params":{"a":1}}]},"content":"x"}`, nil, "rewrite.links[0].regex: no regular expression, or one that is too big: (("},
	{"huge expression", `{"rewrite":{"links":[{"regex":"(x{1000}){1000}","params":{"a":1}}]},"content":"x"}`, nil, "rewrite.links[0].regex: no regular expression, or one that is too big: (x{1000}){1000}"},
	{"protocol", `{"rewrite":{"links":[{"protocol":"java script:\""}]},"content":"<a href=http://x>"}`, []string{"=<a href=http://x>"}, "rewrite.links[0].protocol: no name of a protocol"},

	// pixel and own HTML
	{"pixel of own html", `{"tracking":{"pixel":"https://t.example/?a=1&b=\""},"content":"<body><p>x</BODY ></html>"}`,
		[]string{`=<body><p>x<img src="https://t.example/?a=1&amp;b=&quot;" width="1" height="1" alt="" border="0" style="display:block;width:1px;height:1px;" />` + "\n</BODY ></html>"}, ""},
	{"pixel and image of own html", `{"tracking":{"pixel":"https://t.example/"},"content":"<IMG src=x>"}`, []string{"=<IMG src=x>"}, ""},

	// html blocks cannot break the table around them
	{"left open", `[{"type":"html","content":"<div><table><tr><td>x"}]`, []string{"<div><div><table><tr><td>x</td></tr></table></div></div>"}, ""},
	{"stray ends", `[{"type":"html","content":"</td></tr></table>x</div></span>"}]`, []string{"<div>x</div>"}, ""},
	{"unfinished tag", `[{"type":"html","content":"x<a href=\"y"}]`, []string{"<div>x</div>"}, ""},
	{"parts of no table", `[{"type":"html","content":"<tr><td>x</td></tr><td>y<col>"}]`, []string{"<div>xy</div>"}, ""},
	{"begun tag", `[{"type":"html","content":"<p>x</"},{"type":"html","content":"y<"},{"type":"html","content":"z<</b>/b"}]`, []string{"<p>x&lt;/</div>", "y&lt;</div>", "z&lt;/b</div>"}, ""},
	{"unfinished comment", `[{"type":"html","content":"x<!-- y"}]`, []string{"<div>x<!-- y--></div>"}, ""},
	{"unfinished script", `[{"type":"html","content":"<style>p { }"}]`, []string{"<div><style>p { }</style></div>"}, ""},
	{"plaintext", `[{"type":"html","content":"a<plaintext>b<plaintext>c"}]`, []string{"<div>abc</div>"}, ""},
	{"wrappers", `[{"type":"html","content":"<!doctype html><html><head><title>t</title></head><body>x</body></html>y"}]`, []string{"<div>x</div>", "!doctype html>", "!<title>t", "!y</div>"}, ""},
	{"head alone", `[{"type":"html","content":"<head><title>t</title></head>x"}]`, []string{"<div>x</div>"}, ""},
	{"well-formed stays", `[{"type":"html","content":"<ul><li>a<li>b</ul><p>c<p>d<br><b><i>e</b></i>"}]`, []string{"<div><ul><li>a<li>b</ul><p>c<p>d<br><b><i>e</b></i></div>"}, ""},

	// errors name the place
	{"unknown type", `[{"type":"text"},{"type":"buton"}]`, []string{"</html>"}, `content.blocks[1]: unknown block type "buton"`},
	{"no type", `[{"content":"x"}]`, nil, "content.blocks[0]: the block has no type"},
	{"blocks is a text", `{"content":{"blocks":"x"}}`, []string{"</html>"}, "content.blocks: an array is expected"},
	{"no block", `["x"]`, nil, "content.blocks[0]: a block is an object"},
	{"content is an array", `{"content":[]}`, nil, "content: a text or an object with blocks is expected"},
	{"font is a text", `[{"type":"text","font":"Arial"}]`, nil, "content.blocks[0].font: an object is expected"},
	{"no columns", `[{"type":"columns"}]`, nil, "content.blocks[0]: 2 to 12 columns are expected"},
	{"13 columns", `[{"type":"columns","columns":[{},{},{},{},{},{},{},{},{},{},{},{},{}]}]`, nil, "content.blocks[0]: 2 to 12 columns are expected"},
	{"size 13", `[{"type":"columns","columns":[{"size":13},{}]}]`, nil, "content.blocks[0].columns[0].size: a size from 1 to 12 is expected"},
	{"image without src", `[{"type":"image"}]`, nil, "content.blocks[0]: the image has no src"},
	{"unknown video", `[{"type":"video","url":"https://evil.example/?https://youtu.be/x"}]`, nil, "content.blocks[0]: no address of a video at YouTube or Vimeo: https://evil.example/?https://youtu.be/x"},
	{"no feed", `[{"type":"feed","url":"https://web.example/page.html"}]`, nil, "content.blocks[0]: no feed: failed to detect feed type"},
	{"local file", `[{"type":"html","url":"file:///etc/passwd"}]`, nil, "content.blocks[0]: no http or https address: file:///etc/passwd"},
	{"import loop", `[{"type":"import","url":"https://web.example/loop.json"}]`, nil, "content.blocks[0].blocks[0]: imports itself: https://web.example/loop.json"},
	{"columns imported into a column", `[{"type":"columns","columns":[{"blocks":[{"type":"import","url":"https://web.example/columns.json"}]},{}]}]`, nil,
		"content.blocks[0].columns[0].blocks[0].blocks[0]: columns inside of columns"},
	{"columns imported", `[{"type":"import","url":"https://web.example/columns.json"}]`, []string{"re-col"}, ""},
	{"import of HTML", `[{"type":"import","url":"https://web.example/page.html"}]`, nil, "content.blocks[0]: not JSON: invalid character '<' looking for beginning of value"},
	{"not downloaded", `[{"type":"text","url":"https://web.example/elsewhere"}]`, nil, "content.blocks[0]: not downloaded in time"},
	{"gone", `[{"type":"html","url":"https://img.example/gone.png"}]`, nil, "content.blocks[0]: https://img.example/gone.png: 404 Not Found"},

	// nothing breaks out
	{"attributes are escaped", `[{"type":"image","src":"x\"><script>","alt":"'\"><script>","width":1,"attributes":{"data-a":"\"><script>","on\"><script>":"x","a b":"x"}}]`, []string{"!<script>"}, ""},
	{"css is escaped", `[{"type":"text","css":{"color":"red\"><script>","x: y\"><script>":"z","a;b":"c"},"background":"x\"><script>","font":{"family":"\"><script>"}}]`, []string{"!<script>", "!a;b"}, ""},
	{"one value, one declaration", `[{"type":"text","background":"red; position: fixed","font":{"color":"red;position: fixed"}}]`, []string{"!position"}, ""},
	{"comments do not end", `[{"type":"separator","color":"red--><script>"}]`, []string{"!<script>", "!red-->"}, ""},
	{"title", `{"subject":"</title><script>","content":{"blocks":[]}}`, []string{"<title>&lt;/title&gt;&lt;script&gt;</title>"}, ""},
	{"label", `[{"type":"button","label":"<script>","link":"\"><script>"},{"type":"link","label":"<script>"},{"type":"follow","label":"<script>","platforms":{"twitter":"\"><script>","<script>":"https://x"}}]`, []string{"!<script>"}, ""},
}

func document(doc string) string {
	if strings.HasPrefix(doc, "[") {
		return `{"content":{"blocks":` + doc + `}}`
	}
	return doc
}

func TestCases(t *testing.T) {
	have := library(t)
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			made, err := compose(t, document(c.doc), have, &Options{})
			said := ""
			if err != nil {
				said = err.Error()
			}
			if said != c.wrong {
				t.Errorf("it says %q, want %q", said, c.wrong)
			}
			for _, want := range c.has {
				check(t, string(made.HTML), want)
			}
		})
	}
}

func check(t *testing.T, got, want string) {
	t.Helper()
	rest, absent := strings.CutPrefix(want, "!")
	whole, exact := strings.CutPrefix(want, "=<")
	switch {
	case absent && strings.Contains(got, rest):
		t.Errorf("%q is in %s", rest, got)
	case exact && got != "<"+whole, !absent && !exact && !strings.Contains(got, want):
		t.Errorf("%q is not %s", got, want)
	}
}

// TestNeeds: what must be downloaded, in rounds.
func TestNeeds(t *testing.T) {
	for _, c := range []struct {
		doc   string
		first []string
		then  []string
	}{
		{`[{"type":"image","src":"https://a.example/i#x"},{"type":"image","src":"https://a.example/i","height":5},{"type":"image","src":"https://a.example/w","width":"33%"},
			{"type":"image","src":"data:image/png;base64,x"},{"type":"image","src":"/relative"}]`, []string{"0 https://a.example/i"}, nil},
		{`[{"type":"text","url":"https://a.example/t"},{"type":"text","url":"https://a.example/u","content":"x"},{"type":"html","url":"https://a.example/h","visibility":{"output":"webonly"}}]`,
			[]string{"2 https://a.example/t"}, nil},
		{`[{"type":"feed","url":"https://web.example/feed.rss"},{"type":"import","url":"https://web.example/list.json"}]`,
			[]string{"4 https://web.example/feed.rss", "5 https://web.example/list.json"},
			[]string{"0 https://img.example/200x140.png", "0 https://img.example/1200x300.png", "5 https://web.example/one.json"}},
		{`[{"type":"video","url":"https://youtu.be/x"},{"type":"video","url":"https://player.vimeo.com/video/77?a"}]`,
			[]string{"6 https://vimeo.com/api/oembed.json?url=https%3A%2F%2Fvimeo.com%2F77"}, nil},
		{`{"images":"embed","content":{"blocks":[{"type":"image","src":"https://a.example/i"},{"type":"html","content":"<img src=https://a.example/j>"}]}}`,
			[]string{"1 https://a.example/i", "1 https://a.example/j"}, nil},
	} {
		mime, err := node.Parse([]byte(document(c.doc)), "")
		if err != nil {
			t.Fatal(err)
		}
		content := Parse(mime, &node.Problems{})
		have := Resources{}
		for round, want := range [][]string{c.first, c.then} {
			needs := content.Needs(have, &Options{})
			if got := told(needs); got != strings.Join(want, "\n") {
				t.Errorf("round %d of %s: %s, want %v", round, c.doc, got, want)
			}
			for _, n := range needs {
				have[n.URL] = library(t)[n.URL]
			}
		}
	}
}

func told(needs []Need) string {
	var list []string
	for _, n := range needs {
		list = append(list, string('0'+rune(n.Purpose))+" "+n.URL)
	}
	return strings.Join(list, "\n")
}

// TestNotes: what is left out without being an error is told once.
func TestNotes(t *testing.T) {
	var notes []string
	o := &Options{Note: func(path, text string) { notes = append(notes, path+": "+text) }}
	mime, _ := node.Parse([]byte(document(`[{"type":"follow","platforms":{"pinterest":"name","unheard":"https://x.example"}},
		{"type":"share","link":"https://x.example","platforms":["myspace"]},{"type":"image","src":"https://img.example/gone.png"}]`)), "")
	var problems node.Problems
	c := Parse(mime, &problems)
	c.Needs(library(t), o)
	c.HTML(library(t), o, &problems)
	want := "content.blocks[0].platforms.pinterest: no link for pinterest\ncontent.blocks[0].platforms.unheard: no link for unheard\n" +
		"content.blocks[1].platforms[0]: no link for myspace\ncontent.blocks[2]: the size of the image cannot be found out: https://img.example/gone.png"
	if got := strings.Join(notes, "\n"); got != want || problems.Err() != nil {
		t.Errorf("%s\n%v", got, problems.Err())
	}
}

func TestEmbeddedImages(t *testing.T) {
	doc := `{"images":"embed","content":{"blocks":[{"type":"image","src":"https://img.example/200x140.png#a"},
		{"type":"html","content":"<img src='https://img.example/200x140.png' alt=x><img src=https://img.example/1200x300.png><img src='cid:own'>"}]}}`
	made, err := compose(t, doc, library(t), &Options{})
	if err != nil || len(made.Images) != 2 {
		t.Fatal(len(made.Images), err)
	}
	html := string(made.HTML)
	for _, i := range made.Images {
		if !strings.Contains(html, `"cid:`+i.ID+`"`) && !strings.Contains(html, `'cid:`+i.ID+`'`) {
			t.Errorf("%s is not in %s", i.ID, html)
		}
	}
	if strings.Contains(html, "img.example") || !strings.Contains(html, "cid:own") || !strings.Contains(html, "34.48%") {
		t.Error(html)
	}
}

// TestBounds: a document can want too much of everything.
func TestBounds(t *testing.T) {
	deep := strings.Repeat(`[{"type":"container","blocks":`, 40) + "[]" + strings.Repeat("}]", 40)
	many := "[" + strings.Repeat(`{"type":"spacer"},`, 3000) + `{"type":"spacer"}]`
	large, _ := json.Marshal(strings.Repeat("x", 1<<20))
	for name, c := range map[string]struct{ doc, wrong string }{
		"nesting": {deep, strings.Repeat(".blocks[0]", 30) + ".blocks: blocks are nested too deep"},
		"blocks":  {many, "content.blocks[2000]: more than 2000 blocks"},
		"output":  {"[" + strings.Repeat(`{"type":"text","content":`+string(large)+`},`, 30) + `{"type":"spacer"}]`, "content.blocks[16]: the HTML is too large"},
		"needs":   {"[" + manyURLs(150) + "]", "content.blocks[100]: too many downloads"},
		"feed":    {`[{"type":"feed","url":"https://web.example/deep"}]`, "content.blocks[0]: no feed: nested too deep"},
		"items":   {`[{"type":"feed","url":"https://web.example/fine"}]`, "content.blocks[0]: no feed: too many elements"},
		"reading": {"[" + strings.TrimSuffix(strings.Repeat(`{"type":"import","url":"https://web.example/heavy"},`, 6), ",") + "]", "content.blocks[4]: too much to read for one document"},
	} {
		have := library(t)
		have["https://web.example/deep"] = Resource{Data: []byte("<rss>" + strings.Repeat("<a:b>", 200_000))}
		have["https://web.example/fine"] = Resource{Data: []byte("<rss><channel>" + strings.Repeat("<item/>", 60_000) + "</channel></rss>")}
		have["https://web.example/heavy"] = Resource{Data: []byte("[]" + strings.Repeat(" ", 5<<20))}
		made, err := compose(t, document(c.doc), have, &Options{})
		if err == nil || !strings.HasSuffix(err.Error(), c.wrong) {
			t.Errorf("%s: %.300v", name, err)
		}
		if len(made.HTML) > maxOutput+2<<20 {
			t.Errorf("%s: %d bytes", name, len(made.HTML))
		}
	}
}

func manyURLs(n int) string {
	var list []string
	for i := range n {
		list = append(list, `{"type":"text","url":"https://a.example/`+strings.Repeat("x", i+1)+`"}`)
	}
	return strings.Join(list, ",")
}
