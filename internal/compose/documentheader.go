package compose

import (
	"bytes"
	"strings"

	"posthoorn/internal/compose/node"
	"posthoorn/internal/mime"
)

// maxHeader bounds the header of a message that is built: what comes later, such as signatures, must find room too.
const maxHeader = mime.MaxHeader / 2

// maxLine is RFC 5322 section 2.1.1.
const maxLine = 998

// customField is a field that the document names. It has addresses or values.
type customField struct {
	at        *node.Value
	name      string
	addresses []address
	values    []string
}

// readHeaders reads section 2.3. What has a property of its own is taken for that, unless it is there. The second object, of which
// names with x- count, gives way to the first.
func (d *Document) readHeaders(v, first *node.Value) {
	if v.Is(node.Array) && len(v.Items) == 0 {
		return // an empty object, as some languages write it
	}
	v = d.problems.Object(v)
	if v == nil {
		return
	}
	if len(v.Members) > mime.MaxFields {
		d.problems.Add(v, "too many fields")
		return
	}
	for i := range v.Members {
		m := &v.Members[i]
		if v.Get(m.Name) != &m.Value || first != nil && (first.Get(m.Name) != nil || !hasPrefixFold(m.Name, "x-")) {
			continue
		}
		d.readHeader(m)
	}
}

func (d *Document) readHeader(m *node.Member) {
	if !mime.ValidName(m.Name) {
		d.problems.Add(&m.Value, "this is no name of a header field")
		return
	}
	switch name := strings.ToLower(m.Name); {
	case name == "from":
		d.instead(&d.from, &m.Value)
	case name == "reply-to":
		d.instead(&d.replyTo, &m.Value)
	case name == "to":
		d.instead(&d.to, &m.Value)
	case name == "cc":
		d.instead(&d.cc, &m.Value)
	case name == "bcc", name == "resent-bcc", name == "mime-version", strings.HasPrefix(name, "content-"):
	case name == "subject":
		if values := d.headerValues(&m.Value); d.subject == "" && len(values) > 0 {
			d.subject = values[0]
		}
	case strings.HasPrefix(name, "list-unsubscribe") && d.unsubscribe.given():
	case mime.IsAddressField(name):
		d.headers = append(d.headers, customField{at: &m.Value, name: m.Name, addresses: d.addresses(&m.Value)})
	default:
		d.headers = append(d.headers, customField{at: &m.Value, name: m.Name, values: d.headerValues(&m.Value)})
	}
}

// instead takes addresses from the headers, if there is no property for them.
func (d *Document) instead(list *[]address, v *node.Value) {
	if len(*list) == 0 {
		*list = d.addresses(v)
	}
}

// headerValues are the values of one name, each of which makes a field.
func (d *Document) headerValues(v *node.Value) []string {
	list := []node.Value{*v}
	if v.Kind == node.Array {
		list = v.Items
	}
	values := make([]string, 0, min(len(list), mime.MaxFields))
	for i := range list {
		switch list[i].Kind {
		case node.Null:
		case node.Array, node.Object:
			d.problems.Add(v, "a text or a list of texts is expected")
		default:
			values = append(values, list[i].Text)
		}
	}
	return values
}

func hasPrefixFold(s, prefix string) bool {
	return len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix)
}

// fieldList writes the header.
type fieldList struct {
	b     *builder
	out   []byte
	count int
}

// header is all of it but what describes the content, in the order of section 10.
func (b *builder) header(from []mime.Mailbox) []byte {
	d, h := b.d, fieldList{b: b}
	h.out = append(h.out, "MIME-Version: 1.0\r\n"...)
	h.once("Date", b.o.Date.Format("Mon, 02 Jan 2006 15:04:05 -0700"))
	h.once("Message-ID", "<"+b.id+">")
	h.mailboxes(d.from, "From", from)
	h.mailboxes(d.replyTo, "Reply-To", b.mailboxes(d.replyTo))
	h.mailboxes(d.to, "To", b.mailboxes(d.to))
	h.mailboxes(d.cc, "Cc", b.mailboxes(d.cc))
	if d.subject != "" {
		h.add(nil, func(dst []byte) []byte { return mime.AppendText(dst, "Subject", mime.DecodeWords(d.subject)) })
	}
	h.unsubscribe(d.unsubscribe)
	for _, f := range d.headers {
		if len(f.addresses) > 0 {
			h.mailboxes(f.addresses, f.name, b.mailboxes(f.addresses))
		} else if !isGenerated(f.name) {
			h.values(f)
		}
	}
	return h.out
}

// isGenerated says which fields every message has once.
func isGenerated(name string) bool {
	return strings.EqualFold(name, "Date") || strings.EqualFold(name, "Message-ID")
}

// add appends what write appends, if it can be sent: only an address that is a template may be too long for a line.
func (h *fieldList) add(at *node.Value, write func(dst []byte) []byte) {
	start := len(h.out)
	h.out = write(h.out)
	text := ""
	switch {
	case len(h.out) > maxHeader || h.count >= mime.MaxFields/2:
		text = "the header would be too large"
	case hasLongLine(h.out[start:]):
		text = "a word does not fit into a line of 998 bytes"
	default:
		h.count++
		return
	}
	h.b.problems.Add(at, text)
	h.out = h.out[:start]
}

func hasLongLine(fields []byte) bool {
	for line := range bytes.Lines(fields) {
		if len(line) > maxLine+2 {
			return true
		}
	}
	return false
}

func (h *fieldList) mailboxes(of []address, name string, list []mime.Mailbox) {
	if len(list) > 0 {
		h.add(of[0].at, func(dst []byte) []byte { return mime.AppendMailboxes(dst, name, list) })
	}
}

// once writes a field that is generated, unless the document has one.
func (h *fieldList) once(name, generated string) {
	for _, f := range h.b.d.headers {
		if strings.EqualFold(f.name, name) && len(f.values) > 0 {
			h.values(customField{at: f.at, name: f.name, values: f.values[:1]})
			return
		}
	}
	h.out = mime.AppendField(h.out, name, generated)
}

func (h *fieldList) values(f customField) {
	for _, v := range f.values {
		h.add(f.at, func(dst []byte) []byte {
			out := mime.AppendField(dst, f.name, v)
			if hasLongLine(out[len(dst):]) {
				out = mime.AppendText(dst, f.name, v)
			}
			return out
		})
	}
}
