package block

import (
	"bytes"
	"encoding/xml"
	"errors"
	"html"
	"io"
	"strings"
	"sync"

	"github.com/microcosm-cc/bluemonday"
	"github.com/mmcdole/gofeed"
	ext "github.com/mmcdole/gofeed/extensions"
	"golang.org/x/net/html/charset"

	"posthoorn/internal/compose/node"
)

const (
	maxArticles  = 100
	maxFeedDepth = 100
	maxElements  = 50_000
)

// feed makes blocks of the articles of a feed (RSS, Atom or JSON Feed).
type feed struct {
	at    *node.Value
	url   string
	parts []feedPart
}

// feedPart is what one block of each article is made of.
type feedPart struct {
	kind  string
	block block
}

func (p *parser) feed(v *node.Value) body {
	f := &feed{at: v, url: p.problems.String(v.Get("url", "source"))}
	if f.url == "" {
		p.problems.Add(v, "the feed has no url")
		return nil
	}
	kinds := []string{"heading", "image", "html"}
	if list := v.Get("blocks"); list != nil {
		kinds = kinds[:0]
		items := p.problems.List(list)
		for i := range items {
			kinds = append(kinds, p.problems.String(&items[i]))
		}
	}
	for _, kind := range kinds[:min(len(kinds), 20)] {
		f.part(p, v, kind)
	}
	return f
}

// part reads the default properties of a kind of block.
func (f *feed) part(p *parser, v *node.Value, kind string) {
	at := v.ObjectAt(kind)
	var made body
	switch kind {
	case "heading":
		made = p.heading(at)
	case "image":
		made = p.imageOf(at)
	case "html":
		made = p.html(at)
	default:
		p.problems.Add(v.Get("blocks"), "a feed makes heading, image and html")
		return
	}
	b := p.common(at)
	b.body = made
	if scalar(at.Get("visibility").Get("output")) != "webonly" {
		f.parts = append(f.parts, feedPart{kind, b})
	}
}

func (f *feed) write(b *builder, frame frame) {
	r, ok := b.fetch(f.at, f.url, Feed)
	if !ok {
		return
	}
	articles, err := articles(r)
	if err != nil {
		b.problems.AddError(&node.Error{Path: f.at.Path(), Text: "no feed", Cause: err})
		return
	}
	b.html("\n")
	for _, a := range articles {
		for i := range f.parts {
			if k, ok := f.parts[i].fill(b, a); ok && b.parser.one(f.at) {
				b.block(&k, frame)
			}
		}
	}
}

// fill is the block of a part for an article.
func (p *feedPart) fill(b *builder, a article) (block, bool) {
	k := p.block
	switch body := k.body.(type) {
	case *heading:
		own := *body
		own.content = b.foreign(a.title)
		k.body = &own
		return k, a.title != ""
	case *image:
		own := *body
		own.src, own.link = b.foreign(a.image), &link{url: b.foreign(a.link)}
		k.body = &own
		return k, a.image != ""
	case *htmlBlock:
		own := *body
		own.content = remote{content: b.foreign(a.html)}
		k.body = &own
		return k, a.html != ""
	}
	return k, false
}

// article is what a feed says, cleaned: a plain title, harmless HTML, addresses for the web.
type article struct{ title, html, image, link string }

func articles(r Resource) ([]article, error) {
	if err := flat(r.Data); err != nil {
		return nil, err
	}
	parsed, err := gofeed.NewParser().Parse(bytes.NewReader(r.Data))
	if err != nil {
		return nil, errors.New(shown(err.Error()))
	}
	list := make([]article, 0, min(len(parsed.Items), maxArticles))
	for _, item := range parsed.Items[:min(len(parsed.Items), maxArticles)] {
		list = append(list, article{
			title: title(item.Title),
			html:  clean().Sanitize(strings.ReplaceAll(either(item.Content, item.Description), "\x00", "")),
			image: webAddress(picture(item)),
			link:  webAddress(item.Link),
		})
	}
	return list, nil
}

// flat refuses what is nested so deep that reading it would need too much stack, and so fine that it would take seconds.
func flat(data []byte) error {
	if start := bytes.TrimLeft(data, " \t\r\n\uFEFF"); len(start) > 0 && start[0] == '{' {
		return nil // JSON, whose reader has a limit of its own
	}
	d := xml.NewDecoder(bytes.NewReader(data))
	d.Strict, d.CharsetReader = false, charset.NewReaderLabel
	for depth, elements := 0, 0; ; {
		token, err := d.RawToken()
		switch token.(type) {
		case xml.StartElement:
			depth++
			elements++
		case xml.EndElement:
			depth--
		}
		switch {
		case depth > maxFeedDepth:
			return errors.New("nested too deep")
		case elements > maxElements:
			return errors.New("too many elements")
		case err == io.EOF:
			return nil
		case err != nil:
			return errors.New(shown(err.Error()))
		}
	}
}

// clean lets pass what is harmless in a mail.
var clean = sync.OnceValue(func() *bluemonday.Policy {
	p := bluemonday.UGCPolicy()
	p.RequireNoFollowOnLinks(false)
	p.AllowURLSchemes("http", "https", "mailto")
	p.AllowAttrs("width", "height", "align", "valign", "bgcolor", "border", "cellpadding", "cellspacing").Globally()
	return p
})

var noTags = sync.OnceValue(bluemonday.StrictPolicy)

func title(s string) string {
	return strings.TrimSpace(strings.ReplaceAll(html.UnescapeString(noTags().Sanitize(s)), "\x00", ""))
}

func webAddress(s string) string {
	if _, ok := Download(s); !ok {
		return ""
	}
	return strings.TrimSpace(s)
}

// picture is the address of the image of an article: of an enclosure, of Media RSS, or the one that it names itself.
func picture(item *gofeed.Item) string {
	for _, e := range item.Enclosures {
		if strings.HasPrefix(e.Type, "image/") && e.URL != "" {
			return e.URL
		}
	}
	media := item.Extensions["media"]
	if s := mediaPicture(media); s != "" {
		return s
	}
	for _, group := range media["group"] {
		if s := mediaPicture(group.Children); s != "" {
			return s
		}
	}
	if item.Image != nil {
		return item.Image.URL
	}
	return ""
}

func mediaPicture(media map[string][]ext.Extension) string {
	for _, e := range media["content"] {
		if e.Attrs["medium"] == "image" || strings.HasPrefix(e.Attrs["type"], "image/") {
			return e.Attrs["url"]
		}
	}
	for _, e := range media["thumbnail"] {
		return e.Attrs["url"]
	}
	return ""
}
