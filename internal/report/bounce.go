package report

import (
	"regexp"
	"slices"
	"strings"

	"posthoorn/internal/mime"
)

// daemon is the local part of addresses that send bounces.
var daemon = regexp.MustCompile(`(?i)^(?:mailer[-_.]?daemon|mail[-_.]?daemon|mdaemon|postmaster|microsoftexchange[0-9a-f]*)@`)

// nameless is a From field of a daemon without a domain: MAILER-DAEMON (Mail Delivery System), "Mail Delivery System" <>, and that
// of Courier, "Courier mail server" <@customer.test>.
var nameless = regexp.MustCompile(`(?i)^(?:[^<>@]*<)?mailer-daemon(?:>|$| *\([^@]*\)$)|^[^<>@]*<>$|^"?Courier mail server\b[^<>]*<@[^<>@]*>$`)

// readBounce reads a bounce that keeps no standard: the envelope is empty, and it names failed recipients in a field, or comes
// from a daemon and says in its subject what it is.
func readBounce(m *message) (Reported, bool) {
	failed := m.failed()
	if !m.null || len(failed) == 0 && (m.automatic() || !m.fromDaemon() || !bouncing.MatchString(m.field("Subject"))) {
		return Reported{}, false
	}
	r := Reported{Kind: KindBounce, MessageID: m.originalID()}
	r.readProse(m)
	return r, true
}

// failed are the recipients in X-Failed-Recipients.
func (m *message) failed() (list []string) {
	for i := range m.parts[0].Fields {
		if f := &m.parts[0].Fields[i]; f.Is("X-Failed-Recipients") && len(list) < MaxRecipients {
			list = append(list, mime.Addresses(f.Value)...)
		}
	}
	return list[:min(len(list), MaxRecipients)]
}

// fromDaemon says that a daemon is the author. Some of them have no domain, or no address at all.
func (m *message) fromDaemon() bool {
	f := m.parts[0].Field("From")
	return f != nil && (slices.ContainsFunc(few(mime.Addresses(f.Value)), daemon.MatchString) ||
		nameless.MatchString(clip(string(mime.Unfold(f.Value)))))
}

// automatic says that the message is an automatic reply to the original one (RFC 3834), not about its delivery. Servers put
// Auto-Submitted: auto-replied into bounces too, so that alone says nothing.
func (m *message) automatic() bool {
	top := &m.parts[0]
	for _, name := range [...]string{"X-Autoreply", "X-Autorespond", "X-Autoresponder", "X-Vacation"} {
		if top.Field(name) != nil {
			return true
		}
	}
	return strings.HasPrefix(strings.ToLower(m.field("Precedence")), "auto_reply") || away.MatchString(m.field("Subject"))
}
