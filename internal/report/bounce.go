package report

import (
	"regexp"
	"slices"
	"strings"

	"posthoorn/internal/mime"
)

// bouncing is how servers that keep no standard name their bounces.
var bouncing = regexp.MustCompile(`(?i)undeliver|nondeliver|non-deliver|fail(?:ed|ure) notice|returned (?:e-?)?mail|` +
	`mail returned|returning message|^report to sender|message status - ` +
	`|deliver(?:y|ies) (?:has )?(?:fail|status|notif|report|problem|error|delay|unsuccessful|incomplete)` +
	`|fail(?:ed|ure) (?:mail )?delivery|mail (?:delivery|system) (?:fail|problem|error|status|warning|delay)` +
	`|(?:could|can|has|was|were) ?not (?:yet )?be(?:en)? (?:delivered|sent)|(?:could|can) ?not (?:send|deliver)|not delivered` +
	`|delayed (?:mail|message)|(?:mail|message|delivery) (?:is |has been )?(?:delayed|rejected|blocked)|^warning: message` +
	`|user unknown|unknown (?:user|recipient)|rejected mail|unzustellbar|nicht zugestellt|onbestelbaar|niet (?:worden )?bezorgd` +
	`|non remis|échec de la remise|non remise|no se (?:puede|pudo) entregar|no entregado|recapito fallito|mancato recapito` +
	`|não entregue|olevererbart|ikke leveres`)

// away is how automatic replies begin their subject.
var away = regexp.MustCompile(`(?i)^\s*(?:re:\s*)?(?:out[- ]of[- ](?:the[- ])?office|auto(?:matic|mated)?[- ]?(?:reply|response|antwort)|autoreply|` +
	`vacation|on vacation|away from|i am away|i'm away|abwesenheit|automatisch(?:e|es)? (?:antwort|antwoord)|afwezig|` +
	`réponse automatique|absence|respuesta automática|fuera de la oficina|risposta automatica|automatiskt svar|autosvar)`)

// daemon is the local part of addresses that send bounces.
var daemon = regexp.MustCompile(`(?i)^(?:mailer[-_.]?daemon|mail[-_.]?daemon|mdaemon|postmaster|microsoftexchange[0-9a-f]*)@`)

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

func (m *message) fromDaemon() bool {
	f := m.parts[0].Field("From")
	return f != nil && slices.ContainsFunc(few(mime.Addresses(f.Value)), daemon.MatchString)
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
