package outbox

import (
	"net/netip"

	"posthoorn/internal/mail"
	"posthoorn/internal/stats"
)

// tally counts a result for those who look at the traffic.
func (e *Engine) tally(it *item, r *mail.Result) {
	if e.o.Stats == nil {
		return
	}
	a := stats.Attempt{Time: r.Time, Domain: it.site, Tags: it.m.Tags, Outcome: outcomeOf(r), Reused: r.Messages > 1}
	a.Source, _ = netip.ParseAddr(r.From)
	if a.Outcome != stats.Delivered {
		a.State, a.Result, a.Code, a.Status, a.Text = string(r.State), string(r.Kind), r.Code, r.Status, r.Description
		a.Recipient = it.m.Recipient.String()
	}
	e.o.Stats.Attempted(&a)
}

// outcomeOf is what a result counts as (console.md section 2).
func outcomeOf(r *mail.Result) stats.Outcome {
	switch {
	case r.OK():
		return stats.Delivered
	case r.Messages == 0 || ours(r):
		return stats.NotTried
	case r.Kind == mail.Failed:
		return stats.Refused
	}
	return stats.Strange
}
