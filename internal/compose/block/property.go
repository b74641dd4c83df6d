package block

import (
	"math"
	"strconv"
	"strings"

	"posthoorn/internal/compose/node"
)

// pair is a CSS declaration or an attribute.
type pair struct{ name, value string }

// direct is access to a tag: CSS and attributes that the document gives, copied without checks.
type direct struct{ css, attributes []pair }

func (p *parser) direct(v *node.Value) direct {
	return direct{p.pairs(v.Get("css")), p.pairs(v.Get("attributes"))}
}

// pairs reads an object of names and values. A name that cannot be one, and so could end the tag or the style, is left out.
func (p *parser) pairs(v *node.Value) []pair {
	v = p.problems.Object(v)
	if v == nil {
		return nil
	}
	list := make([]pair, 0, len(v.Members))
	for i := range v.Members {
		m := &v.Members[i]
		if m.Value.Kind != node.Null && isName(m.Name) {
			list = append(list, pair{m.Name, p.problems.String(&m.Value)})
		}
	}
	return list
}

// isName says whether s can be the name of an attribute or of a CSS property.
func isName(s string) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c == '_', c == ':', c == '-', c == '@':
		case i > 0 && (c >= '0' && c <= '9' || c == '.'):
		default:
			return false
		}
	}
	return s != ""
}

// background is a colour, empty for none.
func (p *parser) background(v *node.Value) string {
	if v.Is(node.Object) {
		v = v.Get("color")
	}
	return p.problems.String(v)
}

// font is a font; what is empty is left to the reader.
type font struct{ family, size, lineHeight, color, weight string }

func (p *parser) font(v *node.Value) font {
	v = p.problems.Object(v)
	if v == nil {
		return font{}
	}
	return font{
		family:     p.problems.String(v.Get("family")),
		size:       pixels(p.problems.String(v.Get("size"))),
		lineHeight: pixels(p.problems.String(v.Get("lineHeight"))),
		color:      p.problems.String(v.Get("color")),
		weight:     p.problems.String(v.Get("weight")),
	}
}

// pixels gives a bare number its unit.
func pixels(s string) string {
	if _, err := strconv.ParseFloat(s, 64); err == nil {
		return s + "px"
	}
	return s
}

// or is f with what it leaves open from g.
func (f font) or(g font) font {
	return font{
		family: either(f.family, g.family), size: either(f.size, g.size), lineHeight: either(f.lineHeight, g.lineHeight),
		color: either(f.color, g.color), weight: either(f.weight, g.weight),
	}
}

func either(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// sides are the pixels of a margin or padding.
type sides struct{ top, right, bottom, left int }

func (s sides) width() float64 { return float64(s.left + s.right) }

func (s sides) css() string {
	switch {
	case s == sides{}:
		return ""
	case s.top == s.bottom && s.left == s.right && s.top == s.left:
		return px(s.top)
	}
	return px(s.top) + " " + px(s.right) + " " + px(s.bottom) + " " + px(s.left)
}

func px(n int) string { return strconv.Itoa(n) + "px" }

func (p *parser) sides(v *node.Value, without sides) sides {
	switch {
	case v == nil:
		return without
	case v.Kind == node.Object:
		return sides{p.side(v.Get("top")), p.side(v.Get("right")), p.side(v.Get("bottom")), p.side(v.Get("left"))}
	}
	n := p.side(v)
	return sides{n, n, n, n}
}

func (p *parser) side(v *node.Value) int {
	n, ok := length(p.problems.String(v))
	if v != nil && !ok {
		p.problems.Add(v, "a number of pixels is expected")
	}
	return max(0, int(math.Round(n)))
}

// length is a number of pixels; as JSON has it, or as text with or without px.
func length(s string) (float64, bool) {
	s = strings.TrimSpace(s)
	if n := len(s); n > 2 && strings.EqualFold(s[n-2:], "px") {
		s = strings.TrimSpace(s[:n-2])
	}
	n, err := strconv.ParseFloat(s, 64)
	if err != nil || math.IsNaN(n) || math.Abs(n) > 1e9 {
		return 0, false
	}
	return n, true
}
