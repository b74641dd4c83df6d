package report

import (
	"bytes"
	"strings"

	"posthoorn/internal/mail"
	"posthoorn/internal/mime"
)

// meanings tell people what enhanced codes are about (RFC 3463 section 3), by subject and detail, or by subject alone.
var meanings = map[string]string{
	"1.1": "The address does not exist there.", "1.2": "The domain of the address does not exist or takes no mail.",
	"1.3": "The address is not written in a valid way.", "1.6": "The recipient has moved and left no new address.",
	"1.10": "The domain of the address takes no mail.", "1": "The address is not accepted there.",
	"2.1": "The mailbox exists, but is switched off.", "2.2": "The mailbox is full.", "2.3": "The message is too large for the mailbox.",
	"2":   "The mailbox cannot take the message.",
	"3.4": "The message is larger than the receiving server accepts.", "3": "The receiving server has a problem.",
	"4.1": "The receiving server could not be reached.", "4.2": "The connection to the receiving server broke.",
	"4.3": "The name service could not say where to deliver.", "4.4": "There is no way to the receiving server.",
	"4.6": "The message went round in a loop.", "4.7": "The message could not be delivered in time.", "4": "The network has a problem.",
	"5":   "The receiving server did not understand ours.",
	"6.7": "The receiving server does not take addresses with characters outside of ASCII.", "6": "The content cannot be delivered.",
	"7.1": "The receiving server refuses the message by its policy.", "7": "The receiving server refuses the message for reasons of security or policy.",
}

// meaning is the sentence for an enhanced code; empty: there is none. What a subject alone says is too much for a trouble that
// may pass.
func meaning(status string) string {
	class, rest, _ := strings.Cut(status, ".")
	if text := meanings[rest]; text != "" || class == "4" {
		return text
	}
	subject, _, _ := strings.Cut(rest, ".")
	return meanings[subject]
}

// subject is the subject of the notification.
func (n *Notice) subject() string {
	return [...]string{"", "Undeliverable: your message to ", "Delayed: your message to ", "Relayed: your message to "}[n.Event] +
		n.recipient()
}

// text is the part for people.
func (n *Notice) text() []byte {
	var b strings.Builder
	line := func(texts ...string) {
		for _, text := range texts {
			b.WriteString(text)
		}
		b.WriteString("\r\n")
	}
	line("This is the mail server ", clip(n.MTA), ".")
	line()
	line(wrap(n.opening()))
	line()
	line("    ", n.recipient())
	line()
	if reply := n.reply(); reply != "" {
		line(wrap(n.speaker()))
		line()
		line("    ", strings.ReplaceAll(wrap(reply), "\r\n", "\r\n    "))
		line()
	}
	for _, paragraph := range []string{n.explanation(), n.future()} {
		if paragraph != "" {
			line(wrap(paragraph))
			line()
		}
	}
	for _, name := range []string{"Subject", "Date", "Message-ID"} {
		if value := n.field(name); value != "" {
			line("    ", name, ": ", value)
		}
	}
	return textPart(b.String())
}

func (n *Notice) opening() string {
	return [...]string{"",
		"Your message could not be delivered to this recipient:",
		"Your message is on its way, but could not yet be delivered to this recipient:",
		"Your message was handed over for this recipient:"}[n.Event]
}

// speaker says whose words follow.
func (n *Notice) speaker() string {
	switch {
	case n.answered() && n.attempt().To != "":
		return "The server " + clip(n.attempt().MTA) + " [" + clip(n.attempt().To) + "] answered:"
	case n.answered():
		return "The server " + clip(n.attempt().MTA) + " answered:"
	case n.Event == Delay:
		return "The last attempt ended with:"
	}
	return "The reason is:"
}

// causes are what to say of troubles that no other server has part in.
var causes = map[mail.State]string{
	mail.StateBind:        "The address that the message was to leave from cannot be used.",
	mail.StateStorage:     "The content of the message is not there any more.",
	mail.StateResponsive:  "The content of the message could not be put together.",
	mail.StatePersonalize: "The content of the message could not be personalised.",
	mail.StateRewrite:     "The content of the message could not be put together.",
	mail.StateSuppression: "Nothing is sent to this address from here.",
	mail.StateAMQP:        "The message could not be processed.",
	mail.StateProcess:     "The message could not be processed.",
	mail.StateUnknown:     "The message could not be processed.",
}

func (n *Notice) explanation() string {
	status := n.status()
	switch cause, ours := causes[n.attempt().State]; {
	case n.Event == Success:
		return "That server does not tell when a message reaches the mailbox, so no further notice may follow."
	case !ours || n.answered() || strings.HasPrefix(status[1:], ".1.") || status[1:] == ".4.7":
		return meaning(status)
	case n.reply() == "":
		return cause
	}
	return ""
}

// future says what happens next, and what is attached.
func (n *Notice) future() string {
	attached := ""
	switch {
	case len(n.Source) == 0:
	case n.whole():
		attached = " The message is attached."
	default:
		attached = " The header of the message is attached."
	}
	switch {
	case n.Event == Failure:
		return "It will not be tried again." + attached
	case n.Event == Delay && n.Until.IsZero():
		return "It will be tried again; there is nothing that you need to do." + attached
	case n.Event == Delay:
		return "It will be tried again until " + n.Until.UTC().Format("2 January 2006, 15:04") +
			" UTC; there is nothing that you need to do." + attached
	}
	return strings.TrimSpace(attached)
}

// field is a field of the mail, as text.
func (n *Notice) field(name string) string {
	h, err := mime.ParseHeader(n.Source)
	if err != nil {
		return ""
	}
	for _, f := range h.Fields {
		if f.Is(name) {
			return clip(mime.DecodeWords(string(mime.Unfold(f.Value))))
		}
	}
	return ""
}

// wrap breaks a text of one line into lines of at most 76 characters, where there are blanks.
func wrap(text string) string {
	var b strings.Builder
	width := 0
	for word := range strings.FieldsSeq(text) {
		switch {
		case width == 0:
		case width+1+len(word) > 72:
			b.WriteString("\r\n")
			width = 0
		default:
			b.WriteByte(' ')
			width++
		}
		b.WriteString(word)
		width += len(word)
	}
	return b.String()
}

// textPart is a text as a part. Characters that do nothing visible are left out.
func textPart(text string) []byte {
	text = strings.Map(func(r rune) rune {
		if r < ' ' && r != '\r' && r != '\n' || r == 0x7f {
			return -1
		}
		return r
	}, strings.ToValidUTF8(text, "\ufffd"))
	if ascii(text) && !longLines([]byte(text)) {
		return append([]byte("Content-Type: text/plain; charset=us-ascii\r\n\r\n"), text...)
	}
	head := []byte("Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n")
	return mime.AppendQuotedPrintable(head, []byte(text))
}

// longLines says that a line is longer than 998 bytes (RFC 5322 section 2.1.1).
func longLines(text []byte) bool {
	for line := range bytes.Lines(text) {
		if len(bytes.TrimRight(line, "\r\n")) > 998 {
			return true
		}
	}
	return false
}
