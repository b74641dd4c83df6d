package outbox

import (
	"context"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"posthoorn/internal/mail"
	"posthoorn/internal/settle"
)

// Fail makes a final failure of all that waits for a destination, in the local queue or in memory, but for what is in transaction:
// process/error with the operator's text, as a forced error (results-json.md sections 4 and 6). It returns how many were reported.
func (e *Engine) Fail(ctx context.Context, destination, reason string, progress func(int)) (int, error) {
	reason = described(reason)
	a := &action{e: e, progress: progress}
	return a.overhaul(ctx, destination, func(it *item) (settle.Work, error) { return e.forced(it, reason), nil })
}

// forced is the work of a message that the operator has failed.
func (e *Engine) forced(it *item, reason string) settle.Work {
	r := &mail.Result{State: mail.StateProcess, Kind: mail.Failed, Time: time.Now(), Code: 554, Status: "5.3.0", Description: reason, Permanent: true}
	if it.m == nil {
		it.m, _ = mail.Parse(it.body, e.o.Rules)
	}
	defer e.metrics.result(r)
	if it.m == nil {
		r.Attempt, it.m = 1, &mail.Message{}
		defer e.journal(it, r)
		return settle.Work{Publish: e.publications(it, mail.Failure, mail.InvalidMessage(it.body, r))}
	}
	r.Attempt = it.m.Attempts + 1
	it.m.AddResult(r)
	it.finished, it.forced = true, r
	e.metrics.ended(it, r, it.came())
	defer e.journal(it, r)
	return e.final(it, mail.Failure)
}

// maxDescription is the longest text of an operator in a result, in bytes.
const maxDescription = 500

// described makes a description of what an operator wrote: one line of printable text. Programs and people read it far from here.
func described(text string) string {
	text = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, " "))
	text = strings.Join(strings.Fields(text), " ")
	if len(text) > maxDescription {
		cut := maxDescription
		for !utf8.RuneStart(text[cut]) {
			cut--
		}
		text = strings.TrimSpace(text[:cut])
	}
	if text == "" {
		return "failed by the operator"
	}
	return text
}
