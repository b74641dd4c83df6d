package report

import (
	"net/netip"
	"regexp"
	"strings"
)

// readFeedback reads a complaint (RFC 5965), or a report about mail that failed authentication (RFC 6591).
func readFeedback(m *message) (Reported, bool) {
	parts, ok := m.machine("feedback-report", "message/feedback-report")
	if !ok {
		return Reported{}, false
	}
	r := Reported{Kind: KindARF}
	for _, g := range m.groups(parts) {
		if g.has("Feedback-Type") && r.FeedbackType == "" {
			r.addFeedback(g)
		}
	}
	if r.FeedbackType == "auth-failure" {
		r.Kind = KindDMARCFailure
	}
	r.MessageID = m.originalID()
	return r, true
}

func (r *Reported) addFeedback(g group) {
	r.FeedbackType = word(g.get("Feedback-Type"))
	r.UserAgent = g.get("User-Agent")
	r.EnvelopeID = g.get("Original-Envelope-Id")
	r.ReportingMTA = untyped(g.get("Reporting-MTA"), "dns")
	r.SourceIP = sourceIP(g.get("Source-IP"))
	for _, f := range g {
		if strings.EqualFold(f.name, "Original-Rcpt-To") && len(r.Recipients) < MaxRecipients {
			r.Recipients = append(r.Recipients, Recipient{Original: address(f.value)})
		}
	}
}

// complaining is the subject of complaints of Outlook.com, which are no ARF: they have the original mail, and the recipient in a
// field that was put into it.
var complaining = regexp.MustCompile(`(?i)^complaint about message from (\S+)$`)

// readComplaint reads a complaint in the form of Outlook.com.
func readComplaint(m *message) (Reported, bool) {
	subject := complaining.FindStringSubmatch(m.field("Subject"))
	if subject == nil {
		return Reported{}, false
	}
	recipient := m.originalField("X-HmXmrOriginalRecipient")
	return m.complaint(subject[1], recipient), recipient != ""
}

func (m *message) complaint(from, recipient string) Reported {
	r := Reported{Kind: KindARF, FeedbackType: "abuse", MessageID: m.originalID(), SourceIP: sourceIP(from)}
	if to := address(clip(recipient)); to != "" {
		r.Recipients = []Recipient{{Original: to}}
	}
	return r
}

// sourceIP is an IP address, also as an address literal; empty: it is none.
func sourceIP(text string) string {
	text = strings.Trim(text, "[]")
	if len(text) > 5 && strings.EqualFold(text[:5], "IPv6:") {
		text = text[5:]
	}
	ip, err := netip.ParseAddr(text)
	if err != nil {
		return ""
	}
	return ip.String()
}
