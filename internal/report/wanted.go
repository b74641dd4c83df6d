package report

import (
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
	// Waited is how long the mail had been on its way at this attempt, Before at the one before it; 0: there was none.
	Waited, Before time.Duration
}

// Wanted says which notification an outcome asks for: one, or Nothing. Queue is where it would go: that of the message, or else
// of the configuration; empty switches notifications off. Defaults stand in for what the message does not say (dsn-notify).
//
// An empty envelope never gets one. A delay is told once, at the first attempt [DelayAfter] or later after the mail came. Of a
// success nothing is told if the server that took the mail knows DSN: the wish went with it, and the answer comes from there.
func Wanted(queue string, e mail.Envelope, defaults mail.DSN, o Outcome) Event {
	event := o.event()
	if event == Nothing || queue == "" || e.From.IsZero() {
		return Nothing
	}
	notify := e.DSN.Notify
	if notify == "" {
		notify = defaults.Notify
	}
	if notify == "" {
		notify = Failure.String()
	}
	if !asks(notify, event) {
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
	case !o.Again:
		return Failure
	case o.Before < DelayAfter && o.Waited >= DelayAfter:
		return Delay
	}
	return Nothing
}

// asks says whether a NOTIFY list names an event. NEVER wins over what stands beside it.
func asks(notify string, event Event) bool {
	found := false
	for word := range strings.SplitSeq(notify, ",") {
		word = strings.TrimSpace(word)
		if strings.EqualFold(word, Nothing.String()) {
			return false
		}
		found = found || strings.EqualFold(word, event.String())
	}
	return found
}
