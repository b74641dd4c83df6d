package block

import (
	"crypto/sha256"
	"encoding/hex"
	"math"
	"strings"

	"posthoorn/internal/compose/node"
)

type image struct {
	at            *node.Value
	src           string
	alt, title    string
	width, height string
	link          *link
	img           []direct
	a             direct
}

func (p *parser) image(v *node.Value) body {
	if v.Get("src") == nil {
		p.problems.Add(v, "the image has no src")
		return nil
	}
	i := p.imageOf(v)
	i.src = p.problems.String(v.Get("src"))
	return i
}

func (p *parser) imageOf(v *node.Value) *image {
	return &image{
		at:     v,
		alt:    p.problems.String(v.Get("alt")),
		title:  p.problems.String(v.Get("title")),
		width:  p.problems.String(v.Get("width")),
		height: p.problems.String(v.Get("height")),
		link:   p.link(v.Get("link")),
		img:    []direct{p.direct(v), p.direct(p.problems.Object(v.Get("img")))},
		a:      p.direct(p.problems.Object(v.Get("a"))),
	}
}

func (i *image) write(b *builder, f frame) {
	percent, stretched := i.size(b, f)
	height, auto := "", "auto"
	if stretched {
		n, _ := length(i.height)
		height, auto = number(n), ""
	}
	b.linked(i.link, style{{"text-decoration", "none"}}, func() {
		b.img(b.source(i.at, i.src), attributes{
			{"alt", i.alt}, {"title", i.title}, {"width", number(math.Max(1, math.Round(f.width*percent/100)))}, {"height", height},
		}, style{
			{"display", "block"}, {"width", number(percent) + "%"}, {"max-width", "100%"}, {"height", auto},
			{"margin", margins[f.align]}, {"border", "0"},
		}, i.img...)
	}, i.a)
}

// margins put what is a block of its own to the side that it is aligned to.
var margins = map[string]string{"center": "0 auto", "right": "0 0 0 auto"}

// img writes an image.
func (b *builder) img(src string, ours attributes, css style, theirs ...direct) {
	b.images++
	b.tag("img", append(attributes{{"src", src}, {"border", "0"}}, ours...), css, theirs...)
	b.out = append(b.out[:len(b.out)-1], " />"...)
}

// size is the width of the image in percent of its place. With a height of its own beside the width it is stretched.
func (i *image) size(b *builder, f frame) (percent float64, stretched bool) {
	width, height := b.plain(i.at, i.width), b.plain(i.at, i.height)
	high, hasHeight := length(height)
	hasHeight = hasHeight && high > 0
	if p, ok := strings.CutSuffix(strings.TrimSpace(width), "%"); ok {
		if n, ok := length(p); ok && n > 0 {
			return min(100, n), hasHeight
		}
	}
	if n, ok := length(width); ok && n > 0 {
		return share(n, f), hasHeight
	}
	w, h, ok := b.fileSize(i.at, i.src)
	switch {
	case !ok:
		return 100, false
	case hasHeight:
		return share(high*float64(w)/float64(h), f), false
	}
	return share(float64(w), f), false
}

// share is a width of pixels in percent of a frame.
func share(pixels float64, f frame) float64 { return min(100, 100*pixels/f.width) }

// fileSize is the size of the image in the file, which it is not an error not to know.
func (b *builder) fileSize(at *node.Value, src string) (w, h int, ok bool) {
	key, ok := Download(b.plain(at, src))
	if !ok {
		return 0, 0, false
	}
	r, ok := b.look(at, key, ImageSize)
	if !ok {
		return 0, 0, false
	}
	if r.Err == nil {
		w, h, ok = fileSize(r.Data)
	}
	if r.Err != nil || !ok {
		b.note(at, "the size of the image cannot be found out: "+key)
		return 0, 0, false
	}
	return w, h, true
}

// source is the address of an image, or with embedding that of the part of the mail that has it.
func (b *builder) source(at *node.Value, src string) string {
	key, ok := Download(b.plain(at, src))
	if !b.content.embed || !ok {
		return src
	}
	if id := b.ids[key]; id != "" {
		return "cid:" + id
	}
	r, ok := b.get(at, key, Embedded)
	if !ok {
		return src
	}
	sum := sha256.Sum256(r.Data)
	id := hex.EncodeToString(sum[:12]) + "@images"
	b.embed(key, Image{ID: id, URL: key, Data: r.Data, Type: r.Type})
	return "cid:" + id
}

// embed adds an image. Two addresses may have the same.
func (b *builder) embed(key string, i Image) {
	if b.ids == nil {
		b.ids = map[string]string{}
	}
	b.ids[key] = i.ID
	for _, have := range b.embedded {
		if have.ID == i.ID {
			return
		}
	}
	b.embedded = append(b.embedded, i)
}
