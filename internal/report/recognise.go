package report

import (
	"bytes"
	"regexp"
	"slices"
	"strings"

	"posthoorn/internal/mime"
)

// Recognise says whether a message is a report, and what was understood of it. EnvelopeFrom is what MAIL FROM had between its
// brackets; the rules are those of dsn.md section 5. A source that package mime refuses, for its size or its depth, is no report.
//
// The parts of a report in a reply or a forwarded mail do not make it a report: outside of multipart/report they count only if
// the envelope is empty, or nothing says that the mail answers or forwards another, and they are no attachments.
func Recognise(source []byte, envelopeFrom string) (Reported, bool) {
	m, ok := newMessage(source, envelopeFrom)
	if !ok {
		return Reported{}, false
	}
	for _, read := range [...]func(*message) (Reported, bool){
		readFeedback, readComplaint, readDisposition, readDelivery, readTLS, readDMARC, readBounce,
	} {
		if r, ok := read(m); ok {
			return r, true
		}
	}
	return Reported{}, false
}

// message is mail that is looked at.
type message struct {
	source []byte
	parts  []mime.Part
	null   bool // the envelope is empty
	marks  int  // in the attachments that were opened
}

func newMessage(source []byte, envelopeFrom string) (m *message, ok bool) {
	parts, err := mime.Parts(source)
	return &message{source: source, parts: parts, null: envelopeFrom == "" || envelopeFrom == "<>"}, err == nil
}

// field is the text of a field of the header, encoded words undone; empty: there is none.
func (m *message) field(name string) string {
	f := m.parts[0].Field(name)
	if f == nil {
		return ""
	}
	return clip(mime.DecodeWords(string(mime.Unfold(f.Value))))
}

// reportType is the report-type of a multipart/report (RFC 6522), in lower case; empty: it is none, or does not say.
func (m *message) reportType() string {
	if m.parts[0].Media.Type != "multipart/report" {
		return ""
	}
	return strings.ToLower(strings.TrimSpace(m.parts[0].Media.Get("report-type")))
}

// machine returns the parts of a kind of report: those with one of its media types, and, if the message says that it is such a
// report but has none of them, all others that can hold it. Ok says that the message is such a report.
func (m *message) machine(reportType string, types ...string) (found []*mime.Part, ok bool) {
	said := m.reportType() == reportType
	if !said && (m.reportType() != "" || m.answers()) {
		return nil, false
	}
	for i := range m.parts {
		if p := &m.parts[i]; !p.Multipart && slices.Contains(types, p.Media.Type) && !m.attached(p) {
			found = append(found, p)
		}
	}
	if len(found) == 0 && said {
		found = m.leaves()
	}
	return found, said || len(found) > 0
}

// attached says that a person attached the machine-readable part of a report to other mail.
func (m *message) attached(p *mime.Part) bool {
	return !m.null && m.parts[0].Media.Type != "multipart/report" && p.Disposition == "attachment" &&
		strings.HasPrefix(p.Media.Type, "message/")
}

// leaves are the parts that are neither multiparts nor attached messages.
func (m *message) leaves() (found []*mime.Part) {
	for i := range m.parts {
		if p := &m.parts[i]; !p.Multipart && !isOriginal(p) {
			found = append(found, p)
		}
	}
	return found
}

// answering is how subjects of replies and forwarded mail begin, after what lists and gateways put before it.
var answering = regexp.MustCompile(`(?i)^\s*(?:\[[^\[\]]{1,80}\]\s*)*(?:re|fwd?|aw|antw(?:ort)?|wg|weitergeleitet|doorst|tr|rv|sv|vs|vb|vl|va|vá|i|r|rif|enc|res|odp|pd|` +
	`ynt|[iİ]̇?lt|απ|πρθ|на|ответ|пересл|回复|回覆|答复|答覆|转发|轉寄|轉發|返信|転送|답장|회신|전달)\s*(?:\[\d+\])?\s*[:：]`)

// answers says that the message is a person's, who answers or forwards another: what it holds of a report is quoted.
func (m *message) answers() bool {
	if m.null || m.parts[0].Media.Type == "multipart/report" {
		return false
	}
	top := &m.parts[0]
	return top.Field("In-Reply-To") != nil || top.Field("References") != nil || answering.MatchString(m.field("Subject"))
}

// content is the content of a part, its encoding undone, from at most limit bytes.
func (m *message) content(p *mime.Part, limit int) []byte {
	cut := *p
	cut.End = min(cut.End, cut.Body+limit)
	return cut.AppendDecoded(nil, m.source)
}

// originals are the media types of the mail that a report returns, whole or its header (RFC 6522, RFC 6533).
var originals = []string{
	"message/rfc822", "message/global", "text/rfc822-headers", "message/global-headers",
	"message/rfc822-headers", "text/rfc822-header", "text/rfc822", // seen, but never registered
}

func isOriginal(p *mime.Part) bool { return slices.Contains(originals, p.Media.Type) }

// originalField is a field of the mail that the report returns, of the first ones if there are more; empty: there is none.
func (m *message) originalField(name string) string {
	looked := 0
	for i := range m.parts {
		p := &m.parts[i]
		if !isOriginal(p) || p.Multipart {
			continue
		}
		if looked++; looked > maxOriginals {
			break
		}
		h, err := mime.ParseHeader(bytes.TrimLeft(m.content(p, maxOriginalHeader), "\r\n"))
		if err != nil {
			continue
		}
		for _, f := range h.Fields {
			if f.Is(name) {
				return string(mime.Unfold(f.Value))
			}
		}
	}
	return ""
}

// originalID is the Message-ID of the mail that the report returns. Without it the mail that an empty envelope answers is meant.
func (m *message) originalID() string {
	if id := firstID(m.originalField("Message-ID")); id != "" {
		return id
	}
	if m.null || m.reportType() != "" {
		return firstID(m.field("In-Reply-To"))
	}
	return ""
}

var idPattern = regexp.MustCompile(`<[^<>\s]{1,500}>`)

// firstID is the first message id in a text.
func firstID(text string) string { return idPattern.FindString(text) }
