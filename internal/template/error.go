package template

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Kind tells when an error shows.
type Kind int

const (
	// Syntax errors are found on the whole template before anything is rendered.
	Syntax Kind = iota
	// Runtime errors are a division by zero or a limit that is reached while rendering.
	Runtime
)

// Error is what is wrong with a template, and where. Line and Col count from 1, Col in characters.
type Error struct {
	Kind      Kind
	Line, Col int
	Text      string
}

// Error returns the place and the text, such as "line 14 col 9: missing {/if}".
func (e *Error) Error() string {
	return fmt.Sprintf("line %d col %d: %s", e.Line, e.Col, e.Text)
}

func newError(kind Kind, src string, at int, text string) *Error {
	before := src[:min(at, len(src))]
	start := strings.LastIndexByte(before, '\n') + 1
	return &Error{
		Kind: kind,
		Line: strings.Count(before, "\n") + 1,
		Col:  utf8.RuneCountInString(before[start:]) + 1,
		Text: text,
	}
}
