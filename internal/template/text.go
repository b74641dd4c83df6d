package template

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// The modifiers of section 12.1. Lengths and positions count characters.

func toLower(s string) string { return strings.ToLower(s) }
func toUpper(s string) string { return strings.ToUpper(s) }

func ucfirst(s string) string {
	r, n := utf8.DecodeRuneInString(s)
	if n == 0 {
		return s
	}
	return string(unicode.ToUpper(r)) + s[n:]
}

func nl2br(s string) string {
	return strings.ReplaceAll(strings.ReplaceAll(s, "\r\n", "\n"), "\n", "<br />")
}

// capitalize goes word by word. An apostrophe does not end a word.
func capitalize(s string, a arguments) string {
	var b strings.Builder
	b.Grow(len(s))
	for len(s) > 0 {
		n := strings.IndexFunc(s, inWord)
		if n < 0 {
			n = len(s)
		}
		b.WriteString(s[:n])
		s = s[n:]
		if n = strings.IndexFunc(s, func(r rune) bool { return !inWord(r) }); n < 0 {
			n = len(s)
		}
		word := s[:n]
		if a.flag(0) || strings.IndexFunc(word, unicode.IsDigit) < 0 {
			word = ucfirst(word)
		}
		b.WriteString(word)
		s = s[n:]
	}
	return b.String()
}

func inWord(r rune) bool {
	return unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r) || r == '_' || r == '\'' || r == '’'
}

func trim(s string, a arguments) string { return strings.Trim(s, a.text(0, " \t\n\r\v\x00")) }

// byteAt is where character n begins; ok is false if there are fewer.
func byteAt(s string, n int) (i int, ok bool) {
	for i := range s {
		if n == 0 {
			return i, true
		}
		n--
	}
	return len(s), n == 0
}

// substr leaves the text alone if it begins behind its end. Negative positions count from the end.
func substr(s string, a arguments) string {
	if a.n == 0 {
		return s
	}
	start := a.int(0, 0)
	if start < 0 {
		start = max(0, utf8.RuneCountInString(s)+start)
	}
	i, ok := byteAt(s, start)
	if !ok || i == len(s) {
		return s
	}
	s = s[i:]
	length := a.int(1, len(s))
	if length < 0 {
		length = max(0, utf8.RuneCountInString(s)+length)
	}
	end, _ := byteAt(s, length)
	return s[:end]
}

func strstr(s string, a arguments) string {
	i := strings.Index(s, a.text(0, ""))
	switch {
	case i < 0 || a.n == 0:
		return s
	case a.flag(1):
		return s[:i]
	}
	return s[i:]
}

func truncate(s string, a arguments) string {
	length, etc := a.int(0, 80), a.text(1, "...")
	if length <= 0 {
		return ""
	}
	if cut, _ := byteAt(s, length); cut == len(s) {
		return s
	}
	length -= min(length, utf8.RuneCountInString(etc))
	cut, _ := byteAt(s, length)
	if !a.flag(2) {
		further, _ := byteAt(s, length+1)
		if i := strings.LastIndexFunc(s[:further], unicode.IsSpace); i >= 0 {
			cut = len(strings.TrimRightFunc(s[:i], unicode.IsSpace))
		}
	}
	return s[:cut] + etc
}

// cat appends to a text; of a list nothing is kept.
func cat(_ *state, v Value, a arguments) (Value, error) {
	if !v.isScalar() {
		return String(a.text(0, "")), nil
	}
	return String(v.text() + a.text(0, "")), nil
}

func replace(s *state, v Value, a arguments) (Value, error) {
	from := a.text(0, "")
	if !v.isScalar() || from == "" {
		return v, nil
	}
	subject, to := v.text(), a.text(1, "")
	if err := s.room(len(subject) + strings.Count(subject, from)*len(to)); err != nil {
		return v, err
	}
	return String(strings.ReplaceAll(subject, from, to)), s.spend(len(subject))
}

// regexReplace leaves the text alone if the expression came out of the data and is no good.
func regexReplace(s *state, v Value, a arguments) (Value, error) {
	if !v.isScalar() || a.n == 0 {
		return v, nil
	}
	re := a.re
	if re == nil {
		var err error
		if re, err = s.pattern(a.text(0, "")); err != nil || re == nil {
			return v, err
		}
	}
	out, err := re.replaceAll(s, v.text(), a.text(1, ""))
	return String(out), err
}

// strpos is false if the needle is not there.
func strpos(_ *state, v Value, a arguments) (Value, error) {
	if !v.isScalar() {
		return v, nil
	}
	s := v.text()
	i := strings.Index(s, a.text(0, ""))
	if i < 0 {
		return Bool(false), nil
	}
	return Int(int64(utf8.RuneCountInString(s[:i]))), nil
}

// indent puts characters before every line; a line end at the end begins no line.
func indent(s *state, v Value, a arguments) (Value, error) {
	n, char := a.int(0, 1), a.text(1, " ")
	if !v.isScalar() || n <= 0 || char == "" {
		return v, nil
	}
	subject := v.text()
	body := strings.TrimSuffix(subject, "\n")
	lines := strings.Count(body, "\n") + 1
	if n > maxOutput || s.room(len(subject)+lines*n*len(char)) != nil {
		return v, s.room(maxOutput + 1)
	}
	margin := strings.Repeat(char, n)
	return String(margin + strings.ReplaceAll(body, "\n", "\n"+margin) + subject[len(body):]), nil
}

func spacify(s *state, v Value, a arguments) (Value, error) {
	if !v.isScalar() {
		return String(""), nil
	}
	subject, sep := v.text(), a.text(0, " ")
	if err := s.room(len(subject) + utf8.RuneCountInString(subject)*len(sep)); err != nil {
		return v, err
	}
	var b strings.Builder
	for i, r := range subject {
		if i > 0 {
			b.WriteString(sep)
		}
		b.WriteRune(r)
	}
	return String(b.String()), nil
}

// The counters of section 12.2.

func countRunes(s string) int { return utf8.RuneCountInString(s) }

func countWords(s string) int {
	n := 0
	for range strings.FieldsSeq(s) {
		n++
	}
	return n
}

func countParagraphs(s string) int {
	if s == "" {
		return 0
	}
	n, inEnd := 1, false
	for i := range len(s) {
		isEnd := s[i] == '\n' || s[i] == '\r'
		if isEnd && !inEnd {
			n++
		}
		inEnd = isEnd
	}
	return n
}

func countCharacters(s *state, v Value, a arguments) (Value, error) {
	if a.flag(0) || !v.isScalar() {
		return counter(countRunes)(s, v, a)
	}
	n := int64(0)
	for _, r := range v.text() {
		if !unicode.IsSpace(r) {
			n++
		}
	}
	return Int(n), nil
}
