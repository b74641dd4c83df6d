package e2e

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"posthoorn/internal/sink"
)

// stateCase is one thing that a receiver does in one place of the dialogue, and the result that stands for it.
type stateCase struct {
	script string
	want   string
}

// permanent are refusals. That of EHLO leads to HELO, which the script of EHLO refuses as well.
var permanent = []stateCase{
	{"refuse-greeting", "intro/error 550 5.1.1 No such user here"},
	{"refuse-ehlo", "helo/error 550 5.1.1 No such user here"},
	{"refuse-mail", "mailfrom/error 550 5.1.1 No such user here"},
	{"refuse-rcpt", "rcptto/error 550 5.1.1 No such user here"},
	{"refuse-data", "data/error 550 5.1.1 No such user here"},
	{"refuse-dot", "message/error 550 5.1.1 No such user here"},
}

// temporary is trouble that may pass. A reset instead of a greeting is not in the list: whether it comes before or after the end of the handshake is a race.
var temporary = []stateCase{
	{"defer-greeting", "intro/error 451 4.7.1 Try again later"},
	{"close-greeting", "intro/error 421 4.3.2 Closing connection"},
	{"drop-greeting", "intro/lost 451 4.4.2"},
	{"cut-greeting", "intro/lost 451 4.4.2"},
	{"garbage-greeting", "intro/invalid 451 4.5.0"},
	{"defer-ehlo", "ehlo/error 451 4.7.1 Try again later"},
	{"close-ehlo", "ehlo/error 421 4.3.2 Closing connection"},
	{"drop-ehlo", "ehlo/lost 451 4.4.2"},
	{"reset-ehlo", "ehlo/lost 451 4.4.2"},
	{"cut-ehlo", "ehlo/lost 451 4.4.2"},
	{"garbage-ehlo", "ehlo/invalid 451 4.5.0"},
	{"defer-mail", "mailfrom/error 451 4.7.1 Try again later"},
	{"close-mail", "mailfrom/error 421 4.3.2 Closing connection"},
	{"drop-mail", "mailfrom/lost 451 4.4.2"},
	{"reset-mail", "mailfrom/lost 451 4.4.2"},
	{"cut-mail", "mailfrom/lost 451 4.4.2"},
	{"garbage-mail", "mailfrom/invalid 451 4.5.0"},
	{"defer-rcpt", "rcptto/error 451 4.7.1 Try again later"},
	{"close-rcpt", "rcptto/error 421 4.3.2 Closing connection"},
	{"drop-rcpt", "rcptto/lost 451 4.4.2"},
	{"reset-rcpt", "rcptto/lost 451 4.4.2"},
	{"cut-rcpt", "rcptto/lost 451 4.4.2"},
	{"garbage-rcpt", "rcptto/invalid 451 4.5.0"},
	{"defer-data", "data/error 451 4.7.1 Try again later"},
	{"close-data", "data/error 421 4.3.2 Closing connection"},
	{"drop-data", "data/lost 451 4.4.2"},
	{"reset-data", "data/lost 451 4.4.2"},
	{"cut-data", "data/lost 451 4.4.2"},
	{"garbage-data", "data/invalid 451 4.5.0"},
	{"drop-body", "message/lost 451 4.4.2"},
	{"reset-body", "message/lost 451 4.4.2"},
	{"close-body", "message/error 421 4.3.2 Closing connection"},
	{"defer-dot", "message/error 451 4.7.1 Try again later"},
	{"close-dot", "message/error 421 4.3.2 Closing connection"},
	{"drop-dot", "message/lost 451 4.4.2"},
	{"reset-dot", "message/lost 451 4.4.2"},
	{"cut-dot", "message/lost 451 4.4.2"},
	{"garbage-dot", "message/invalid 451 4.5.0"},
}

// harmless is what happens after the message was accepted: it stays accepted.
var harmless = []string{"refuse-quit", "defer-quit", "drop-quit", "reset-quit", "cut-quit", "garbage-quit"}

// before says that the script is played before any address is known.
func (c stateCase) before() bool {
	return strings.HasSuffix(c.script, "-greeting") || strings.HasSuffix(c.script, "-ehlo")
}

func (c stateCase) domain() string { return c.script + ".test" }

// lead makes receivers of their own for the scripts without an address, and says where their domains lead.
func lead(r *rig, cases []stateCase, count string) {
	zone := defaultZone
	for i, c := range cases {
		if c.before() {
			ip := fmt.Sprintf("127.0.1.%d", i+1)
			r.sinkAt(ip, sink.Options{Scripts: []string{c.script + count}})
			zone += fmt.Sprintf("%s A %s\n", c.domain(), ip)
		}
	}
	if err := r.names.Set(zone); err != nil {
		r.t.Fatal(err)
	}
}

// message is the JSON for a case: the script with its count stands where the receiver looks for it.
func (c stateCase) message(count, rest string) string {
	from, to := "me", "you"
	switch {
	case strings.HasSuffix(c.script, "-mail"):
		from = c.script + count
	case !c.before():
		to = c.script + count
	}
	return fmt.Sprintf(`{"case":%q,"envelope":"%s@sender.test","recipient":"%s@%s","mime":"Subject: x\r\n\r\n%s\r\n"%s}`,
		c.script, from, to, c.domain(), strings.Repeat("a line of text\\r\\n", 20), rest)
}

func (r *rig) byCase(role string, n int) map[string]outcome {
	r.t.Helper()
	m := map[string]outcome{}
	for _, o := range r.take(role, n) {
		m[strings.Trim(string(o.fields["case"]), `"`)] = o
	}
	return m
}

// A 5xx reply ends the message; one to the connection does not (results-json.md section 7).
func TestPermanentRefusalAtEachState(t *testing.T) {
	onBoth(t, setup{}, func(t *testing.T, r *rig) {
		lead(r, permanent, "")
		var lines []string
		for _, c := range permanent {
			lines = append(lines, c.message("", `,"maxattempts":2,"retries":[1]`))
		}
		r.publish("%s", strings.Join(lines, "\n"))
		failed := r.byCase("failure", len(permanent))
		r.take("results", len(permanent))
		for _, c := range permanent {
			o := failed[c.script]
			if got := o.last().brief(); got != c.want {
				t.Errorf("%s: %s, want %s", c.script, got, c.want)
			}
			if attempts := len(o.Results); !c.before() && attempts != 1 || c.before() && attempts != 2 {
				t.Errorf("%s: %d attempts", c.script, attempts)
			}
			if o.Mime != nil {
				t.Errorf("%s: the failure holds mime", c.script)
			}
		}
		r.take("retry", 2) // greeting and EHLO: trouble with the connection, which says nothing about the message
		r.empty("success")
		for _, m := range r.sink.Messages() {
			if m.Decision == "accepted" {
				t.Errorf("accepted: %+v", m)
			}
		}
	})
}

// Everything else is tried again. Trouble with the connection keeps the server offline for minutes, after other trouble the
// second attempt finds a good receiver.
func TestTemporaryTroubleAtEachState(t *testing.T) {
	onBoth(t, setup{}, func(t *testing.T, r *rig) {
		lead(r, temporary, "")
		var lines []string
		offline := 0
		for _, c := range temporary {
			rest := `,"retries":[1]`
			if c.before() {
				offline++
				rest += `,"maxattempts":2`
			}
			lines = append(lines, c.message(".1", rest))
		}
		r.publish("%s", strings.Join(lines, "\n"))
		retried := r.byCase("retry", len(temporary))
		final := r.byCase("results", len(temporary))
		r.take("failure", offline)
		r.take("success", len(temporary)-offline)
		for _, c := range temporary {
			checkRetried(t, c, retried[c.script], final[c.script])
			if !c.before() {
				r.acceptedOnce(c)
			}
		}
	})
}

func checkRetried(t *testing.T, c stateCase, copied, final outcome) {
	t.Helper()
	if got := copied.last().brief(); got != c.want || len(copied.Results) != 1 || copied.Mime == nil || copied.Delayed == "" {
		t.Errorf("%s: retry copy with %s, want %s: %.600s", c.script, got, c.want, copied.raw)
	}
	if len(final.Results) != 2 || final.Results[0].brief() != c.want {
		t.Errorf("%s: in the end %.600s", c.script, final.raw)
		return
	}
	want := c.want
	if !c.before() {
		want = "message/accepted 250 2.0.0 " + final.last().Description
	}
	if got := final.last().brief(); got != want || final.last().Attempt != 2 {
		t.Errorf("%s: second attempt %s, want %s", c.script, got, want)
	}
}

// acceptedOnce wants that the receiver said yes to this message one time.
func (r *rig) acceptedOnce(c stateCase) {
	r.t.Helper()
	n := 0
	for _, m := range r.sink.Messages() {
		if m.Decision == "accepted" && strings.HasSuffix(m.Recipients[0], "@"+c.domain()) {
			n++
		}
	}
	if n != 1 {
		r.t.Errorf("%s: accepted %d times", c.script, n)
	}
}

// Whatever the receiver does at QUIT, the message before it was accepted.
func TestNothingAfterTheDotMatters(t *testing.T) {
	onBoth(t, setup{}, func(t *testing.T, r *rig) {
		for _, script := range harmless {
			r.publish(`{"recipient":"%s@%s.test","mime":"x"}`, script, script)
		}
		seen := map[string]int{}
		for _, o := range r.succeed(len(harmless)) {
			seen[o.Recipient]++
		}
		if len(seen) != len(harmless) {
			t.Errorf("%v", slices.Collect(maps.Keys(seen)))
		}
		r.stop() // now it says QUIT
		r.start()
		r.empty("retry", "failure", "results", "success")
		if n := len(r.sink.Messages()); n != len(harmless) {
			t.Errorf("%d messages at the receiver, want %d", n, len(harmless))
		}
	})
}
