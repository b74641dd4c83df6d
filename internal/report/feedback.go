package report

import (
	"net/netip"
	"strings"
)

// readFeedback reads a complaint (RFC 5965), or a report about mail that failed authentication (RFC 6591).
func readFeedback(m *message) (Reported, bool) {
	parts, ok := m.machine("feedback-report", "message/feedback-report")
	if !ok {
		return Reported{}, false
	}
	r := Reported{Kind: KindARF}
	for _, p := range parts {
		for _, g := range groups(m.content(p, maxFields)) {
			if g.has("Feedback-Type") && r.FeedbackType == "" {
				r.addFeedback(g)
			}
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
	if ip, err := netip.ParseAddr(strings.Trim(g.get("Source-IP"), "[]")); err == nil {
		r.SourceIP = ip.String()
	}
	for _, f := range g {
		if strings.EqualFold(f.name, "Original-Rcpt-To") && len(r.Recipients) < MaxRecipients {
			r.Recipients = append(r.Recipients, Recipient{Original: address(f.value)})
		}
	}
}
