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
	const all = "SUCCESS,FAILURE,DELAY"
	for _, c := range []struct {
		name, queue, from, notify, byDefault string
		outcome                              Outcome
		want                                 Event
	}{
		{"failure by default", "q", "a@x.test", "", "FAILURE", Outcome{Result: refused}, Failure},
		{"given up on a temporary error", "q", "a@x.test", "", "failure", Outcome{Result: busy}, Failure},
		{"no queue", "", "a@x.test", "FAILURE", "", Outcome{Result: refused}, Nothing},
		{"empty envelope", "q", "", "FAILURE", "", Outcome{Result: refused}, Nothing},
		{"not asked for", "q", "a@x.test", "SUCCESS", "", Outcome{Result: refused}, Nothing},
		{"never", "q", "a@x.test", "NEVER", "FAILURE", Outcome{Result: refused}, Nothing},
		{"never wins", "q", "a@x.test", "FAILURE,NEVER", "", Outcome{Result: refused}, Nothing},
		{"configured", "q", "a@x.test", "", "NEVER", Outcome{Result: refused}, Nothing},
		{"configured success", "q", "a@x.test", "", all, Outcome{Result: accepted}, Success},
		{"blanks and case", "q", "a@x.test", " delay , failure", "", Outcome{Result: refused}, Failure},
		{"part of a word", "q", "a@x.test", "FAILURES", "", Outcome{Result: refused}, Nothing},
		{"success unasked", "q", "a@x.test", "", "FAILURE", Outcome{Result: accepted}, Nothing},
		{"success", "q", "a@x.test", "success", "", Outcome{Result: accepted}, Success},
		{"success told by the remote", "q", "a@x.test", all, "", Outcome{Result: knows}, Nothing},
		{"every retry", "q", "a@x.test", all, "", Outcome{Result: busy, Again: true}, Delay},
		{"delay unasked", "q", "a@x.test", "FAILURE", "", Outcome{Result: busy, Again: true}, Nothing},
		{"delay by default", "q", "a@x.test", "", "FAILURE", Outcome{Result: busy, Again: true}, Nothing},
		{"nothing that is a word", "q", "a@x.test", "ALWAYS, ,", "SUCCESS", Outcome{Result: accepted}, Success},
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

func TestLate(t *testing.T) {
	at := func(hours float64) time.Time { return noon.Add(time.Duration(hours * float64(time.Hour))) }
	for _, c := range []struct {
		name               string
		first, before, now time.Time
		want               bool
	}{
		{"first attempt", time.Time{}, time.Time{}, noon, false},
		{"not yet", noon, at(1), at(3.9), false},
		{"four hours", noon, at(3), at(4), true},
		{"second attempt", noon, noon, at(9), true},
		{"told before", noon, at(4), at(5), false},
		{"less than a second, before", noon, noon, at(4).Add(-time.Nanosecond), false},
		{"less than a second, after", noon, at(4).Add(-time.Nanosecond), at(4).Add(time.Nanosecond), true},
		{"less than a second, told", noon.Add(900 * time.Millisecond), at(4).Add(100 * time.Millisecond), at(5), false},
	} {
		if got := Late(c.first, c.before, c.now); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}

func TestAsked(t *testing.T) {
	for _, c := range []struct{ notify, ret, defaultNotify, defaultRet, want string }{
		{"", "", "", "", " "},
		{"", "", "failure", "hdrs", "FAILURE HDRS"},
		{" delay , SUCCESS,failure,delay", " Full ", "NEVER", "HDRS", "SUCCESS,FAILURE,DELAY FULL"},
		{"SUCCESS,never", "FULL\r\nRSET", "", "", "NEVER "},
		{"SOMETIMES", "ALL", "DELAY,SUCCESS", "FULL", "SUCCESS,DELAY FULL"},
		{"failures,failure", "", "", "", "FAILURE "},
	} {
		got := Asked(mail.DSN{Notify: c.notify, Ret: c.ret, EnvID: "e", ORcpt: "o"}, mail.DSN{Notify: c.defaultNotify, Ret: c.defaultRet, EnvID: "no"})
		if got.Notify+" "+got.Ret != c.want || got.EnvID != "e" || got.ORcpt != "o" {
			t.Errorf("%+v: %+v", c, got)
		}
	}
	if n := testing.AllocsPerRun(100, func() { Asked(mail.DSN{Notify: "delay, failure"}, mail.DSN{Ret: "FULL"}) }); n > 0 {
		t.Errorf("%v allocations: every message pays for it", n)
	}
}
