package settings

import (
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Flood is a row of flood_responses whose pattern matched (delivery-control.md section 2).
type Flood struct {
	ID      int64
	Name    string
	Pause   time.Duration // stop sending for so long; 0 = go on
	Reduced time.Duration // then use the limits of the row for so long; 0 = do not
}

type flood struct {
	Flood
	*pattern
	digit bool // compared with code, status and description too
}

// floods finds the patterns that match.
type floods struct {
	rows   []flood // by id
	index  index   // of the rows
	digits bool    // some row is of that kind
}

const (
	maxAnswer  = 4096 // bytes of a description that are looked at
	maxUnicode = 3    // bytes that a cut may leave of a character
)

func newFloods(rows []flood) floods {
	f := floods{rows: rows, index: newIndex()}
	for i := range rows {
		f.digits = f.digits || rows[i].digit
		f.index.add(rows[i].literals)
	}
	return f
}

// digitPattern says that a pattern is meant for code, status and description together.
func digitPattern(kind, s string) bool {
	if strings.EqualFold(strings.TrimSpace(kind), "regex") {
		s = strings.TrimPrefix(bare(s), "^")
	}
	return s != "" && s[0] >= '0' && s[0] <= '9'
}

// answer is the text of a failed delivery in the forms that patterns are compared with.
type answer struct {
	text, folded       string // the description
	full, foldedInFull string // with code and status in front; empty: there is none
}

func (f *floods) answer(description string, code int, status string) answer {
	a := answer{text: cut(description)}
	a.folded = fold(a.text)
	if f.digits && code != 0 {
		a.full = strconv.Itoa(code) + " "
		if status != "" {
			a.full += cut(status) + " "
		}
		a.full += a.text
		a.foldedInFull = fold(a.full)
	}
	return a
}

// cut keeps the front of a text.
func cut(s string) string {
	if len(s) <= maxAnswer {
		return s
	}
	end := maxAnswer
	for end > maxAnswer-maxUnicode && !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end]
}

func (f *floods) match(description string, code int, status string) (found []Flood) {
	if len(f.rows) == 0 {
		return nil
	}
	a := f.answer(description, code, status)
	text := a.foldedInFull // ends with the description
	if text == "" {
		text = a.folded
	}
	for _, i := range f.index.candidates(text) {
		if f.rows[i].matches(a) {
			found = append(found, f.rows[i].Flood)
		}
	}
	return found
}

func (f *flood) matches(a answer) bool {
	return f.match(a.text, a.folded) || f.digit && a.full != "" && f.match(a.full, a.foldedInFull)
}
