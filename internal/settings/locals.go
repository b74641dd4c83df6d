package settings

import (
	"errors"
	"fmt"
	"strings"

	"posthoorn/internal/mail"
)

// locals are the local addresses (incoming-json.md section 4). Rows of single addresses are looked up, however many there are; of
// the patterns only those are tried that can match.
type locals struct {
	exact    map[string]bool // by localKey
	patterns []*pattern
	index    index // of patterns
}

// Local says whether a row of locals names an address. Case does not matter, neither that of the domain nor that of what stands
// before it, and an international domain is the same in both of its forms.
func (s *Snapshot) Local(a mail.Address) bool {
	if a.IsZero() {
		return false
	}
	return s.locals.exact[localKey(a)] || s.locals.match(a)
}

// HasLocals says that some address is local.
func (s *Snapshot) HasLocals() bool { return len(s.locals.exact)+len(s.locals.patterns) > 0 }

// localKey is the same for addresses that differ in case alone.
func localKey(a mail.Address) string { return fold(a.Local) + "@" + a.ASCIIDomain() }

// match compares an address with the patterns: as people write it, and with its domain as A-labels.
func (l *locals) match(a mail.Address) bool {
	if len(l.patterns) == 0 {
		return false
	}
	text := a.String()
	ascii := strings.TrimSuffix(text, a.Domain) + a.ASCIIDomain()
	folded, foldedASCII := fold(text), fold(ascii)
	for _, i := range l.index.candidates(folded + "\n" + foldedASCII) {
		if p := l.patterns[i]; p.match(text, folded) || ascii != text && p.match(ascii, foldedASCII) {
			return true
		}
	}
	return false
}

var errNoLocal = errors.New("an exact row is one address; for a whole domain use type fnmatch and *@ in front of it")

func (c *contents) localRows(rows []Row) {
	c.locals = locals{exact: make(map[string]bool, len(rows)), index: newIndex()}
	c.each(tableLocals, rows, func(in *cells, _ int64) {
		kind, text := strings.ToLower(in.trimmed("type")), in.trimmed("address")
		switch kind {
		case "exact":
			in.err = c.locals.addExact(text)
		case "global":
			in.err = fmt.Errorf("type = %q: is none of exact, substr, fnmatch, regex", kind)
		default:
			in.err = c.locals.addPattern(kind, text)
		}
	})
}

func (l *locals) addExact(text string) error {
	a, err := mail.ParseAddress(text, true)
	if err != nil {
		return fmt.Errorf("address = %.80q: %w: %w", text, err, errNoLocal)
	}
	l.exact[localKey(a)] = true
	return nil
}

func (l *locals) addPattern(kind, text string) error {
	p, err := newPattern(kind, text)
	if err != nil {
		return err
	}
	l.patterns = append(l.patterns, p)
	l.index.add(p.literals)
	return nil
}
