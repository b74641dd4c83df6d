package inject

import (
	"fmt"
	"strings"

	"posthoorn/internal/mail"
	"posthoorn/internal/mime"
)

// maxRecipients is how many recipients a file of the spool or a command may name; the SMTP server has its own limit.
const maxRecipients = 10_000

var (
	errNoRecipient = &mail.Error{Code: 554, Status: "5.5.1", Text: "Message has no recipient"}
	errRecipients  = &mail.Error{Code: 554, Status: "5.5.3", Text: "Too many recipients"}
)

// orders are the headers that may name the sender, by channel (incoming-json.md section 7).
var orders = [...][]string{
	overSMTP:  nil,
	fromSpool: {"Return-Path", "From", "Sender"},
	fromCLI:   {"Return-Path", "Sender", "From"},
}

// read makes a message of a submission: everything that is the same for all recipients.
func (d *Door) read(s *Submission) (*message, error) {
	h, err := d.parse(s)
	if err != nil {
		return nil, err
	}
	m := &message{s: s, recipients: s.Recipients}
	if s.Extract && !s.Stranger {
		m.x = extract(&h, d.opts.Loose)
		d.warn(s, m.x)
	}
	m.from = m.sender(&h, d.opts.Loose)
	dropBcc, err := m.addRecipients(&h, d.opts.Loose)
	if err != nil {
		return nil, err
	}
	m.pieces = h.Without(func(f *mime.Field) bool {
		return s.Extract && isOurs(f) || dropBcc && f.Is("Bcc") || s.Drop != nil && s.Drop(f)
	})
	if s.Trace != nil && !h.Closed {
		m.pieces = closed(m.pieces, h.Rest())
	}
	m.measure()
	m.nameAll(&d.names)
	m.head = m.appendShared(nil, d.opts.Hostname)
	return m, nil
}

// closed ends with a blank line a header that only a line that is no field ends. What stands behind that line was neither judged nor
// taken out, and the fields put on top must not make others read it as header: the line may begin with a blank, and would belong to
// the field above it.
func closed(pieces [][]byte, body []byte) [][]byte {
	last := len(pieces) - 1
	head := pieces[last][:len(pieces[last])-len(body)]
	return append(pieces[:last], head, []byte("\r\n"), body)
}

func (d *Door) warn(s *Submission, x *extracted) {
	if len(x.bad) == 0 {
		return
	}
	names := x.bad[:min(len(x.bad), 10)]
	d.opts.Log.Warn("x-mq headers with a bad value are ignored", "headers", strings.Join(names, " "), "envelope", s.From.String())
}

// sender decides the envelope.
func (m *message) sender(h *mime.Header, loose bool) mail.Address {
	channel := m.s.Origin.channel()
	if channel == fromCLI && !m.s.From.IsZero() {
		return m.s.From
	}
	if m.x != nil && !m.x.envelope.IsZero() {
		return m.x.envelope
	}
	for _, name := range orders[channel] {
		if a := firstAddress(h, name, loose); !a.IsZero() {
			return a
		}
	}
	return m.s.From
}

func firstAddress(h *mime.Header, name string, loose bool) mail.Address {
	for i := range h.Fields {
		if !h.Fields[i].Is(name) {
			continue
		}
		for _, s := range mime.Addresses(h.Fields[i].Value) {
			if a, err := mail.ParseAddress(s, loose); err == nil {
				return a
			}
		}
	}
	return mail.Address{}
}

// addRecipients joins the recipients that the header names, and says whether Bcc is to be taken out.
func (m *message) addRecipients(h *mime.Header, loose bool) (dropBcc bool, err error) {
	list := addressList{loose: loose}
	switch {
	case m.s.Origin.channel() == fromSpool && m.x != nil && len(m.x.recipients) > 0:
		dropBcc = true
		for _, value := range m.x.recipients {
			list.add([]byte(value))
		}
	case m.s.HeaderRecipients:
		dropBcc = true
		list.keep(m.s.Recipients)
		for i := range h.Fields {
			if f := &h.Fields[i]; f.Is("To") || f.Is("Cc") || f.Is("Bcc") {
				list.add(f.Value)
			}
		}
	default:
		list.recipients = m.s.Recipients
	}
	m.recipients = list.recipients
	switch {
	case list.err != nil:
		return false, list.err
	case len(m.recipients) == 0:
		return false, errNoRecipient
	case len(m.recipients) > maxRecipients && m.s.Origin.channel() != overSMTP:
		return false, errRecipients
	}
	return dropBcc, nil
}

// addressList merges recipients. One that cannot be understood refuses the whole message: nobody may be left out silently.
type addressList struct {
	loose      bool
	seen       map[string]bool
	recipients []Recipient
	err        error
}

func (l *addressList) keep(rs []Recipient) {
	if l.seen == nil {
		l.seen = map[string]bool{}
	}
	for _, r := range rs {
		if key := r.To.String(); !l.seen[key] {
			l.seen[key] = true
			l.recipients = append(l.recipients, r)
		}
	}
}

func (l *addressList) add(value []byte) {
	for _, s := range mime.Addresses(value) {
		a, err := mail.ParseAddress(s, l.loose)
		if err != nil {
			l.err = &mail.Error{Code: 553, Status: "5.1.3", Text: fmt.Sprintf("Recipient address %.100q is not valid", s), Cause: err}
			return
		}
		l.keep([]Recipient{{To: a}})
	}
}

// nameAll gives every recipient its id; only what came over SMTP has one (incoming-json.md section 1).
func (m *message) nameAll(n *names) {
	m.ids = make([]string, len(m.recipients))
	if m.s.Origin.channel() != overSMTP {
		return
	}
	for i := range m.ids {
		m.ids[i] = n.next()
	}
}

// appendShared writes the properties before the recipient.
func (m *message) appendShared(dst []byte, hostname string) []byte {
	dst = mail.AppendTime(append(dst, `"received":`...), m.s.Received)
	dst = mail.AppendString(append(dst, `,"hostname":`...), hostname)
	if !m.from.IsZero() {
		dst = mail.AppendString(append(dst, `,"envelope":`...), m.from.String())
	}
	return dst
}
