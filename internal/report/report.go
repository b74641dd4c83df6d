// Package report knows the mail that speaks about other mail (dsn.md): it recognises reports that come in, and writes the
// notifications that go out.
//
// [Recognise] takes anything that the world sends and says whether it is a report: delivery status notifications (RFC 3464 in
// the multipart/report of RFC 6522, and 6533 for addresses that are not ASCII), disposition notifications (RFC 8098), complaints
// (ARF, RFC 5965, and 6591 for failed authentication), DMARC aggregate reports (RFC 7489 and 9990), reports about TLS (RFC 8460)
// and the bounces of servers that keep no standard. Ordinary mail is none of them, whatever it quotes or attaches, and neither is
// an automatic reply (RFC 3834).
//
// [Wanted] says which notification a result asks for, [DSN] writes it (RFC 3461 to 3464), and [Message] makes it an outgoing
// message.
//
// The package is pure: it starts no goroutine, reads no clock and opens nothing. Everything is bounded: the structure of a
// message by package mime, what compressed attachments may become, the depth of XML, the number of recipients and rows, the
// length of every text. XML with a document type is refused, so there are no entities to expand.
package report

import (
	"math"
	"strings"
	"unicode/utf8"

	"posthoorn/internal/mail"
)

// Limits of what is taken from one report. The rest is left out, never the report.
const (
	MaxRecipients     = 1000
	MaxSummary        = 1 << 20 // bytes of the rows of a summary; every recipient of the report has a copy of them
	MaxRows           = 5000    // of a DMARC report, and policies and failures of a report about TLS
	MaxText           = 2000    // bytes of one text
	maxFields         = 1 << 20 // bytes of the parts with fields, such as message/delivery-status
	maxOriginals      = 5       // mails that a report returns, of which the header is read
	maxProse          = 64 << 10
	maxOriginalHeader = 256 << 10
	maxTold           = 8 << 10 // bytes of prose that are searched for what becomes of the mail
)

// Kind is what a report is (dsn.md section 5).
type Kind string

// The kinds.
const (
	KindDSN          Kind = "dsn"           // delivery status notification
	KindMDN          Kind = "mdn"           // disposition notification
	KindARF          Kind = "arf"           // complaint
	KindDMARC        Kind = "dmarc"         // DMARC aggregate report
	KindDMARCFailure Kind = "dmarc-failure" // complaint about failed authentication
	KindTLS          Kind = "tlsrpt"        // report about TLS
	KindBounce       Kind = "bounce"        // a bounce that keeps no standard
)

// Reported is what was understood of a report. What is not known is empty.
type Reported struct {
	Kind         Kind
	ReportingMTA string
	EnvelopeID   string // ENVID of the original mail
	MessageID    string // Message-ID field of the original mail, with its angle brackets
	Recipients   []Recipient
	FeedbackType string // of a complaint: abuse, fraud, auth-failure
	UserAgent    string // the program that reports (complaints, disposition notifications)
	SourceIP     string // of a complaint: where the original mail came from
	Summary      []byte // JSON object: the parsed DMARC or TLS report
}

// Recipient is one recipient that a report speaks of.
type Recipient struct {
	Original   string // as the sender gave it (ORCPT)
	Final      string // as the reporting server has it
	Action     string // failed, delayed, delivered, relayed, expanded; of a disposition notification: displayed, deleted
	Status     string // enhanced code (RFC 3463)
	Diagnostic string // what the server said, without the word smtp
}

// JSON is the object for property reported (dsn.md section 5). Beside the properties named there it has user-agent and source-ip.
func (r *Reported) JSON() []byte {
	o := mail.NewObject(nil).String("kind", string(r.Kind)).Optional("reporting-mta", r.ReportingMTA).
		Optional("envelope-id", r.EnvelopeID).Optional("message-id", r.MessageID)
	if len(r.Recipients) > 0 {
		o.Raw("recipients", array(r.Recipients, func(o *mail.Object, to Recipient) {
			o.Optional("original", to.Original).Optional("final", to.Final).Optional("action", to.Action).
				Optional("status", to.Status).Optional("diagnostic", to.Diagnostic)
		}))
	}
	o.Optional("feedback-type", r.FeedbackType).Optional("user-agent", r.UserAgent).Optional("source-ip", r.SourceIP)
	if len(r.Summary) > 0 {
		o.Raw("summary", r.Summary)
	}
	return o.Bytes()
}

// array is a JSON array of objects.
func array[T any](items []T, fill func(*mail.Object, T)) []byte {
	out, _ := arrayOf(items, math.MaxInt, fill)
	return out
}

// arrayOf is a JSON array of the first n objects, which end it when it has more than most bytes.
func arrayOf[T any](items []T, most int, fill func(*mail.Object, T)) (out []byte, n int) {
	out = []byte{'['}
	for ; n < len(items) && len(out) <= most; n++ {
		if n > 0 {
			out = append(out, ',')
		}
		o := mail.NewObject(out)
		fill(o, items[n])
		out = o.Bytes()
	}
	return append(out, ']'), n
}

// clip makes a text from a report one line of at most MaxText bytes.
func clip(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	if len(text) <= MaxText {
		return text
	}
	end := MaxText
	for end > 0 && !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end]
}
