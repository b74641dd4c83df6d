package report

import (
	"cmp"
	"strings"
	"time"

	"posthoorn/internal/mail"
)

// Event is what a notification tells (RFC 3461 section 4.1).
type Event uint8

// The events.
const (
	Nothing Event = iota
	Failure       // given up, for whatever reason
	Delay         // still waiting
	Success       // handed to a server that does not send notifications itself: relayed
)

// String is the word of NOTIFY.
func (e Event) String() string { return [...]string{"NEVER", "FAILURE", "DELAY", "SUCCESS"}[e] }

// action is the word of the Action field (RFC 3464 section 2.3.3).
func (e Event) action() string { return [...]string{"", "failed", "delayed", "relayed"}[e] }

// DelayAfter is how long a mail waits before its sender is told (dsn.md section 3).
const DelayAfter = 4 * time.Hour

// Outcome is what an attempt did to a mail.
type Outcome struct {
	Result *mail.Result
	Again  bool // there will be another attempt
}

// Wanted says which notification an outcome asks for: one, or Nothing. Queue is where it would go: that of the message, or else
// of the configuration; empty switches notifications off. Defaults are those of [Asked].
//
// An empty envelope never gets one. A delay is wanted at every attempt that is followed by another; [Late] says which of them is
// told. Of a success nothing is told if the server that took the mail knows DSN: the wish went with it, and the answer comes from
// there.
func Wanted(queue string, e mail.Envelope, defaults mail.DSN, o Outcome) Event {
	event := o.event()
	if event == Nothing || queue == "" || e.From.IsZero() || !asks(Asked(e.DSN, defaults).Notify, event) {
		return Nothing
	}
	return event
}

func (o *Outcome) event() Event {
	switch {
	case o.Result.OK() && o.Result.DSN:
		return Nothing
	case o.Result.OK():
		return Success
	case o.Again:
		return Delay
	}
	return Failure
}

// Late says that a delay is told at an attempt made now: it is the first one [DelayAfter] or later after the first of all. Before is
// the time of the attempt before, zero if there was none. Whoever knows the results knows that, so it is told once whatever happens
// to programs in between. Times count in seconds, as results have them.
func Late(first, before, now time.Time) bool {
	if first.IsZero() {
		return false
	}
	waited := now.Truncate(time.Second).Sub(first.Truncate(time.Second))
	return waited >= DelayAfter && before.Truncate(time.Second).Sub(first.Truncate(time.Second)) < DelayAfter
}

// Asked is what is asked of us and of the next server: the words of a mail, or where it has none that mean something, those of the
// configuration (dsn-notify, dsn-ret). Notify becomes NEVER, or a list without blanks of SUCCESS, FAILURE and DELAY; Ret becomes
// FULL or HDRS. Either is empty if neither says anything.
func Asked(own, defaults mail.DSN) mail.DSN {
	own.Notify = cmp.Or(notify(own.Notify), notify(defaults.Notify))
	own.Ret = cmp.Or(ret(own.Ret), ret(defaults.Ret))
	return own
}

// lists are all that NOTIFY can say, by the bits of its words.
var lists = [...]string{"", "SUCCESS", "FAILURE", "SUCCESS,FAILURE", "DELAY", "SUCCESS,DELAY", "FAILURE,DELAY", "SUCCESS,FAILURE,DELAY"}

// notify reads a list of words. NEVER wins over what stands beside it, unknown words count for nothing.
func notify(text string) string {
	set := 0
	for rest, more := text, text != ""; more; {
		var word string
		word, rest, more = strings.Cut(rest, ",")
		switch word = strings.TrimSpace(word); {
		case strings.EqualFold(word, Nothing.String()):
			return Nothing.String()
		case strings.EqualFold(word, Success.String()):
			set |= 1
		case strings.EqualFold(word, Failure.String()):
			set |= 2
		case strings.EqualFold(word, Delay.String()):
			set |= 4
		}
	}
	return lists[set]
}

func ret(text string) string {
	switch text = strings.TrimSpace(text); {
	case strings.EqualFold(text, "FULL"):
		return "FULL"
	case strings.EqualFold(text, "HDRS"):
		return "HDRS"
	}
	return ""
}

// asks says whether a list of [Asked] names an event.
func asks(list string, event Event) bool { return strings.Contains(list, event.String()) }
