package inject

import (
	"context"
	"encoding/base64"
	"strings"
	"time"
	"unicode/utf8"

	"posthoorn/internal/broker"
	"posthoorn/internal/mail"
)

// batchBytes bounds the JSON that one submission has under way.
const batchBytes = 32 << 20

// InFlight is about how many bytes of JSON Accept holds at a time for a source of so many bytes and so many recipients.
func InFlight(size, recipients int) int { return min(2*size*recipients, batchBytes+2*size) }

// message is a submission on its way to becoming objects.
type message struct {
	s          *Submission
	x          *extracted
	from       mail.Address
	recipients []Recipient
	ids        []string
	pieces     [][]byte // the source without what is stripped
	text       bool     // the source is UTF-8, and as JSON text not much larger than it is
	escaped    int      // bytes of pieces as JSON text; 0 unless text
	head       []byte   // ,"received":...,"envelope":"...": the same for all
	noStore    bool     // the message store did not take it for a recipient, and is not asked for the others
	tail       []byte   // shared end: rest of the mime value and all that follows; made with the first object
}

// batch makes objects for recipients from the given one on: as many as fit, one at least.
func (d *Door) batch(ctx context.Context, m *message, next int) []broker.Publishing {
	batch := make([]broker.Publishing, 0, min(len(m.recipients)-next, 64))
	for size, last := 0, 0; next < len(m.recipients) && size+last < batchBytes; next++ {
		r := &m.recipients[next]
		body := d.object(ctx, m, r, m.ids[next])
		last = len(body)
		size += last
		batch = append(batch, broker.Publishing{Queue: d.opts.Queues.pick(r.Role), Body: body, ID: m.ids[next]})
	}
	return batch
}

// object is the JSON of one recipient. What differs comes first, so that the rest is made once and copied.
func (d *Door) object(ctx context.Context, m *message, r *Recipient, id string) []byte {
	var small [1024]byte
	head := m.appendHead(small[:0], r, id)
	if d.opts.Bodies != nil && !m.noStore && (d.opts.StoreAll || !m.text) {
		if key, ok := d.store(ctx, m, r, id); ok {
			head = mail.AppendString(append(head, `,"key":`...), key)
			return append(m.appendProperties(head), '}')
		}
	}
	if !m.text {
		return m.base64Object(head, r, id)
	}
	head = m.appendTrace(append(head, `,"mime":"`...), r, id)
	if m.tail != nil {
		return append(append(make([]byte, 0, len(head)+len(m.tail)), head...), m.tail...)
	}
	body := append(make([]byte, 0, len(head)+m.escaped+m.propertiesSize()), head...)
	for _, p := range m.pieces {
		body = appendEscaped(body, p)
	}
	body = append(m.appendProperties(append(body, '"')), '}')
	m.tail = body[len(head):]
	return body
}

func (m *message) appendHead(dst []byte, r *Recipient, id string) []byte {
	dst = append(dst, '{')
	if id != "" {
		dst = append(mail.AppendString(append(dst, `"message-id":`...), id), ',')
	}
	dst = append(dst, m.head...)
	dst = append(dst, `,"recipient":`...)
	dst = mail.AppendString(dst, r.To.String())
	dst = m.appendDSN(dst, r.DSN)
	if r.Role == Reports {
		dst = append(dst, `,"report":true`...)
		if len(r.Reported) > 0 {
			dst = append(append(dst, `,"reported":`...), r.Reported...)
		}
	}
	return dst
}

// appendDSN writes the dsn object: what the headers say wins over the parameters (dsn.md section 4).
func (m *message) appendDSN(dst []byte, given mail.DSN) []byte {
	if m.x != nil {
		override(&given.Notify, m.x.dsn.Notify)
		override(&given.Ret, m.x.dsn.Ret)
		override(&given.ORcpt, m.x.dsn.ORcpt)
		override(&given.EnvID, m.x.dsn.EnvID)
	}
	if given.IsZero() {
		return dst
	}
	const rfc822 = "rfc822;"
	if len(given.ORcpt) > len(rfc822) && strings.EqualFold(given.ORcpt[:len(rfc822)], rfc822) {
		given.ORcpt = given.ORcpt[len(rfc822):]
	}
	return mail.NewObject(append(dst, `,"dsn":`...)).Optional("notify", given.Notify).Optional("ret", given.Ret).
		Optional("orcpt", given.ORcpt).Optional("envid", given.EnvID).Bytes()
}

func override(field *string, value string) {
	if value != "" {
		*field = value
	}
}

func (m *message) appendTrace(dst []byte, r *Recipient, id string) []byte {
	if m.s.Trace == nil {
		return dst
	}
	var small [512]byte
	return appendEscaped(dst, m.s.Trace(small[:0], r, id))
}

// appendProperties writes what follows the source.
func (m *message) appendProperties(dst []byte) []byte {
	ips := m.s.IPs
	if m.x != nil && len(m.x.ips) > 0 {
		ips = m.x.ips
	}
	dst = appendStrings(dst, "ips", ips)
	if m.x != nil {
		dst = m.x.append(dst)
	}
	dst = m.s.Origin.property(dst)
	if len(m.s.Checks) > 0 {
		dst = append(append(dst, `,"checks":`...), m.s.Checks...)
	}
	return dst
}

// propertiesSize is a guess at what appendProperties will append.
func (m *message) propertiesSize() int {
	n := 512 + len(m.s.Checks)
	if m.x != nil {
		n += len(m.x.single.text) + 64*len(m.x.custom)
	}
	return n
}

// whole is the source of one recipient in one piece, its trace on top.
func (m *message) whole(r *Recipient, id string) []byte {
	var small [512]byte
	out := small[:0]
	if m.s.Trace != nil {
		out = m.s.Trace(out, r, id)
	}
	size := len(out)
	for _, p := range m.pieces {
		size += len(p)
	}
	out = append(make([]byte, 0, size), out...)
	for _, p := range m.pieces {
		out = append(out, p...)
	}
	return out
}

func (m *message) base64Object(head []byte, r *Recipient, id string) []byte {
	source := m.whole(r, id)
	body := make([]byte, 0, len(head)+base64.StdEncoding.EncodedLen(len(source))+m.propertiesSize())
	body = append(append(body, head...), `,"mime":"`...)
	body = base64.StdEncoding.AppendEncode(body, source)
	return append(m.appendProperties(append(body, `","mime-encoding":"base64"`...)), '}')
}

// store puts the source into the message store. When that fails the source stays in the object (storage.md section 3).
func (d *Door) store(ctx context.Context, m *message, r *Recipient, id string) (string, bool) {
	source := m.whole(r, id)
	if mail.IsDocument(source) { // it would be taken for one when it is loaded
		return "", false
	}
	key, err := d.opts.Bodies.Put(ctx, source, m.deadline(d.opts.MaxDeliverTime))
	if err != nil {
		m.noStore = true
		d.opts.Log.WarnContext(ctx, "source is not stored, it stays in the message", "id", id, "recipient", r.To.String(),
			"recipients", len(m.recipients), "error", err)
	}
	return key, err == nil
}

// deadline is when the message will be given up (storage.md section 4).
func (m *message) deadline(most time.Duration) time.Time {
	start := m.s.Received
	if m.x != nil {
		if !m.x.deadline.IsZero() {
			return m.x.deadline
		}
		if m.x.delayed.After(start) {
			start = m.x.delayed
		}
	}
	return start.Add(most)
}

// measure decides between JSON text and base64. Text with many control characters is up to six times as long in JSON; nothing
// else more than doubles.
func (m *message) measure() {
	size := 0
	for _, p := range m.pieces {
		if !utf8.Valid(p) {
			return
		}
		size += len(p)
	}
	n := escapedSize(m.pieces)
	if m.text = n <= 2*size; m.text {
		m.escaped = n
	}
}
