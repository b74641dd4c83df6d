package journal

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// verdict is what a query says of a line.
type verdict uint8

const (
	unwanted verdict = iota
	wanted
	tooOld // so is everything before it
)

// slack is how much lines may be out of order.
const slack = 10 * time.Minute

// matcher holds a query against lines.
type matcher struct {
	q      Query
	binary bool
	words  [][]byte // what a line that is wanted holds somewhere, in lower case
	ascii  bool     // all of these are ASCII
	lower  []byte
}

func newMatcher(q *Query, binary bool) *matcher {
	m := &matcher{q: *q, binary: binary, ascii: binary}
	for _, field := range []*string{&m.q.Recipient, &m.q.Envelope, &m.q.Domain, &m.q.Source, &m.q.Remote, &m.q.State, &m.q.Result, &m.q.Tag, &m.q.ID, &m.q.Text} {
		*field = strings.ToLower(*field)
		m.want(*field)
	}
	if q.Code != 0 {
		m.want(strconv.Itoa(q.Code))
	}
	return m
}

// want notes what of a text stands in a line that has it. JSON may write the rest of it in several ways.
func (m *matcher) want(text string) {
	words := []string{text}
	if m.binary {
		words = strings.FieldsFunc(text, func(r rune) bool { return !plain(r) })
	}
	for _, word := range words {
		if word != "" {
			m.words = append(m.words, []byte(word))
		}
	}
}

// plain says that JSON writes a character, of a text in lower case, in one way only.
func plain(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || strings.ContainsRune("@.-_ :", r)
}

func (m *matcher) line(line []byte) (Line, verdict) {
	l := Line{Time: timeOf(line)}
	switch {
	case !m.q.From.IsZero() && !l.Time.IsZero() && l.Time.Before(m.q.From.Add(-slack)):
		return l, tooOld
	case !m.q.From.IsZero() && l.Time.Before(m.q.From), !m.q.Until.IsZero() && l.Time.After(m.q.Until), !m.holds(line):
		return l, unwanted
	case !m.binary:
		l.Text = strings.ToValidUTF8(string(line), "\uFFFD")
		return l, wanted
	}
	var e logged
	if json.Unmarshal(line, &e) != nil || !m.fits(e.facts(), line) {
		return l, unwanted
	}
	l.JSON = bytes.Clone(line)
	return l, wanted
}

// holds is a quick look before a line is read.
func (m *matcher) holds(line []byte) bool {
	if len(m.words) == 0 {
		return true
	}
	m.lower = append(m.lower[:0], line...)
	all := byte(0)
	for i, c := range m.lower {
		m.lower[i] = small[c]
		all |= c
	}
	lower := m.lower
	if all >= utf8.RuneSelf && (!m.ascii || hasOddCapital(line)) {
		lower = bytes.ToLower(line)
	}
	return !slices.ContainsFunc(m.words, func(word []byte) bool { return !bytes.Contains(lower, word) })
}

// small has the lower case of ASCII letters, and all other bytes as they are.
var small = func() (table [256]byte) {
	for i := range table {
		table[i] = byte(i)
	}
	for c := 'A'; c <= 'Z'; c++ {
		table[c] = byte(c) + 'a' - 'A'
	}
	return table
}()

// hasOddCapital says that a line has one of the two characters beyond ASCII whose lower case is a letter of ASCII.
func hasOddCapital(line []byte) bool {
	return bytes.Contains(line, []byte("\u212a")) || bytes.Contains(line, []byte("\u0130"))
}

// beginning is how much of a line has its date, in bytes.
const beginning = 64

// newer says that a text which begins with this line is newer than all that is wanted.
func (m *matcher) newer(line []byte) bool {
	t := timeOf(line[:min(len(line), beginning)])
	return !m.q.Until.IsZero() && t.After(m.q.Until.Add(slack))
}

// older is the earlier one of two times; a zero one is none.
func older(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// timeOf is the time of a line: the first date in it.
func timeOf(line []byte) time.Time {
	begin := bytes.IndexAny(line[:min(len(line), 40)], "0123456789")
	if begin < 0 || begin+len(dateFormat) > len(line) {
		return time.Time{}
	}
	t, err := time.Parse(dateFormat, string(line[begin:begin+len(dateFormat)]))
	if err != nil {
		return time.Time{}
	}
	return t
}

// logged is a line of a binary log, as far as queries ask.
type logged struct {
	Email  letter
	JSON   letter
	Result struct {
		State, Result, From, To string
		Code                    int
	}
}

// letter is a message. Where it came in by SMTP, connection tells from where.
type letter struct {
	Recipient  string
	Envelope   string
	Tags       []string
	ID         string `json:"message-id"`
	Connection struct {
		Local  string `json:"local-ip"`
		Remote string `json:"remote-ip"`
	}
}

// facts are what queries are held against.
type facts struct {
	*letter
	source, remote, state, result string
	code                          int
}

func (e *logged) facts() *facts {
	if e.JSON.Recipient != "" {
		return &facts{letter: &e.JSON, source: e.JSON.Connection.Local, remote: e.JSON.Connection.Remote}
	}
	return &facts{&e.Email, e.Result.From, e.Result.To, e.Result.State, e.Result.Result, e.Result.Code}
}

func (m *matcher) fits(f *facts, line []byte) bool {
	q := &m.q
	_, domain, _ := strings.Cut(strings.ToLower(f.Recipient), "@")
	is := func(want, have string) bool { return want == "" || strings.EqualFold(want, have) }
	in := func(want, have string) bool { return want == "" || strings.Contains(strings.ToLower(have), want) }
	return in(q.Recipient, f.Recipient) && in(q.Envelope, f.Envelope) && is(q.Domain, domain) &&
		is(q.Source, f.source) && is(q.Remote, f.remote) && is(q.State, f.state) && is(q.Result, f.result) &&
		(q.Code == 0 || q.Code == f.code) && is(q.ID, f.ID) &&
		(q.Tag == "" || slices.ContainsFunc(f.Tags, func(t string) bool { return strings.EqualFold(t, q.Tag) })) &&
		(q.Text == "" || m.hasText(line))
}

// hasText looks for a text that JSON may write in several ways.
func (m *matcher) hasText(line []byte) bool {
	if !strings.ContainsFunc(m.q.Text, func(r rune) bool { return !plain(r) }) {
		return true // it was looked for before
	}
	var v any
	return json.Unmarshal(line, &v) == nil && anyText(v, m.q.Text)
}

// anyText says whether some string in a JSON value holds a text.
func anyText(v any, text string) bool {
	switch v := v.(type) {
	case string:
		return strings.Contains(strings.ToLower(v), text)
	case []any:
		return slices.ContainsFunc(v, func(e any) bool { return anyText(e, text) })
	case map[string]any:
		for _, e := range v {
			if anyText(e, text) {
				return true
			}
		}
	}
	return false
}
