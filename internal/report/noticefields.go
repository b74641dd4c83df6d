package report

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"posthoorn/internal/mail"
)

// fields is the part with the fields of RFC 3464.
func (n *Notice) fields() []byte {
	out := []byte("Content-Type: message/delivery-status\r\n\r\n")
	if n.global() {
		out = []byte("Content-Type: message/global-delivery-status; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n")
	}
	r := n.attempt()
	out = n.append(out, "Reporting-MTA", named(n.MTA))
	out = n.append(out, "Original-Envelope-Id", n.DSN.EnvID)
	out = n.append(out, "Arrival-Date", date(n.Arrival))
	out = append(out, "\r\n"...)
	out = n.append(out, "Original-Recipient", n.originalRecipient())
	out = n.append(out, "Final-Recipient", n.finalRecipient())
	out = n.append(out, "Action", n.Event.action())
	out = n.append(out, "Status", n.status())
	if n.answered() {
		out = n.append(out, "Remote-MTA", named(r.MTA))
		out = n.append(out, "Diagnostic-Code", "smtp; "+n.reply())
	} else if r.Description != "" {
		out = n.append(out, "Diagnostic-Code", "x-posthoorn; "+n.reply())
	}
	if !n.untried() {
		out = n.append(out, "Last-Attempt-Date", date(r.Time))
	}
	if n.Event == Delay {
		out = n.append(out, "Will-Retry-Until", date(n.Until))
	}
	return out
}

// append writes a field, folded; an empty one is left out. Nothing in the value can end it.
func (n *Notice) append(out []byte, name, value string) []byte {
	value = clip(value)
	if value == "" {
		return out
	}
	out = append(append(out, name...), ':')
	width := len(name) + 1
	for word := range strings.SplitSeq(value, " ") {
		word = n.visible(word[:min(len(word), 900)]) // lines have at most 998 bytes
		if width+1+len(word) > 76 && width > len(name)+1 {
			out, width = append(out, "\r\n"...), 0
		}
		out = append(append(out, ' '), word...)
		width += 1 + len(word)
	}
	return append(out, "\r\n"...)
}

// visible replaces what may not stand in a field: control characters, and what is not ASCII where SMTPUTF8 is not needed.
func (n *Notice) visible(word string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r >= 0x80 && (!n.global() || r == 0x85 || r == 0x2028 || r == 0x2029 || r == 0xfffd) {
			return '?'
		}
		return r
	}, word)
}

// originalRecipient is ORCPT with its type; without ORCPT there is no such field.
func (n *Notice) originalRecipient() string {
	kind, address, ok := strings.Cut(n.DSN.ORcpt, ";")
	if !ok || kind == "" || strings.ContainsAny(kind, "@ \"") {
		kind, address = "rfc822", n.DSN.ORcpt
	}
	if address == "" {
		return ""
	}
	return n.typed(kind, address)
}

func (n *Notice) finalRecipient() string {
	if n.Recipient.IsZero() {
		return n.typed("rfc822", n.Written)
	}
	if n.Recipient.NeedsUTF8() {
		return n.typed("utf-8", n.Recipient.String())
	}
	return "rfc822;" + string(n.Recipient.AppendPath(nil, false))
}

// typed is an address with its type. What is not ASCII is of type utf-8 (RFC 6533 section 3), in its escaped form where the
// notification is ASCII.
func (n *Notice) typed(kind, address string) string {
	address = strings.TrimSpace(address)
	if ascii(address) {
		return kind + ";" + address
	}
	if n.global() {
		return "utf-8;" + address
	}
	return "utf-8;" + escaped(address)
}

// escaped is utf-8-addr-xtext.
func escaped(address string) string {
	var b strings.Builder
	for _, r := range address {
		if r < ' ' || r == 0x7f {
			b.WriteByte('?')
		} else if r < '!' || r > '~' || r == '+' || r == '=' || r == '\\' {
			fmt.Fprintf(&b, `\x{%X}`, r)
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

// named is the name of a server with its type.
func named(name string) string {
	if _, ascii, err := mail.ParseDomain(name); err == nil {
		return "dns; " + ascii
	}
	if name = clip(name); name == "" {
		return "dns; localhost"
	}
	return "x-local-hostname; " + name
}

func date(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Format(time.RFC1123Z)
}

// answered says that the last word was that of a server, not ours: ours have codes and no text.
func (n *Notice) answered() bool {
	r := n.attempt()
	return r.MTA != "" && r.Code > 0 && r.Description != ""
}

// untried says that the message was given up before an attempt, by a decision of ours.
func (n *Notice) untried() bool {
	switch n.attempt().State {
	case mail.StateAMQP, mail.StateProcess, mail.StateSuppression:
		return true
	}
	return false
}

// reply is what was said, with its codes; codes of ours that nothing was said with mean nothing to people.
func (n *Notice) reply() string {
	r := n.attempt()
	if r.Description == "" && !n.answered() {
		return ""
	}
	text := ""
	if r.Code > 0 {
		text = strconv.Itoa(r.Code) + " "
	}
	if s := status(r.Status); s != "" {
		text += s + " "
	}
	return clip(text + r.Description)
}

// status is the enhanced code: that of the result, if it fits to the event, else what is known of the cause.
func (n *Notice) status() string {
	r := n.Result
	classes := [...]string{"", "45", "4", "2"}[n.Event]
	if s := status(r.Status); s != "" && strings.Contains(classes, s[:1]) {
		return s
	}
	switch {
	case n.Event == Success:
		return "2.0.0"
	case n.Event == Failure && r.Code >= 500:
		return "5.0.0"
	case r.Kind == mail.Timeout:
		return "4.4.7"
	case r.State == mail.StateDNS:
		return "4.4.3"
	case r.State == mail.StateConnect || r.State == mail.StateBind:
		return "4.4.1"
	case r.Kind == mail.Lost:
		return "4.4.2"
	case n.Event == Failure && r.Code == 0:
		return "5.0.0"
	}
	return "4.0.0"
}
