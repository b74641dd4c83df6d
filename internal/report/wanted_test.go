package report

import (
	"testing"
	"time"

	"posthoorn/internal/mail"
)

func TestWanted(t *testing.T) {
	accepted := &mail.Result{State: mail.StateMessage, Kind: mail.Accepted, Code: 250}
	knows := &mail.Result{State: mail.StateMessage, Kind: mail.Accepted, Code: 250, DSN: true}
	refused := &mail.Result{State: mail.StateRcptTo, Kind: mail.Failed, Code: 550}
	busy := &mail.Result{State: mail.StateRcptTo, Kind: mail.Failed, Code: 450}
	hours := func(before, waited float64) Outcome {
		return Outcome{Result: busy, Again: true,
			Before: time.Duration(before * float64(time.Hour)), Waited: time.Duration(waited * float64(time.Hour))}
	}
	const all = "SUCCESS,FAILURE,DELAY"
	for _, c := range []struct {
		name, queue, from, notify, byDefault string
		outcome                              Outcome
		want                                 Event
	}{
		{"failure by default", "q", "a@x.test", "", "", Outcome{Result: refused}, Failure},
		{"given up on a temporary error", "q", "a@x.test", "", "", Outcome{Result: busy}, Failure},
		{"no queue", "", "a@x.test", "FAILURE", "", Outcome{Result: refused}, Nothing},
		{"empty envelope", "q", "", "FAILURE", "", Outcome{Result: refused}, Nothing},
		{"not asked for", "q", "a@x.test", "SUCCESS", "", Outcome{Result: refused}, Nothing},
		{"never", "q", "a@x.test", "NEVER", "FAILURE", Outcome{Result: refused}, Nothing},
		{"never wins", "q", "a@x.test", "FAILURE,NEVER", "", Outcome{Result: refused}, Nothing},
		{"configured", "q", "a@x.test", "", "NEVER", Outcome{Result: refused}, Nothing},
		{"configured success", "q", "a@x.test", "", all, Outcome{Result: accepted}, Success},
		{"blanks and case", "q", "a@x.test", " delay , failure", "", Outcome{Result: refused}, Failure},
		{"part of a word", "q", "a@x.test", "FAILURES", "", Outcome{Result: refused}, Nothing},
		{"success unasked", "q", "a@x.test", "", "", Outcome{Result: accepted}, Nothing},
		{"success", "q", "a@x.test", "success", "", Outcome{Result: accepted}, Success},
		{"success told by the remote", "q", "a@x.test", all, "", Outcome{Result: knows}, Nothing},
		{"first attempt", "q", "a@x.test", all, "", hours(0, 0), Nothing},
		{"not yet", "q", "a@x.test", all, "", hours(1, 3.9), Nothing},
		{"four hours", "q", "a@x.test", all, "", hours(3, 4), Delay},
		{"late first retry", "q", "a@x.test", all, "", hours(0, 9), Delay},
		{"told before", "q", "a@x.test", all, "", hours(4, 5), Nothing},
		{"delay unasked", "q", "a@x.test", "FAILURE", "", hours(3, 5), Nothing},
	} {
		e := mail.Envelope{To: parsed(t, "b@y.test"), DSN: mail.DSN{Notify: c.notify}}
		if c.from != "" {
			e.From = parsed(t, c.from)
		}
		if got := Wanted(c.queue, e, mail.DSN{Notify: c.byDefault}, c.outcome); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}
