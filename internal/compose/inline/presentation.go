package inline

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/tdewolff/parse/v2/css"
)

// premailer begins the properties that stand for an attribute and nothing else.
const premailer = "-premailer-"

// pair is an attribute for readers that know no CSS.
type pair struct{ name, value string }

// conversion makes an attribute of a property, on some elements. The empty string is no attribute.
type conversion struct {
	attribute string
	elements  []string
	value     func(element, value string) string
}

var (
	cells  = []string{"td", "th"}
	tables = []string{"table", "td", "th"}
	rows   = []string{"table", "tr", "td", "th"}
)

// conversions are section 7 of the reference.
var conversions = map[string]conversion{
	"width":            {"width", []string{"table", "td", "th", "img"}, width},
	"height":           {"height", []string{"table", "td", "th", "img"}, pixels},
	"background-color": {"bgcolor", []string{"body", "table", "tr", "td", "th"}, color},
	"background":       {"bgcolor", []string{"body", "table", "tr", "td", "th"}, backgroundColor},
	"background-image": {"background", []string{"body", "table", "td", "th"}, address},
	"text-align": {"align", []string{"h1", "h2", "h3", "h4", "h5", "h6", "p", "div", "blockquote", "tr", "td", "th"},
		word("left", "center", "right", "justify")},
	"vertical-align": {"valign", []string{"tr", "td", "th"}, word("top", "middle", "bottom", "baseline")},
	"float":          {"align", []string{"img", "table"}, word("left", "right")},
	"border-spacing": {"cellspacing", []string{"table"}, pixels},

	premailer + "width":       {"width", tables, asIs},
	premailer + "height":      {"height", rows, asIs},
	premailer + "cellpadding": {"cellpadding", []string{"table"}, asIs},
	premailer + "cellspacing": {"cellspacing", []string{"table"}, asIs},
	premailer + "align":       {"align", []string{"table"}, asIs},
}

// presentation lists the attributes that follow from a style, in its order. A later declaration takes the place of an
// earlier one for the same attribute; but what stands for the attribute alone has the last word.
func presentation(element string, list []declaration) []pair {
	var pairs []pair
	var fixed []string
	for _, d := range list {
		c, ok := conversions[d.name]
		own := strings.HasPrefix(d.name, premailer)
		if !ok || !slices.Contains(c.elements, element) || !own && slices.Contains(fixed, c.attribute) {
			continue
		}
		if own {
			fixed = append(fixed, c.attribute)
		}
		value := ""
		for i := len(d.values) - 1; i >= 0 && value == ""; i-- {
			value = c.value(element, d.values[i])
		}
		i := slices.IndexFunc(pairs, func(p pair) bool { return p.name == c.attribute })
		if i < 0 {
			pairs = append(pairs, pair{name: c.attribute})
			i = len(pairs) - 1
		}
		pairs[i].value = value
	}
	return slices.DeleteFunc(pairs, func(p pair) bool { return p.value == "" })
}

func asIs(_, v string) string { return strings.Trim(v, `"'`) }

func word(words ...string) func(string, string) string {
	return func(_, v string) string {
		if v = strings.ToLower(v); slices.Contains(words, v) {
			return v
		}
		return ""
	}
}

func width(element, v string) string {
	if n, ok := strings.CutSuffix(v, "%"); ok && element != "img" && digits(n) {
		return v
	}
	return pixels(element, v)
}

func pixels(_, v string) string {
	if n, ok := strings.CutSuffix(strings.ToLower(v), "px"); ok && digits(n) {
		return n
	}
	return ""
}

func digits(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }

// notColors are the words that stand beside the colour in a background, or in its place.
var notColors = strings.Fields(`transparent inherit initial unset revert revert-layer currentcolor none auto
	repeat repeat-x repeat-y no-repeat space round scroll fixed local top bottom left right center cover contain
	border-box padding-box content-box text`)

func color(_, v string) string {
	t := lex(v)
	if len(t.toks) == 0 {
		return ""
	}
	c, n := t.color(0)
	if n != len(t.toks) {
		return ""
	}
	return c
}

// backgroundColor finds the colour in a shorthand.
func backgroundColor(_, v string) string {
	t := lex(v)
	for i := 0; i < len(t.toks); {
		c, n := t.color(i)
		if c != "" {
			return c
		}
		i = n
	}
	return ""
}

// color reads a colour at i, as an attribute has it, and tells where it ends.
func (t text) color(i int) (string, int) {
	k := t.toks[i]
	s := t.of(k)
	switch k.kind {
	case css.HashToken:
		if (len(s) == 4 || len(s) == 7) && strings.Trim(s[1:], "0123456789abcdefABCDEF") == "" {
			return s, i + 1
		}
	case css.IdentToken:
		if !slices.Contains(notColors, strings.ToLower(s)) {
			return s, i + 1
		}
	case css.FunctionToken:
		end := min(block(t.toks, i), len(t.toks)-1)
		if strings.EqualFold(s, "rgb(") {
			return t.rgb(t.toks[i+1 : end]), end + 1
		}
		return "", end + 1
	}
	return "", i + 1
}

// rgb writes three numbers as #rrggbb.
func (t text) rgb(toks []token) string {
	out := "#"
	for _, k := range toks {
		switch k.kind {
		case css.WhitespaceToken, css.CommaToken:
		case css.NumberToken:
			n, err := strconv.Atoi(t.of(k))
			if err != nil {
				return ""
			}
			out += fmt.Sprintf("%02x", min(max(n, 0), 255))
		default:
			return ""
		}
	}
	if len(out) != 7 {
		return ""
	}
	return out
}

// address is the one in url().
func address(_, v string) string {
	t := lex(v)
	if len(t.toks) != 1 || t.toks[0].kind != css.URLToken {
		return ""
	}
	_, in, _ := strings.Cut(v, "(")
	in = strings.TrimSpace(strings.TrimSuffix(in, ")"))
	if in != "" && (in[0] == '"' || in[0] == '\'') {
		in = strings.Trim(in, in[:1])
	}
	return in
}
