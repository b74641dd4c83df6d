package mail

import (
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// Rules say how strictly a message is read (config.md 3.7).
type Rules struct {
	LooseEnvelope  bool
	LooseRecipient bool
}

// Bounds of what a short text can make much of: properties of a message, and elements of the lists that are read.
const (
	MaxProperties = 10_000
	maxElements   = 10_000
)

// Parse reads a message. The bytes of body are kept and must not change. An error of type *SyntaxError means that body is no
// JSON object, or one with more than MaxProperties; an *Error that the message cannot be sent (recipient missing or
// unparsable): then the Message is returned too, so that its result can be published with all its properties.
func Parse(body []byte, rules Rules) (*Message, error) {
	m := &Message{fields: make([]field, 0, 12)}
	err := object(body, func(name, value []byte) error {
		if len(m.fields) == MaxProperties {
			return errProperties
		}
		m.fields = append(m.fields, field{name[1 : len(name)-1], value})
		return nil
	})
	if err == errNotObject || err == errProperties {
		err = &SyntaxError{Reason: err.Error()}
	}
	if err != nil {
		return nil, err
	}
	return m, m.read(rules)
}

// read takes in the properties that mean something to us; of a property given twice the last one counts.
func (m *Message) read(rules Rules) error {
	r := reader{m: m, rules: rules}
	for _, f := range m.fields {
		r.property(f.name, f.value)
	}
	return r.finish()
}

type reader struct {
	m         *Message
	rules     Rules
	sender    *Error
	recipient *Error
	delayed   time.Time
	next      time.Time
	hasKey    bool
}

func (r *reader) property(name, value []byte) {
	m := r.m
	switch string(name) {
	case "envelope":
		r.envelope(value)
	case "recipient":
		r.to(value)
	case "mime":
		r.mime(value)
	case "mime-encoding":
		m.base64 = strings.EqualFold(r.text(name, value), "base64")
	case "key":
		m.Key = r.text(name, value)
	case "keepmime":
		m.KeepMime = r.boolean(name, value)
	case "force":
		m.Force = r.boolean(name, value)
	case "inlinecss":
		m.InlineCSS = r.boolean(name, value)
	case "data":
		m.Data = !isNull(value)
	case "dkim":
		m.DKIM = value[0] == '{' || value[0] == '[' && len(arrayInner(value)) > 0
	case "headers":
		m.HeaderEdits = value[0] == '{' && string(value) != "{}"
	default:
		r.delivery(name, value)
	}
}

func (r *reader) delivery(name, value []byte) {
	m := r.m
	switch string(name) {
	case "ips":
		r.ips(value)
	case "pool":
		m.Pool = r.text(name, value)
	case "delayed":
		r.delayed = r.moment(name, value)
	case "nextattempt":
		r.nextAttempt(value)
	case "maxdelivertime":
		m.Deadline = r.moment(name, value)
	case "maxattempts":
		m.MaxAttempts, m.HasMax = int(r.number(name, value, 0, 1<<31-1)), !isNull(value)
	case "retries":
		r.retries(value)
	case "queues":
		m.Queues = readQueues(value)
	case "smarthost":
		r.smarthost(value)
	case "tags":
		m.Tags = texts(value)
	case "priority":
		m.Priority = uint8(r.number(name, value, 0, 255))
	case "security":
		m.Security = r.text(name, value)
	case "dsn":
		r.dsn(value)
	case "results":
		array(value, func([]byte) error { m.Attempts++; return nil })
	}
}

// finish decides what depends on several properties.
func (r *reader) finish() error {
	m := r.m
	m.NotBefore = r.delayed
	if !r.next.IsZero() {
		m.NotBefore = r.next
	}
	switch {
	case m.Content == SourceText && m.base64:
		m.Content = SourceBase64
	case m.Content == NoContent && m.Key != "":
		m.Content = SourceKey
	}
	if r.recipient == nil && m.Recipient.IsZero() {
		r.recipient = invalid(553, "5.1.3", "recipient is missing")
	}
	if r.recipient != nil {
		return r.recipient
	}
	if r.sender != nil {
		return r.sender
	}
	return nil
}

func invalid(code int, status, text string) *Error {
	return &Error{Code: code, Status: status, Text: text, State: StateAMQP, Kind: Invalid}
}

func (r *reader) envelope(value []byte) {
	if isNull(value) {
		return
	}
	s, ok := text(value)
	if !ok {
		r.sender = invalid(553, "5.1.7", "envelope is not text")
		return
	}
	if s == "" || s == "<>" {
		return
	}
	a, err := ParseAddress(s, r.rules.LooseEnvelope)
	if err != nil {
		r.sender = invalid(553, "5.1.7", "envelope: "+err.Error())
	}
	r.m.Envelope = a
}

func (r *reader) to(value []byte) {
	s, ok := text(value)
	if !ok {
		r.recipient = invalid(553, "5.1.3", "recipient is not text")
		return
	}
	a, err := ParseAddress(s, r.rules.LooseRecipient)
	r.recipient = nil
	if err != nil {
		r.recipient = invalid(553, "5.1.3", "recipient: "+err.Error())
	}
	r.m.Recipient = a
}

func (r *reader) mime(value []byte) {
	r.m.mime = value
	switch {
	case value[0] == '"':
		r.m.Content = SourceText
	case value[0] == '{':
		r.m.Content = SourceObject
	case isNull(value):
		r.m.Content = NoContent
	default:
		r.m.Content = SourceInvalid
	}
}

func (r *reader) ips(value []byte) {
	r.m.IPs = nil
	r.m.HasIPs = array(value, func(v []byte) error {
		if len(r.m.IPs) == maxElements {
			return nil
		}
		s, _ := text(v)
		if ip, err := netip.ParseAddr(s); err == nil && ip.Zone() == "" {
			r.m.IPs = append(r.m.IPs, ip.Unmap())
		} else {
			r.warn("ips")
		}
		return nil
	})
}

func (r *reader) nextAttempt(value []byte) {
	if value[0] != '{' {
		return
	}
	r.m.NextAttempt = true
	_ = object(value, func(name, v []byte) error {
		if string(name) == `"time"` {
			r.next = r.moment([]byte("nextattempt"), v)
		}
		return nil
	})
}

func (r *reader) retries(value []byte) {
	r.m.Retries = nil
	array(value, func(v []byte) error {
		if len(r.m.Retries) == maxElements {
			return nil
		}
		n := max(1, r.number([]byte("retries"), v, -1<<31, 1<<31-1))
		r.m.Retries = append(r.m.Retries, time.Duration(n)*time.Second)
		return nil
	})
}

func (r *reader) smarthost(value []byte) {
	r.m.Smarthost = nil
	if value[0] != '{' {
		return
	}
	h := &Smarthost{Port: 25}
	var name string
	_ = object(value, func(n, v []byte) error {
		switch string(n) {
		case `"hostname"`:
			h.Host = r.text(n, v)
		case `"name"`:
			name = r.text(n, v)
		case `"port"`:
			if p := r.number(n, v, 1, 65535); p > 0 {
				h.Port = uint16(p)
			}
		case `"username"`:
			h.Username = r.text(n, v)
		case `"password"`:
			h.Password = r.text(n, v)
		}
		return nil
	})
	if h.Host == "" {
		h.Host = name
	}
	r.m.Smarthost = h
}

func (r *reader) dsn(value []byte) {
	r.m.DSN = DSN{}
	if value[0] != '{' {
		return
	}
	d := &r.m.DSN
	_ = object(value, func(n, v []byte) error {
		switch string(n) {
		case `"notify"`:
			d.Notify = r.notify(v)
		case `"ret"`:
			d.Ret = r.text(n, v)
		case `"orcpt"`:
			d.ORcpt = r.text(n, v)
		case `"envid"`:
			d.EnvID = r.text(n, v)
		}
		return nil
	})
}

// notify is one text, or an array of words (clients.md A).
func (r *reader) notify(value []byte) string {
	if words := texts(value); len(words) > 0 {
		return strings.Join(words, ",")
	}
	return r.text([]byte("dsn.notify"), value)
}

// warn goes to the log, so it names no value: that may be a password.
func (r *reader) warn(name string) {
	if len(r.m.Warnings) < 10 {
		r.m.Warnings = append(r.m.Warnings, "property "+strings.Trim(name, `"`)+" ignored: its value is not of the right kind")
	}
}

// text reads a text property; another type is ignored with a warning, null without.
func (r *reader) text(name, value []byte) string {
	s, ok := text(value)
	if !ok && !isNull(value) {
		r.warn(string(name))
	}
	return s
}

// boolean takes true, false, 1, 0 and the same words as text (message-json.md section 1).
func (r *reader) boolean(name, value []byte) bool {
	switch strings.Trim(string(value), `"`) {
	case "true", "1":
		return true
	case "false", "0", "null", "":
		return false
	}
	r.warn(string(name))
	return false
}

// number takes a number or a numeric text and clamps it; what is neither counts as 0.
func (r *reader) number(name, value []byte, low, high int64) int64 {
	if isNull(value) {
		return 0
	}
	f, err := strconv.ParseFloat(strings.TrimSpace(strings.Trim(string(value), `"`)), 64)
	if f != f || err != nil && (f > -1e308 && f < 1e308) {
		r.warn(string(name))
		return 0
	}
	return int64(min(max(f, float64(low)), float64(high)))
}

// moment takes the forms of message-json.md section 1; anything else is ignored with a warning.
func (r *reader) moment(name, value []byte) time.Time {
	if isNull(value) {
		return time.Time{}
	}
	s, _ := text(value)
	t, err := ParseTime(s)
	if err != nil {
		r.warn(string(name))
	}
	return t
}

// ParseTime reads YYYY-MM-DD HH:MM:SS and ISO 8601 with or without a zone; without one it is UTC.
func ParseTime(s string) (t time.Time, err error) {
	for _, layout := range [...]string{TimeLayout, time.RFC3339, "2006-01-02T15:04:05"} {
		if t, err = time.ParseInLocation(layout, s, time.UTC); err == nil {
			return t.UTC(), nil
		}
	}
	return time.Time{}, err
}

func isNull(value []byte) bool { return string(value) == "null" }

func text(value []byte) (string, bool) {
	if value[0] != '"' {
		return "", false
	}
	return string(appendUnquoted(nil, value)), true
}

// texts is the array of texts in value; other elements, and those beyond maxElements, are left out.
func texts(value []byte) (list []string) {
	array(value, func(v []byte) error {
		if s, ok := text(v); ok && len(list) < maxElements {
			list = append(list, s)
		}
		return nil
	})
	return list
}
