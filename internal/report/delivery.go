package report

import "strings"

// readDelivery reads a delivery status notification (RFC 3464, RFC 6533).
func readDelivery(m *message) (Reported, bool) {
	parts, ok := m.machine("delivery-status", "message/delivery-status", "message/global-delivery-status")
	said := m.reportType() != ""
	if !ok && m.parts[0].Media.Type == "multipart/report" && !said { // it does not say of which kind
		parts, ok = m.leaves(), true
	}
	if !ok {
		return Reported{}, false
	}
	r := Reported{Kind: KindDSN}
	for _, g := range join(m.groups(parts)) {
		r.addDelivery(g)
	}
	if len(r.Recipients) == 0 && !said && !m.null {
		return Reported{}, false // nothing in it that a report must have
	}
	if id := m.originalID(); id != "" {
		r.MessageID = id
	}
	if len(r.Recipients) == 0 {
		r.readProse(m)
	}
	return r, true
}

// addDelivery takes what a group says: about the message, a recipient, or both where the blank line between them is missing.
func (r *Reported) addDelivery(g group) {
	if r.ReportingMTA == "" {
		r.ReportingMTA = untyped(g.get("Reporting-MTA"), "dns")
	}
	if r.MessageID == "" {
		r.MessageID = firstID(g.get("X-Original-Message-ID")) // of Gmail
	}
	if r.EnvelopeID == "" {
		r.EnvelopeID = g.get("Original-Envelope-Id")
	}
	if !g.has("Final-Recipient") && !g.has("Original-Recipient") || len(r.Recipients) >= MaxRecipients {
		return
	}
	to := Recipient{
		Original:   address(g.get("Original-Recipient")),
		Final:      address(g.get("Final-Recipient")),
		Action:     word(g.get("Action")),
		Status:     status(g.get("Status")),
		Diagnostic: untyped(g.get("Diagnostic-Code"), "smtp"),
	}
	if to.Status == "" {
		to.Status = status(to.Diagnostic)
	}
	if to.Action == "" && strings.HasPrefix(to.Status, "5") {
		to.Action = "failed"
	}
	r.Recipients = append(r.Recipients, to)
}
