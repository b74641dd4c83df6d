package inline

import (
	"strings"

	"github.com/tdewolff/parse/v2"
	"github.com/tdewolff/parse/v2/css"
)

// token is a token of CSS and where it lies in the text.
type token struct {
	kind       css.TokenType
	start, end int
}

// text is CSS with all its tokens. Every block, string and comment in it is closed.
type text struct {
	src  string
	toks []token
}

func lex(src string) text {
	t := text{src: src, toks: make([]token, 0, len(src)/4+4)}
	for l, at := css.NewLexer(parse.NewInputString(src)), 0; ; {
		kind, data := l.Next()
		if kind == css.ErrorToken {
			return t
		}
		t.toks = append(t.toks, token{kind, at, at + len(data)})
		at += len(data)
	}
}

// read tokenizes CSS and closes what is open at its end (CSS Syntax 3: the end of the file closes everything).
func read(src string) text {
	if backslashes(src)%2 == 1 {
		src = src[:len(src)-1]
	}
	t := lex(src)
	if tail := t.tail(); tail != "" {
		t = lex(src + tail)
	}
	if closers := t.closers(); closers != "" {
		t = lex(t.src + closers)
	}
	return t
}

func backslashes(s string) int { return len(s) - len(strings.TrimRight(s, `\`)) }

// tail is what the last token lacks to be whole.
func (t text) tail() string {
	if len(t.toks) == 0 {
		return ""
	}
	last := t.toks[len(t.toks)-1]
	s := t.of(last)
	switch last.kind {
	case css.CommentToken:
		if len(s) < 4 || !strings.HasSuffix(s, "*/") {
			return "*/"
		}
	case css.StringToken:
		if !endsBy(s[1:], s[0]) {
			return s[:1]
		}
	case css.URLToken:
		return tailOfURL(s)
	}
	return ""
}

func tailOfURL(s string) string {
	_, in, _ := strings.Cut(s, "(")
	in = strings.TrimLeft(in, " \t\r\n\f")
	if in == "" || in[0] != '"' && in[0] != '\'' {
		if endsBy(s, ')') {
			return ""
		}
		return ")"
	}
	if l := lex(in); endsBy(in[1:l.toks[0].end], in[0]) {
		if strings.HasSuffix(s, ")") {
			return ""
		}
		return ")"
	}
	return in[:1] + ")"
}

// endsBy says that s ends by c and that no backslash takes its meaning.
func endsBy(s string, c byte) bool {
	return s != "" && s[len(s)-1] == c && backslashes(s[:len(s)-1])%2 == 0
}

func (t text) closers() string {
	var open []byte
	for _, k := range t.toks {
		open = nest(open, k.kind)
	}
	var b strings.Builder
	for i := len(open) - 1; i >= 0; i-- {
		b.WriteByte(open[i])
	}
	return b.String()
}

// nest is the stack of brackets to be closed after one more token. A bracket that closes nothing does nothing.
func nest(open []byte, kind css.TokenType) []byte {
	var closes byte
	switch kind {
	case css.LeftBraceToken:
		return append(open, '}')
	case css.LeftBracketToken:
		return append(open, ']')
	case css.LeftParenthesisToken, css.FunctionToken:
		return append(open, ')')
	case css.RightBraceToken:
		closes = '}'
	case css.RightBracketToken:
		closes = ']'
	case css.RightParenthesisToken:
		closes = ')'
	default:
		return open
	}
	if n := len(open); n > 0 && open[n-1] == closes {
		return open[:n-1]
	}
	return open
}

func (t text) of(k token) string { return t.src[k.start:k.end] }

// part is the text of a range of tokens.
func (t text) part(toks []token) string {
	if len(toks) == 0 {
		return ""
	}
	return t.src[toks[0].start:toks[len(toks)-1].end]
}

// value is the text of a range of tokens, trimmed, without comments and on one line; what lies in strings and addresses
// stays as it is.
func (t text) value(toks []token) string {
	toks = trim(toks)
	plain := true
	for _, k := range toks {
		plain = plain && k.kind != css.CommentToken && (k.kind != css.WhitespaceToken || !strings.ContainsAny(t.of(k), "\r\n\f"))
	}
	if plain {
		return t.part(toks)
	}
	var b strings.Builder
	blank := false
	for _, k := range toks {
		switch {
		case k.kind != css.CommentToken && k.kind != css.WhitespaceToken:
			b.WriteString(t.of(k))
			blank = false
		case !blank:
			b.WriteByte(' ')
			blank = true
		}
	}
	return b.String()
}

// trim cuts white space and comments from both ends.
func trim(toks []token) []token {
	for len(toks) > 0 && blank(toks[0]) {
		toks = toks[1:]
	}
	for len(toks) > 0 && blank(toks[len(toks)-1]) {
		toks = toks[:len(toks)-1]
	}
	return toks
}

func blank(k token) bool { return k.kind == css.WhitespaceToken || k.kind == css.CommentToken }

// bad says that a token has no place in a sound sheet, whatever stands around it.
func (t text) bad(k token) bool {
	switch k.kind {
	case css.BadStringToken, css.BadURLToken, css.CDOToken, css.CDCToken:
		return true
	case css.DelimToken:
		return t.src[k.start] == '\\' || t.src[k.start] == '<' || t.src[k.start] == 0
	}
	return false
}

// until gives the index of the first token from i on, outside of all brackets, that ends is true for, or len(toks).
func until(toks []token, i int, ends func(token) bool) int {
	var open []byte
	for ; i < len(toks); i++ {
		if len(open) == 0 && ends(toks[i]) {
			return i
		}
		open = nest(open, toks[i].kind)
	}
	return i
}

// block gives the index of the brace that closes the one at i.
func block(toks []token, i int) int {
	open := nest(nil, toks[i].kind)
	for i++; i < len(toks); i++ {
		if open = nest(open, toks[i].kind); len(open) == 0 {
			return i
		}
	}
	return len(toks)
}
