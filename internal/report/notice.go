package report

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"strings"
	"time"

	"posthoorn/internal/mail"
	"posthoorn/internal/mime"
)

// Notice is what a notification is made of.
type Notice struct {
	Event     Event        // not Nothing
	MTA       string       // dsn-mta: our name
	From      string       // dsn-from: an address, with or without a name; empty: mailer-daemon at MTA
	To        mail.Address // the envelope of the mail; not empty
	Recipient mail.Address // of the mail
	Written   string       // the recipient as the mail has it, where that is no address
	DSN       mail.DSN     // with the defaults in place (dsn-ret); ORcpt with or without its type
	Result    *mail.Result // what it is about
	Last      *mail.Result // the answer of a server to the last attempt, if Result is ours: the time is over; nil: there is none
	Arrival   time.Time    // when the mail came; zero: not known
	Until     time.Time    // of a delay: when we will give up; zero: not known
	Source    []byte       // of the mail, or as much of its start as there is; empty: there is none any more
	Time      time.Time    // now
	Key       string       // what it is known by if it is written again, with other words and at another time; empty: it is not
}

// DSN writes a notification: a multipart/report with a text for people, the fields of RFC 3464, and the mail (RFC 6522), whole if
// it failed, RET was FULL and it has no more than MaxWhole, else only its header. It is addressed to the envelope of the mail and must leave with an empty one.
//
// Lines end with CRLF. What is not ASCII in addresses is written by RFC 6533: as it is if the sender has such an address, so
// that SMTPUTF8 is needed anyway, else escaped, and so is all of the notification: without 8BITMIME it would be lost.
// Boundary and Message-ID derive from the content, so the same notice is the same bytes; with a key the Message-ID derives from that and
// the event.
func DSN(n *Notice) []byte {
	text, fields, original := n.text(), n.fields(), n.original()
	boundary, id := n.names(text, fields, original)

	out := n.header(nil, boundary, id)
	if !ascii(text) || !ascii(fields) || !ascii(original) {
		out = append(out, "Content-Transfer-Encoding: 8bit\r\n"...)
	}
	for _, part := range [][]byte{text, fields, original} {
		if len(part) > 0 {
			out = append(append(append(out, "\r\n--"...), boundary...), "\r\n"...)
			out = append(out, part...)
		}
	}
	return append(append(append(out, "\r\n--"...), boundary...), "--\r\n"...)
}

// names are a boundary that no part contains, and the Message-ID.
func (n *Notice) names(parts ...[]byte) (boundary, id string) {
	h := sha256.New()
	for _, part := range parts {
		h.Write(part)
	}
	h.Write([]byte(n.To.String()))
	h.Write(n.Time.UTC().AppendFormat(nil, time.RFC3339Nano))
	sum := h.Sum(nil)
	name := sum
	if n.Key != "" {
		known := sha256.Sum256([]byte(n.Event.String() + " " + n.Key))
		name = known[:]
	}
	for i := 0; ; i++ {
		again := sha256.Sum256(append(strconv.AppendInt(nil, int64(i), 10), sum...))
		boundary = "=_" + hex.EncodeToString(again[:16])
		taken := false
		for _, part := range parts {
			taken = taken || bytes.Contains(part, []byte(boundary))
		}
		if !taken {
			return boundary, "<" + hex.EncodeToString(name[:16]) + "@" + n.host() + ">"
		}
	}
}

// host is our name where only a domain can stand.
func (n *Notice) host() string {
	if _, ascii, err := mail.ParseDomain(n.MTA); err == nil {
		return ascii
	}
	return "localhost"
}

func (n *Notice) header(out []byte, boundary, id string) []byte {
	out = mime.AppendMailboxes(out, "From", []mime.Mailbox{n.from()})
	out = mime.AppendMailboxes(out, "To", []mime.Mailbox{{Address: n.To.String()}})
	out = mime.AppendText(out, "Subject", n.subject())
	out = mime.AppendField(out, "Date", n.Time.Format(time.RFC1123Z))
	out = mime.AppendField(out, "Message-ID", id)
	if original := n.originalID(); original != "" {
		out = mime.AppendField(out, "In-Reply-To", original)
		out = mime.AppendField(out, "References", original)
	}
	out = append(out, "Auto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n"...)
	return mime.AppendMedia(out, "Content-Type", mime.Media{Type: "multipart/report", Params: []mime.Param{
		{Name: "report-type", Value: "delivery-status"}, {Name: "boundary", Value: boundary}}})
}

// from is who the notification says it is from.
func (n *Notice) from() mime.Mailbox {
	from := mime.Mailbox{Address: "mailer-daemon@" + n.host()}
	for _, m := range mime.Mailboxes(n.From, nil) {
		if a, err := mail.ParseAddress(m.Address, false); err == nil && (n.global() || !a.NeedsUTF8()) {
			from = m
			break
		}
	}
	if from.Name == "" {
		from.Name = "Mail Delivery System"
	}
	return from
}

// originalID is the Message-ID of the mail, if it may stand in a field of ours.
func (n *Notice) originalID() string {
	h, err := mime.ParseHeader(n.Source)
	if err != nil {
		return ""
	}
	for _, f := range h.Fields {
		if f.Is("Message-ID") {
			if id := firstID(string(mime.Unfold(f.Value))); len(id) < 250 && ascii(id) {
				return id
			}
		}
	}
	return ""
}

// global says that the sender's own address needs SMTPUTF8, so that all of the notification may.
func (n *Notice) global() bool { return n.To.NeedsUTF8() }

// How much of a mail goes along, in bytes. All that fails at a time is in memory with its notification.
const (
	MaxWhole = 1 << 20  // with RET FULL; of what is larger the header goes along
	MaxHead  = 64 << 10 // of a header
)

// whole says that the mail goes along whole: RET is only about failures (RFC 3461 section 4.3).
func (n *Notice) whole() bool {
	return n.Event == Failure && strings.EqualFold(n.DSN.Ret, "FULL") && len(n.Source) <= MaxWhole
}

// recipient is who the mail was for, as people read it.
func (n *Notice) recipient() string {
	if n.Recipient.IsZero() {
		return clip(n.Written)
	}
	return n.Recipient.String()
}

// attempt is the one that the sender hears of.
func (n *Notice) attempt() *mail.Result {
	if n.Last != nil {
		return n.Last
	}
	return n.Result
}

func ascii[T string | []byte](text T) bool {
	for i := range len(text) {
		if text[i] >= 0x80 {
			return false
		}
	}
	return true
}
