package report

import "strings"

// readDisposition reads a disposition notification (RFC 8098, RFC 6533).
func readDisposition(m *message) (Reported, bool) {
	parts, ok := m.machine("disposition-notification",
		"message/disposition-notification", "message/global-disposition-notification")
	if !ok {
		return Reported{}, false
	}
	r := Reported{Kind: KindMDN}
	for _, g := range m.groups(parts) {
		r.addDisposition(g)
	}
	if r.MessageID == "" {
		r.MessageID = m.originalID()
	}
	return r, true
}

func (r *Reported) addDisposition(g group) {
	if !g.has("Disposition") && !g.has("Final-Recipient") || len(r.Recipients) >= MaxRecipients {
		return
	}
	r.UserAgent = g.get("Reporting-UA")
	r.MessageID = firstID(g.get("Original-Message-ID"))
	r.ReportingMTA = untyped(g.get("MDN-Gateway"), "dns")
	to := Recipient{
		Original:   address(g.get("Original-Recipient")),
		Final:      address(g.get("Final-Recipient")),
		Diagnostic: g.get("Failure"),
	}
	if to.Diagnostic == "" {
		to.Diagnostic = g.get("Error")
	}
	// manual-action/MDN-sent-manually; displayed/error
	if _, what, ok := strings.Cut(g.get("Disposition"), ";"); ok {
		to.Action = word(strings.TrimSpace(what))
	}
	r.Recipients = append(r.Recipients, to)
}
