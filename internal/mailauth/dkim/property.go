package dkim

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"posthoorn/internal/mail"
)

// Property is what the dkim property of a message says (message-json.md section 6, responsive-email.md section 2.6). Messages with
// the same property share it.
type Property struct {
	Keys     []*Key
	Bad      []*KeyError // keys that cannot be used
	Warnings []string    // what was ignored, for the log
}

// Property reads the JSON of a dkim property: an object or an array of them. Keys that are for ARC alone are left out. Anything else
// than an object is a bad key; null and nothing are none.
func (l *Loader) Property(value []byte) Property {
	value = bytes.TrimSpace(value)
	if len(value) == 0 || string(value) == "null" {
		return Property{}
	}
	hash := sha256.Sum256(value)
	l.mu.Lock()
	p, known := l.properties[hash]
	l.mu.Unlock()
	if known {
		return p
	}
	p = l.elements(value)
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.properties) >= l.most {
		clear(l.properties)
	}
	l.properties[hash] = p
	return p
}

// elements reads the keys of a property.
func (l *Loader) elements(value []byte) (p Property) {
	elements := elementsOf(value)
	for i, element := range elements {
		if i == MaxSignatures {
			p.Bad = append(p.Bad, &KeyError{Reason: "the message brings more than " + strconv.Itoa(MaxSignatures) + " keys"})
			break
		}
		l.element(&p, element)
	}
	return p
}

// elementsOf is an array, also in the form that a serializer writes ({"$values": [...]}, clients.md A), or the one object.
func elementsOf(value []byte) (list []json.RawMessage) {
	if json.Unmarshal(value, &list) == nil {
		return list
	}
	var wrapped struct {
		Values *[]json.RawMessage `json:"$values"`
	}
	if json.Unmarshal(value, &wrapped) == nil && wrapped.Values != nil {
		return *wrapped.Values
	}
	return []json.RawMessage{value}
}

func (l *Loader) element(p *Property, element json.RawMessage) {
	r := reader{}
	if json.Unmarshal(element, &r.members) != nil || r.members == nil {
		p.Bad = append(p.Bad, &KeyError{Reason: "an element of dkim is no object"})
		return
	}
	s := r.spec()
	p.Warnings = append(p.Warnings, r.warnings...)
	if !s.DKIM() {
		return
	}
	k, warnings, err := l.Key(s)
	p.Warnings = append(p.Warnings, warnings...)
	if bad, ok := err.(*KeyError); ok {
		p.Bad = append(p.Bad, bad)
		return
	}
	p.Keys = append(p.Keys, k)
}

// reader takes the members of an object in the forms of message-json.md section 1. What is of the wrong kind is ignored with a
// warning that shows no value.
type reader struct {
	members  map[string]json.RawMessage
	warnings []string
}

func (r *reader) spec() Spec {
	return Spec{
		Domain: r.text("domain"), Selector: r.text("selector"), Private: r.text("key"), Expire: r.moment("expire"),
		Headers: r.texts("headers"), Report: r.boolean("report"), Oversign: r.boolean("oversign"), Priority: r.number("priority"),
		Canonicalization: r.text("canonicalization"), Algorithm: r.text("algorithm"), Protocols: r.texts("protocols"),
	}
}

// get is a member that is not null.
func (r *reader) get(name string) (json.RawMessage, bool) {
	value, ok := r.members[name]
	if string(value) == "null" {
		return nil, false
	}
	return value, ok
}

func (r *reader) warn(name string) {
	r.warnings = append(r.warnings, "property dkim."+name+" ignored: its value is not of the right kind")
}

func (r *reader) text(name string) (s string) {
	if value, ok := r.get(name); ok && json.Unmarshal(value, &s) != nil {
		r.warn(name)
	}
	return s
}

// texts is an array of texts; a text alone is an array of one.
func (r *reader) texts(name string) []string {
	value, ok := r.get(name)
	if !ok {
		return nil
	}
	var list []string
	for _, element := range elementsOf(value) {
		var s string
		if json.Unmarshal(element, &s) != nil {
			r.warn(name)
			continue
		}
		list = append(list, s)
	}
	return list
}

func (r *reader) moment(name string) time.Time {
	s := r.text(name)
	if s == "" {
		return time.Time{}
	}
	t, err := mail.ParseTime(s)
	if err != nil {
		r.warn(name)
	}
	return t
}

func (r *reader) boolean(name string) bool {
	value, _ := r.get(name)
	switch strings.Trim(string(value), `"`) {
	case "true", "1":
		return true
	case "false", "0", "":
		return false
	}
	r.warn(name)
	return false
}

func (r *reader) number(name string) int {
	value, ok := r.get(name)
	if !ok {
		return 0
	}
	f, err := strconv.ParseFloat(strings.Trim(string(value), `"`), 64)
	if err != nil || f != f {
		r.warn(name)
		return 0
	}
	return int(min(max(f, -1<<31), 1<<31-1))
}
