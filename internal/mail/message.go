package mail

import (
	"bytes"
	"encoding/base64"
	"net/netip"
	"time"
)

// Content says in which form a message carries its MIME data.
type Content uint8

// The forms of content (message-json.md section 9).
const (
	NoContent     Content = iota // neither mime nor key
	SourceText                   // mime is text
	SourceBase64                 // mime is text in base64: bytes that are not UTF-8
	SourceObject                 // mime is an object to build the source from
	SourceKey                    // key of the message store
	SourceInvalid                // mime is neither text nor object
)

// Smarthost is a server that takes a message instead of the recipient's own (message-json.md section 5).
type Smarthost struct {
	Host               string
	Port               uint16
	Username, Password string
}

// Message is one message of the outbox: what Posthoorn reads of it, and the bytes of everything. Exported fields are what
// came in and are not written back; what shall be published of the message is changed with Set, Remove and AddResult.
type Message struct {
	Envelope    Address
	Recipient   Address
	Content     Content
	Key         string
	KeepMime    bool
	Force       bool
	InlineCSS   bool
	Data        bool // personalisation is asked for
	DKIM        bool // the message brings keys of its own
	HeaderEdits bool
	IPs         []netip.Addr
	HasIPs      bool // ips was an array, be it an empty one
	Pool        string
	NotBefore   time.Time // delayed or nextattempt.time
	NextAttempt bool      // the message uses nextattempt, so that form is written too
	Deadline    time.Time // maxdelivertime
	MaxAttempts int       // 0: unlimited
	HasMax      bool      // maxattempts was given
	Retries     []time.Duration
	Queues      Queues
	Smarthost   *Smarthost
	Tags        []string
	Priority    uint8
	Security    string
	DSN         DSN
	Attempts    int      // entries in results
	Warnings    []string // what was ignored, for the log

	fields  []field
	mime    []byte // raw value of mime
	base64  bool
	changes []change
	results []byte // results added, each with a comma in front
}

// field is one property as it stands in the text, the name without its quotes.
type field struct{ name, value []byte }

// change replaces, adds or (nil value) leaves out one property.
type change struct {
	name  string
	value []byte
}

// Set makes a property have a value, given as JSON. A new property stands at the end.
func (m *Message) Set(name string, value []byte) {
	for i := range m.changes {
		if m.changes[i].name == name {
			m.changes[i].value = value
			return
		}
	}
	m.changes = append(m.changes, change{name, value})
}

// Remove leaves a property out of what is published.
func (m *Message) Remove(name string) { m.Set(name, nil) }

// AddResult appends an entry to results; earlier entries stay as they are.
func (m *Message) AddResult(r *Result) {
	m.results = r.AppendJSON(append(m.results, ','))
	m.Attempts++
}

// RemoveContent leaves the MIME data out.
func (m *Message) RemoveContent() {
	m.Remove("mime")
	m.Remove("mime-encoding")
	m.Remove("key")
}

// MoveContent puts the key of the message store in the place of the MIME data.
func (m *Message) MoveContent(key string) {
	m.Remove("mime")
	m.Remove("mime-encoding")
	m.Set("key", AppendString(nil, key))
}

// SetNotBefore writes the time of the next attempt in the form that the message itself uses (message-json.md section 3).
func (m *Message) SetNotBefore(t time.Time) {
	m.NotBefore = t
	if m.NextAttempt {
		m.Set("nextattempt", (&Object{}).Time("time", t).Bytes())
		return
	}
	m.Set("delayed", AppendTime(nil, t))
}

// SetDeadline writes maxdelivertime.
func (m *Message) SetDeadline(t time.Time) {
	m.Deadline = t
	m.Set("maxdelivertime", AppendTime(nil, t))
}

// SetSeen writes the last time that the message was handled; it decides nothing.
func (m *Message) SetSeen(t time.Time) { m.Set("seen", AppendTime(nil, t)) }

// Property is the JSON of a property as it came in, the last one of that name; nil: there is none. It must not be changed.
func (m *Message) Property(name string) []byte {
	for i := len(m.fields) - 1; i >= 0; i-- {
		if string(m.fields[i].name) == name {
			return m.fields[i].value
		}
	}
	return nil
}

// IsDocument says that what a message store holds is the JSON of a document, not MIME source: its first byte that is not blank is a
// brace (storage.md section 2).
func IsDocument(stored []byte) bool {
	return bytes.HasPrefix(bytes.TrimLeft(stored, " \t\r\n"), []byte("{"))
}

// SourceSize is an upper bound for the size of the MIME source, in bytes.
func (m *Message) SourceSize() int { return len(m.mime) }

// AppendSource appends the MIME source as the sender gave it. Only for SourceText and SourceBase64.
func (m *Message) AppendSource(dst []byte) ([]byte, error) {
	if m.Content == SourceText {
		return appendUnquoted(dst, m.mime), nil
	}
	text := appendUnquoted(nil, m.mime)
	out, err := base64.StdEncoding.AppendDecode(dst, text)
	if err != nil {
		return dst, &Error{Code: 554, Status: "5.6.0", Text: "mime is not base64", State: StateProcess, Kind: Invalid, Cause: err}
	}
	return out, nil
}

// AppendSourceStart appends the first n bytes of the source or a few more, without decoding the rest. Of what is no base64 it
// appends what came before. Only for SourceText and SourceBase64.
func (m *Message) AppendSourceStart(dst []byte, n int) []byte {
	if m.Content == SourceText {
		return appendUnquotedStart(dst, m.mime, n)
	}
	text := appendUnquotedStart(nil, m.mime, n/3*4+n/32+8) // lines in it end somewhere
	dst, _ = base64.StdEncoding.AppendDecode(dst, text)
	return dst
}

// Size is how many bytes the message holds in memory.
func (m *Message) Size() int { return len(m.mime) + 1024 }
