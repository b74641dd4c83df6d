package control

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// Texts of strangers (answers of servers, names, tags) reach the operator's terminal. Nothing of them may steer it: no
// escape sequence, no line end, no character that turns the direction of what follows or hides it.

// visible is a text in which everything that is not printed as itself stands as an escape.
func visible(s string) string {
	if !strings.ContainsFunc(s, hidden) {
		return s
	}
	var out strings.Builder
	for i, r := range s {
		switch {
		case !hidden(r):
			out.WriteRune(r)
		case r == utf8.RuneError && !strings.HasPrefix(s[i:], "\uFFFD"):
			fmt.Fprintf(&out, `\x%02x`, s[i])
		case r < 0x80:
			fmt.Fprintf(&out, `\x%02x`, r)
		default:
			fmt.Fprintf(&out, `\u{%x}`, r)
		}
	}
	return out.String()
}

func hidden(r rune) bool { return !unicode.IsPrint(r) || r == utf8.RuneError }

// shorten cuts a text after limit runes.
func shorten(s string, limit int) string {
	n := 0
	for i := range s {
		if n == limit {
			return s[:i] + "…"
		}
		n++
	}
	return s
}

// maxText is how much of a stranger's text is printed, in runes.
const maxText = 400

// text is what a stranger wrote, as it is printed.
func text(s string) string { return visible(shorten(s, maxText)) }

// printJSON writes a value for programs, in one line. encoding/json leaves some characters as they are that a terminal obeys;
// they stand only in strings, where an escape says the same.
func printJSON(out io.Writer, v any) error {
	line, err := json.Marshal(v)
	if err != nil {
		return err
	}
	var b strings.Builder
	for _, r := range string(line) {
		switch {
		case unicode.IsPrint(r):
			b.WriteRune(r)
		case r > 0xffff:
			hi, lo := utf16.EncodeRune(r)
			fmt.Fprintf(&b, `\u%04x\u%04x`, hi, lo)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	b.WriteByte('\n')
	_, err = io.WriteString(out, b.String())
	return err
}

func messages(n int) string {
	if n == 1 {
		return "1 message"
	}
	return strconv.Itoa(n) + " messages"
}
