package e2e

import (
	"regexp"
	"strings"
	"testing"
)

// The send log has one line for each attempt, the received log one for each recipient of the SMTP door (logging.md section 2).
func TestLogs(t *testing.T) {
	onBoth(t, setup{}, func(t *testing.T, r *rig) {
		for _, m := range []string{
			`{"envelope":"me@sender.test","recipient":"you@log.test","mime":"x","tags":["a","b c"]}`,
			`{"recipient":"refuse@log.test","mime":"x"}`,
			`{"envelope":"me@sender.test","recipient":"defer.1@log.test","mime":"x","retries":[1]}`,
			`{"envelope":"me@sender.test","recipient":"drop-dot.1@log.test","mime":"x","retries":[1]}`,
			`{"recipient":"you@log.test","mime":"x","ips":[]}`,
			`{"recipient":"you@log.test","mime":"x","maxdelivertime":"2001-01-01 00:00:00","tags":[]}`,
			`{"recipient":"line\nend@log.test","mime":"x"}`,
			`{"x":"neither"}`,
		} {
			r.queues.put(t, r.queues.of("outbox"), []byte(m))
			r.one("results")
		}
		r.dialogue("EHLO client.test", "250", "MAIL FROM:<>", "250", "RCPT TO:<one@log.test>", "250", "RCPT TO:<two@log.test>", "250",
			"DATA", "354", "x: y\r\n.", "250")
		r.take("results", 2)
		r.stop()
		golden(t, r.read("attempts.log"), `
message:accepted 1 <me@sender.test> <you@log.test> [127.0.0.1] [127.0.0.1] [ "a", "b c" ] 250 2.0.0 Ok: 1
rcptto:error 1 <> <refuse@log.test> [127.0.0.1] [127.0.0.1]  550 5.1.1 No such user here
rcptto:error 1 <me@sender.test> <defer.1@log.test> [127.0.0.1] [127.0.0.1]  451 4.7.1 Try again later
message:accepted 2 <me@sender.test> <defer.1@log.test> [127.0.0.1] [127.0.0.1]  250 2.0.0 Ok: 2
message:lost 1 <me@sender.test> <drop-dot.1@log.test> [127.0.0.1] [127.0.0.1]  451 4.4.2 
message:accepted 2 <me@sender.test> <drop-dot.1@log.test> [127.0.0.1] [127.0.0.1]  250 2.0.0 Ok: 3
bind:error 1 <> <you@log.test> [] []  554 5.3.5 
amqp:timeout 1 <> <you@log.test> [] [] [] 554 5.4.7 
amqp:invalid 1 <> <line end@log.test> [] []  553 5.1.3 
amqp:invalid 1 <> <> [] []  553 5.1.3 
message:accepted 1 <> <one@log.test> [127.0.0.1] [127.0.0.1]  250 2.0.0 Ok: 4
message:accepted 1 <> <two@log.test> [127.0.0.1] [127.0.0.1]  250 2.0.0 Ok: 5
`)
		golden(t, r.read("received-messages"), `
ID <> <one@log.test> [127.0.0.1] [127.0.0.1]
ID <> <two@log.test> [127.0.0.1] [127.0.0.1]
`)
	})
}

var (
	logTime   = regexp.MustCompile(`(?m)^\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\] `)
	receivedI = regexp.MustCompile(`(?m)^[0-9a-z]+ <`)
	lastTwo   = regexp.MustCompile(`(?m)^(message:accepted 1 <> <(?:one|two)@log.test> .*Ok: )[45]$`)
)

// golden compares a log without its times. The last two lines of the send log may stand in either order.
func golden(t *testing.T, log, want string) {
	t.Helper()
	if n := len(logTime.FindAllString(log, -1)); n != strings.Count(log, "\n") {
		t.Errorf("%d lines with a time, want all of\n%s", n, log)
	}
	got := receivedI.ReplaceAllString(logTime.ReplaceAllString(log, ""), "ID <")
	if a, b := sortedEnd(got), sortedEnd(strings.TrimPrefix(want, "\n")); a != b {
		t.Errorf("got\n%s\nwant\n%s", a, b)
	}
}

func sortedEnd(log string) string {
	log = lastTwo.ReplaceAllString(log, "${1}N")
	lines := strings.SplitAfter(log, "\n")
	if n := len(lines); n > 2 && lines[n-3] > lines[n-2] {
		lines[n-3], lines[n-2] = lines[n-2], lines[n-3]
	}
	return strings.Join(lines, "")
}
