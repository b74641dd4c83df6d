package mime

import (
	"strings"
	"unicode/utf8"
)

const (
	foldAt  = 78  // bytes of a line, without its line end (RFC 5322 section 2.1.1)
	longest = 900 // bytes of a word beyond which it is encoded, since a line may not have more than 998
)

// ValidName says whether name may be the name of a field (RFC 5322 section 3.6.8).
func ValidName(name string) bool {
	return isName([]byte(name)) && !strings.Contains(name, ":") && len(name) <= 76
}

// AppendField appends a field, CRLF included, with a value as its author wrote it. What is ASCII stays, also words that are
// encoded already; other words are encoded (RFC 2047), in the fields that hold addresses as [AppendMailboxes] does it. Long
// values are folded at blanks. CR, LF, NUL and other control characters become a blank, so that nothing in the value can
// begin another field. An invalid name appends nothing.
func AppendField(dst []byte, name, value string) []byte {
	if !isASCII(value) && IsAddressField(name) {
		list := Mailboxes(clean(value), nil)
		for i := range list {
			list[i].Name = DecodeWords(list[i].Name)
		}
		return AppendMailboxes(dst, name, list)
	}
	return appendValue(dst, name, value, false)
}

// AppendText is [AppendField] for a text, such as a subject, which is to be read exactly as it is: what looks like an encoded
// word is encoded too, and so are words that are too long for a line.
func AppendText(dst []byte, name, text string) []byte { return appendValue(dst, name, text, true) }

func appendValue(dst []byte, name, value string, exact bool) []byte {
	if !ValidName(name) {
		return dst
	}
	f := startField(dst, name)
	value = clean(value)
	for pos := 0; pos < len(value); {
		blanks, word := nextWord(value[pos:])
		pos += len(blanks) + len(word)
		if !mustEncode(word, exact) {
			f.put(blanks, word)
			continue
		}
		run := pos - len(word)
		for pos < len(value) { // blanks between encoded words do not count, so they go into them
			more, next := nextWord(value[pos:])
			if !mustEncode(next, exact) {
				break
			}
			pos += len(more) + len(next)
		}
		f.putEncoded(blanks, value[run:pos])
	}
	return f.end()
}

// mustEncode says whether a word cannot stand as it is.
func mustEncode(word string, exact bool) bool {
	return !isASCII(word) || exact && (len(word) > longest || strings.Contains(word, "=?"))
}

// nextWord cuts s into the blanks that it begins with, and the word that follows.
func nextWord(s string) (blanks, word string) {
	start := 0
	for start < len(s) && (s[start] == ' ' || s[start] == '\t') {
		start++
	}
	end := start
	for end < len(s) && s[end] != ' ' && s[end] != '\t' {
		end++
	}
	return s[:start], s[start:end]
}

// fieldWriter writes the value of a field word by word and folds it.
type fieldWriter struct {
	out   []byte
	line  int // where the line begins
	first bool
}

func startField(dst []byte, name string) fieldWriter {
	f := fieldWriter{out: dst, line: len(dst), first: true}
	f.out = append(append(f.out, name...), ':', ' ')
	return f
}

func (f *fieldWriter) column() int { return len(f.out) - f.line }

// room is what is left of the line behind some blanks.
func (f *fieldWriter) room(blanks string) int { return foldAt - f.column() - len(blanks) }

// put writes a word. The line is folded before it if there are blanks to fold at, and if the line has a word already.
func (f *fieldWriter) put(blanks, word string) {
	if !f.first && blanks != "" && len(word) > f.room(blanks) {
		f.fold()
	}
	f.out = append(append(f.out, blanks...), word...)
	f.first = false
}

func (f *fieldWriter) fold() {
	f.out = append(f.out, '\r', '\n')
	f.line = len(f.out)
}

// putEncoded writes s as encoded words.
func (f *fieldWriter) putEncoded(blanks, s string) {
	base64 := sizeQ(s) > len(s)*9/4 // the other way can be read in the source
	for s != "" {
		if !f.first && blanks != "" && f.room(blanks) < min(maxWord, sizeQ(s)+12, 36) {
			f.fold()
		}
		f.out = append(f.out, blanks...)
		var n int
		f.out, n = encodeWord(f.out, s, base64, min(maxWord, f.room("")))
		s, blanks, f.first = s[n:], " ", false
	}
}

func (f *fieldWriter) end() []byte { return append(f.out, '\r', '\n') }

// clean makes a value of one line of valid UTF-8 without control characters. A line end with the blanks around it is one
// blank: it was a fold, or wanted to be more.
func clean(s string) string {
	s = strings.Trim(s, " \t\r\n")
	if utf8.ValidString(s) && strings.IndexFunc(s, isControl) < 0 {
		return s
	}
	s = strings.ToValidUTF8(strings.ReplaceAll(s, "\r\n", "\n"), "\uFFFD")
	return strings.Trim(strings.Map(func(r rune) rune {
		if isControl(r) {
			return ' '
		}
		return r
	}, s), " \t")
}

func isControl(r rune) bool { return r < ' ' && r != '\t' || r >= 0x7f && r < 0xa0 }

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}
