package journal

import (
	"unicode"
	"unicode/utf8"
)

// cut stands where a value or a line was too long.
const cut = "..."

// cleanValue makes a value, out[from:], harmless in a line: control characters, line ends of every
// kind and what is no UTF-8 become spaces, and its length has a limit.
func cleanValue(out []byte, from int) []byte {
	out = shorten(out, from, maxValue)
	if isHarmless(out[from:]) {
		return out
	}
	value := string(out[from:])
	out = out[:from]
	for i, r := range value {
		if isControl(r) || r == utf8.RuneError && isBroken(value[i:]) {
			r = ' '
		}
		out = utf8.AppendRune(out, r)
	}
	return out
}

// isHarmless is the quick answer for nearly every value: printable ASCII only.
func isHarmless(b []byte) bool {
	for _, c := range b {
		if c < ' ' || c > '~' {
			return false
		}
	}
	return true
}

func isControl(r rune) bool { return unicode.IsControl(r) || r == '\u2028' || r == '\u2029' }

func isBroken(s string) bool {
	_, n := utf8.DecodeRuneInString(s)
	return n == 1
}

func shorten(out []byte, from, limit int) []byte {
	if len(out)-from <= limit {
		return out
	}
	end := from + limit - len(cut)
	for end > from && !utf8.RuneStart(out[end]) {
		end--
	}
	return append(out[:end], cut...)
}

// cleanLine sees to what the text of the template could still do to a line.
func cleanLine(line []byte) []byte {
	line = shorten(line, 0, maxLine)
	for i, c := range line {
		if c == '\n' || c == '\r' {
			line[i] = ' '
		}
	}
	return line
}
