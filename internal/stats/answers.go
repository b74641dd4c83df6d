package stats

import (
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Answer is answers of a domain's servers that differ in nothing but numbers and names.
type Answer struct {
	State     string    `json:"state"`
	Result    string    `json:"result"`
	Code      int       `json:"code,omitempty"`
	Status    string    `json:"status,omitempty"`
	Text      string    `json:"text"` // of the last one
	Count     int       `json:"count"`
	Last      time.Time `json:"last"`
	Recipient string    `json:"example_recipient,omitempty"` // of the last one
}

// Limits of what is kept.
const (
	maxAnswers = 20  // of a domain
	maxText    = 500 // bytes of an answer
	maxKind    = 120 // bytes by which answers are told apart
)

// replies are those of one domain.
type replies struct{ groups map[kind]*Answer }

// kind is what answers of one group have in common.
type kind struct {
	state, result, status, text string
	code                        int
}

func newReplies() *replies { return &replies{map[kind]*Answer{}} }

func (r *replies) add(a *Attempt) {
	k := kind{a.State, a.Result, a.Status, shape(a.Text), a.Code}
	g := r.groups[k]
	if g == nil {
		if len(r.groups) >= maxAnswers {
			r.forget()
		}
		k.status = strings.Clone(k.status)
		g = &Answer{State: k.state, Result: k.result, Code: k.code, Status: k.status}
		r.groups[k] = g
	}
	g.Count++
	g.Last, g.Text, g.Recipient = a.Time, strings.Clone(cut(a.Text, maxText)), strings.Clone(cut(a.Recipient, maxText))
}

func (r *replies) forget() {
	var oldest kind
	var last time.Time
	for k, g := range r.groups {
		if last.IsZero() || g.Last.Before(last) {
			oldest, last = k, g.Last
		}
	}
	delete(r.groups, oldest)
}

// shape is a text without what differs from message to message: words with digits, addresses and the like.
func shape(text string) string {
	var b strings.Builder
	for word := range strings.FieldsSeq(cut(text, maxText)) {
		if strings.ContainsFunc(word, unicode.IsDigit) || strings.ContainsAny(word, "@<>") {
			word = "#"
		}
		if b.Len()+len(word) > maxKind {
			break
		}
		b.WriteString(word)
		b.WriteByte(' ')
	}
	return b.String()
}

// cut shortens a text, between two characters.
func cut(text string, size int) string {
	if len(text) <= size {
		return text
	}
	for size > 0 && !utf8.RuneStart(text[size]) {
		size--
	}
	return text[:size]
}

// Answers are the last ones of a domain that were not deliveries, the newest first.
func (b *Board) Answers(domain string) []Answer {
	b.mu.Lock()
	defer b.mu.Unlock()
	r := b.answers.find(domain)
	if r == nil {
		return nil
	}
	list := make([]Answer, 0, len(r.groups))
	for _, g := range r.groups {
		list = append(list, *g)
	}
	slices.SortFunc(list, func(a, b Answer) int { return b.Last.Compare(a.Last) })
	return list
}
