package template

// A modifier makes a value of a value. One that cannot handle the type of the value returns it as it is.
type modifier func(s *state, v Value, a arguments) (Value, error)

// arguments are what stands behind the colons; missing ones have defaults.
type arguments struct {
	values [3]Value
	n      int
	re     *pattern
}

func (a *arguments) text(i int, missing string) string {
	if i >= a.n {
		return missing
	}
	return a.values[i].text()
}

func (a *arguments) weight() int {
	n := 0
	for i := range a.n {
		n += a.values[i].weight()
	}
	return n
}

func (a *arguments) flag(i int) bool { return i < a.n && a.values[i].truth() }

// int is limited to what no text or list reaches, so that one may calculate with it.
func (a *arguments) int(i, missing int) int {
	if i >= a.n {
		return missing
	}
	n, _ := a.values[i].number()
	f := n.toFloat()
	switch {
	case f >= 1<<31:
		return 1 << 31
	case f <= -(1 << 31):
		return -(1 << 31)
	case f != f:
		return 0
	}
	return int(f)
}

// modifiers are those of section 12.
var modifiers = map[string]modifier{
	"tolower":    plain(toLower),
	"lower":      plain(toLower),
	"toupper":    plain(toUpper),
	"upper":      plain(toUpper),
	"ucfirst":    plain(ucfirst),
	"nl2br":      plain(nl2br),
	"capitalize": textual(capitalize),
	"trim":       textual(trim),
	"substr":     textual(substr),
	"strstr":     textual(strstr),
	"truncate":   textual(truncate),

	"cat":           cat,
	"replace":       replace,
	"regex_replace": regexReplace,
	"strpos":        strpos,
	"indent":        indent,
	"spacify":       spacify,
	"default":       defaultTo,

	"count":            count,
	"strlen":           counter(countRunes),
	"count_characters": countCharacters,
	"count_words":      counter(countWords),
	"count_paragraphs": counter(countParagraphs),
	"empty":            empty,

	"escape":        escape,
	"raw":           raw,
	"urlencode":     plain(urlEncode),
	"urldecode":     plain(urlDecode),
	"base64_encode": plain(base64Encode),
	"base64_decode": plain(base64Decode),
	"jsonencode":    plain(jsonEncode),
	"jsondecode":    plain(jsonDecode),
	"md5":           hashing("md5"),
	"sha1":          hashing("sha1"),
	"sha256":        hashing("sha256"),
	"sha512":        hashing("sha512"),

	"range":         rangeOf,
	"number_format": numberFormat,
	"date_format":   dateFormat,
}

// plain makes a modifier of a function on texts; lists pass unchanged.
func plain(fn func(string) string) modifier {
	return func(_ *state, v Value, _ arguments) (Value, error) {
		if !v.isScalar() {
			return v, nil
		}
		return String(fn(v.text())), nil
	}
}

// textual is plain for a function with arguments.
func textual(fn func(string, arguments) string) modifier {
	return func(_ *state, v Value, a arguments) (Value, error) {
		if !v.isScalar() {
			return v, nil
		}
		return String(fn(v.text(), a)), nil
	}
}

// counter makes a modifier of a function that counts in a text; in a list there is nothing to count.
func counter(fn func(string) int) modifier {
	return func(_ *state, v Value, _ arguments) (Value, error) {
		if !v.isScalar() {
			return Int(0), nil
		}
		return Int(int64(fn(v.text()))), nil
	}
}

func defaultTo(_ *state, v Value, a arguments) (Value, error) {
	if v.isVoid() && a.n > 0 {
		return a.values[0], nil
	}
	return v, nil
}

func count(_ *state, v Value, _ arguments) (Value, error) {
	switch {
	case v.isScalar():
		return Int(0), nil
	case v.tree != nil:
		return Int(int64(len(v.tree.members) + len(v.tree.values))), nil
	}
	n := int64(0)
	for c := (cursor{raw: v.raw}); c.next(); {
		n++
	}
	return Int(n), nil
}

// empty follows its example and not its description (section 17). A text is only empty without any
// character: "0" is not.
func empty(_ *state, v Value, _ arguments) (Value, error) {
	if v.kind == text {
		return Bool(v.isVoid()), nil
	}
	return Bool(!v.truth()), nil
}

// rangeOf cuts a part out of a list; the end is exclusive. With one argument that is the end.
func rangeOf(s *state, v Value, a arguments) (Value, error) {
	if v.kind != list || a.n == 0 {
		return v, nil
	}
	start, end := 0, a.int(0, 0)
	if a.n > 1 {
		start, end = end, a.int(1, 0)
	}
	start = max(start, 0)
	var values []Value
	if v.tree != nil {
		if end = min(end, len(v.tree.values)); start < end {
			values = v.tree.values[start:end]
		}
		return List(values), nil
	}
	i := 0
	for c := (cursor{raw: v.raw}); i < end && c.next(); i++ {
		if i >= start {
			values = append(values, JSON(c.val))
		}
	}
	return List(values), s.spend(200 * len(values))
}
