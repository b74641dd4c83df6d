// Package authres has the words for the results of checks and the Authentication-Results field that tells them (RFC 8601). It is
// pure: it opens nothing and starts nothing.
package authres

import (
	"strings"
	"unicode/utf8"
)

// Result is the outcome of a check (RFC 8601 section 2.7). Not every check knows all of them.
type Result string

// The results.
const (
	None      Result = "none"      // there was nothing to check
	Pass      Result = "pass"      //
	Fail      Result = "fail"      //
	SoftFail  Result = "softfail"  // SPF only
	Neutral   Result = "neutral"   //
	Policy    Result = "policy"    // good, but not accepted here
	TempError Result = "temperror" // could not be found out now
	PermError Result = "permerror" // never can be found out
)

// Finding is one result with what it is about.
type Finding struct {
	Method string // spf, dkim, dmarc, arc
	Result Result
	Reason string     // for people; empty: none
	About  []Property // those without a value are left out
}

// Property is one fact that a check looked at, such as smtp.mailfrom.
type Property struct{ Name, Value string }

// Limits of what a field tells, whatever mail says about itself.
const (
	maxReason = 200 // bytes
	maxValue  = 320 // bytes: an address
	lineWidth = 78
)

// Append appends the findings as they follow the authserv-id and its semicolon in an Authentication-Results field, without a line
// end behind them. Methods and names are written as they are; in reasons and values whatever could end or change the field is
// quoted or left out. Without findings it appends "none" (section 2.2).
func Append(dst []byte, findings []Finding) []byte {
	if len(findings) == 0 {
		return append(dst, "none"...)
	}
	w := writer{out: dst, column: len("\t")}
	for i, f := range findings {
		if i > 0 {
			w.next()
		}
		w.put(f.Method + "=" + string(f.Result))
		if f.Reason != "" {
			w.put("reason=" + quoted(printable(f.Reason, maxReason)))
		}
		for _, p := range f.About {
			if p.Value != "" {
				w.put(p.Name + "=" + value(p.Value))
			}
		}
	}
	return w.out
}

// writer puts words in lines.
type writer struct {
	out    []byte
	column int
	inside bool // a word stands before the next one
}

func (w *writer) put(word string) {
	switch {
	case !w.inside:
	case w.column+1+len(word) > lineWidth:
		w.fold()
	default:
		w.out = append(w.out, ' ')
		w.column++
	}
	w.out, w.inside = append(w.out, word...), true
	w.column += len(word)
}

func (w *writer) fold() {
	w.out, w.column = append(w.out, "\r\n\t"...), len("\t")
}

// next ends a finding.
func (w *writer) next() {
	w.out, w.inside = append(w.out, ';'), false
	w.fold()
}

// value writes a pvalue: a token, or an address with a dot-atom as it is, all else quoted (section 2.2).
func value(s string) string {
	s = printable(s, maxValue)
	for part := range strings.SplitSeq(s, "@") {
		if part != "" && !isToken(part) {
			return quoted(s)
		}
	}
	if strings.Count(s, "@") > 1 || strings.HasSuffix(s, "@") {
		return quoted(s)
	}
	return s
}

// isToken takes tokens of RFC 2045 section 5.1, and letters beyond ASCII (RFC 8601 section 2.2, RFC 6532).
func isToken(s string) bool {
	for _, r := range s {
		if r <= ' ' || r == 0x7f || strings.ContainsRune(`()<>@,;:\"/[]?=`, r) {
			return false
		}
	}
	return s != ""
}

func quoted(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}

// printable is s without control characters and what is no UTF-8, cut to n bytes.
func printable(s string, n int) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 || r == 0x2028 || r == 0x2029 || r == utf8.RuneError {
			return -1
		}
		return r
	}, s)
	if len(s) > n {
		s = s[:n]
	}
	return strings.ToValidUTF8(s, "")
}
