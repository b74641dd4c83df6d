package deliver

import (
	"strings"
	"testing"
	"testing/synctest"

	"pgregory.net/rapid"
)

// fate is what the server really decides of one message: the code for each command.
type fate map[string]string

// verdict is 2, 4 or 5: what the sender may believe of it.
func (f fate) verdict() byte {
	for _, command := range []string{"MAIL", "RCPT", "DATA", "dot"} {
		if class := f[command][0]; class == '4' || class == '5' {
			return class
		}
	}
	return '2'
}

// TestRepliesNeverShift: whatever one reply too many or too few a server gives, and to whichever command, no message is
// called accepted that was not, and none is given up that was not refused. (One that comes alone while the final dot is on
// its way, or the lack of the reply to it, nobody can tell.)
func TestRepliesNeverShift(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		fates := rapid.SliceOfN(rapid.Custom(drawFate), 1, 5).Draw(rt, "fates")
		where := rapid.IntRange(1, len(fates)).Draw(rt, "where")
		command := rapid.SampledFrom([]string{"MAIL", "RCPT", "DATA", "dot", "RSET"}).Draw(rt, "command")
		extra := rapid.SampledFrom([]string{"250 2.0.0 extra", "354 extra", "450 4.7.1 extra", "550 5.7.1 extra", "421 4.3.2 extra", "silent"}).Draw(rt, "extra")
		mode := rapid.SampledFrom([]string{"stepwise", "grouped", "short"}).Draw(rt, "mode")
		if extra == "silent" && command == "dot" {
			return
		}
		current := 0
		p := &peer{act: func(c string, n int) string {
			if c == "MAIL" {
				current = n
			}
			answer := ""
			if current > 0 && fates[current-1][c] != "" {
				answer = fates[current-1][c]
			} else if c == "RSET" {
				answer = "250 ok"
			}
			if c != command || current != where {
				return answer
			}
			if extra == "silent" {
				return extra
			}
			return answer + "\n" + extra
		}}
		if mode != "stepwise" {
			p.caps = []string{"PIPELINING"}
		}
		r := &recorder{ahead: mode == "short"}
		for i := range fates {
			r.jobs = append(r.jobs, makeJob(uint64(i+1), ""))
		}
		synctest.Test(t, func(t *testing.T) {
			r.ended = make(chan struct{})
			runAgainst(t, p, Dial{Name: "me.test", Targets: someTargets(1)}, r)
		})
		for _, event := range r.events {
			checkEvent(rt, event, fates, r.events)
		}
	})
}

func drawFate(t *rapid.T) fate {
	good := map[string]string{"MAIL": "250 ok", "RCPT": "250 ok", "DATA": "354 go", "dot": "250 2.0.0 queued"}
	f := fate{}
	for _, command := range []string{"MAIL", "RCPT", "DATA", "dot"} {
		f[command] = rapid.SampledFrom([]string{good[command], good[command], good[command], "450 4.0.0 later", "550 5.0.0 never"}).Draw(t, command)
	}
	return f
}

func checkEvent(t *rapid.T, event string, fates []fate, all []string) {
	if !strings.HasPrefix(event, "done ") {
		return
	}
	real := fates[event[5]-'1'].verdict()
	if strings.Contains(event, "/accepted") && real != '2' || strings.Contains(event, "(final)") && real == '2' {
		t.Fatalf("%q, but the server's verdict was %c; heard %q", event, real, all)
	}
}
