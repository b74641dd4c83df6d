package report

import (
	"bytes"
	"regexp"
	"strconv"
	"strings"

	"posthoorn/internal/mime"
)

// group is a group of fields in the machine-readable part of a report (RFC 3464 section 2.1).
type group []fieldText

type fieldText struct{ name, value string }

// get is the first value of a field; empty: there is none.
func (g group) get(name string) string {
	for _, f := range g {
		if strings.EqualFold(f.name, name) {
			return f.value
		}
	}
	return ""
}

func (g group) has(name string) bool { return g.get(name) != "" }

// groups reads groups of fields. Blank lines and lines that are no field separate them; so does a second field for a recipient,
// since some servers forget the blank line.
func groups(data []byte) []group {
	var r groupReader
	for line := range bytes.Lines(data) {
		if r.line(bytes.TrimRight(line, "\r\n")); len(r.all) > 2*MaxRecipients {
			break
		}
	}
	r.end()
	for _, g := range r.all {
		for i := range g {
			g[i].value = clip(mime.DecodeWords(g[i].value))
		}
	}
	return r.all
}

// groups are those of the machine-readable parts of a report, from at most maxFields bytes of all of them.
func (m *message) groups(parts []*mime.Part) (all []group) {
	left := maxFields
	for _, p := range parts {
		content := m.content(p, left)
		all = append(all, groups(content)...)
		if left -= len(content); left <= 0 {
			break
		}
	}
	return all
}

type groupReader struct {
	all  []group
	open group
}

func (r *groupReader) line(line []byte) {
	if len(r.open) > 0 && continues(line) {
		if last := &r.open[len(r.open)-1]; len(last.value) < MaxText {
			last.value += " " + string(line)
		}
		return
	}
	name, value, isField := strings.Cut(string(line), ":")
	name = strings.TrimRight(name, " \t")
	if !isField || !mime.ValidName(name) {
		r.end()
		return
	}
	if repeats(r.open, name) {
		r.end()
	}
	if len(r.open) < mime.MaxFields {
		r.open = append(r.open, fieldText{name, value})
	}
}

func (r *groupReader) end() {
	if len(r.open) > 0 {
		r.all = append(r.all, r.open)
	}
	r.open = nil
}

// continues says that a line belongs to the field before it.
func continues(line []byte) bool {
	return len(line) > 0 && (line[0] == ' ' || line[0] == '\t') && len(bytes.TrimSpace(line)) > 0
}

// repeats says that a field begins the group of another recipient.
func repeats(g group, name string) bool {
	return (strings.EqualFold(name, "Final-Recipient") || strings.EqualFold(name, "Original-Recipient")) && g.has(name)
}

// join puts groups that a blank line has torn apart together: one that speaks of a recipient without saying who belongs to the
// one before it.
func join(all []group) []group {
	var joined []group
	for _, g := range all {
		last := len(joined) - 1
		named := g.has("Final-Recipient") || g.has("Original-Recipient")
		if !named && last >= 0 && (g.has("Status") || g.has("Action")) && !joined[last].has("Status") {
			joined[last] = append(joined[last], g...)
			continue
		}
		joined = append(joined, g)
	}
	return joined
}

// address takes the address out of a typed field: rfc822; ann@customer.test. The types rfc822 and utf-8 are left out, others
// stay; the escapes of RFC 6533 section 3 are undone.
func address(typed string) string {
	kind, text, ok := strings.Cut(typed, ";")
	if !ok {
		kind, text = "", typed
	}
	kind, text = strings.ToLower(strings.TrimSpace(kind)), strings.TrimSpace(text)
	if strings.HasPrefix(text, "<") && strings.HasSuffix(text, ">") {
		text = text[1 : len(text)-1]
	}
	switch kind {
	case "", "rfc822", "smtp":
		return text
	case "utf-8":
		return unescape(text)
	}
	return kind + ";" + text
}

var escape = regexp.MustCompile(`\\x\{([0-9A-Fa-f]{2,6})\}`)

// unescape undoes utf-8-addr-xtext.
func unescape(text string) string {
	return escape.ReplaceAllStringFunc(text, func(s string) string {
		n, err := strconv.ParseUint(s[3:len(s)-1], 16, 32)
		if err != nil || n < ' ' || n > 0x10ffff {
			return s
		}
		return string(rune(n))
	})
}

// untyped takes the type off a typed field, if it is the one that is expected.
func untyped(typed, expected string) string {
	kind, text, ok := strings.Cut(typed, ";")
	if ok && strings.EqualFold(strings.TrimSpace(kind), expected) {
		return strings.TrimSpace(text)
	}
	return typed
}

var statusPattern = regexp.MustCompile(`(?:^|[^\d.])([245]\.\d{1,3}\.\d{1,3})(?:\.?[^\d.]|\.?$)`)

// status is the first enhanced code in a text; empty: there is none.
func status(text string) string {
	if found := statusPattern.FindStringSubmatch(text); found != nil {
		return found[1]
	}
	return ""
}

// word is the first word of a text, in lower case.
func word(text string) string {
	end := strings.IndexFunc(text, func(r rune) bool { return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && r != '-' })
	if end >= 0 {
		text = text[:end]
	}
	return strings.ToLower(text)
}
