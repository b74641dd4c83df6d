package outbox

import (
	"encoding/json"
	"fmt"
	"runtime/debug"
	"time"

	"posthoorn/internal/mail"
	"posthoorn/internal/report"
	"posthoorn/internal/settle"
)

// Notices says what stands in notifications (dsn.md section 3). Queues.DSN and the messages themselves turn them on.
type Notices struct {
	MTA, From string   // dsn-mta and dsn-from
	Default   mail.DSN // what a message asks for that does not say it; without Notify and Ret: FAILURE and HDRS
}

// tell settles a message after a result, nil if it had none. A notification that its sender wants is one more publishing of the same
// work: it is as durable as the result, and comes again only if that does.
func (e *Engine) tell(it *item, r *mail.Result, w settle.Work) {
	event := e.wanted(it, r)
	switch {
	case event == report.Nothing:
		e.settle(it, w)
	case e.isAtHand(it) || e.ctx.Err() != nil: // a stop waits for no store
		e.settle(it, e.withNotice(it, r, event, w))
	default:
		e.wg.Go(func() { e.settle(it, e.withNotice(it, r, event, w)) })
	}
}

// wanted is the notification that a result asks for. This is on the way of every message.
func (e *Engine) wanted(it *item, r *mail.Result) report.Event {
	queue := it.m.Queues.Queue(mail.Notification, e.o.Queues.DSN)
	if r == nil || queue == "" {
		return report.Nothing
	}
	event := report.Wanted(queue, mail.Envelope{From: it.m.Envelope, DSN: it.m.DSN}, e.o.Notices.Default,
		report.Outcome{Result: r, Again: !it.finished})
	if event != report.Delay {
		return event
	}
	earlier := attemptsOf(it.m)
	if len(earlier) == 0 || !report.Late(earlier[0].at(), earlier[len(earlier)-1].at(), r.Time) {
		return report.Nothing
	}
	return event
}

// askedOf is what goes to the next server (RFC 3461 section 4): what is set for all mail does not say anything of mail without a
// sender, which nobody can be told about.
func (e *Engine) askedOf(m *mail.Message) mail.DSN {
	if m.Envelope.IsZero() {
		return report.Asked(m.DSN, mail.DSN{})
	}
	return report.Asked(m.DSN, e.o.Notices.Default)
}

// withNotice adds the notification to the work. Whatever goes wrong with it, the result is not held up.
func (e *Engine) withNotice(it *item, r *mail.Result, event report.Event, w settle.Work) (told settle.Work) {
	told = w
	defer func() {
		if p := recover(); p != nil {
			e.log.Error("a notification could not be written", "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
		}
	}()
	n := e.notice(it, r, event)
	p, ok := e.publication(it, mail.Notification, report.Message(n, it.m))
	if !ok {
		return told
	}
	p.Priority, p.Whole = 0, true
	if p.ID != "" {
		p.ID += "-dsn"
	}
	e.grow(it, len(p.Body))
	e.metrics.notification(event)
	told.Publish = append(told.Publish, p)
	return told
}

func (e *Engine) notice(it *item, r *mail.Result, event report.Event) *report.Notice {
	n := &report.Notice{
		Event: event, MTA: e.o.Notices.MTA, From: e.o.Notices.From, To: it.m.Envelope, Recipient: it.m.Recipient,
		DSN: report.Asked(it.m.DSN, e.o.Notices.Default), Result: r, Arrival: arrival(it.m), Time: time.Now(),
	}
	if it.m.Recipient.IsZero() {
		n.Written = textOf(it.m.Property("recipient"))
	}
	if event == report.Delay {
		n.Until = it.m.Deadline
	}
	if e.o.Remote { // else the result and its notification are one commit
		n.Key = it.messageID(it.m.Attempts)
	}
	if earlier := attemptsOf(it.m); r.Status == errExpired.Status && r.MTA == "" && len(earlier) > 0 {
		n.Last = earlier[len(earlier)-1].result()
	}
	if !e.wantsWhole(it.m, event) {
		n.DSN.Ret = "HDRS"
	}
	if r.State != mail.StateUnknown || r.Kind != mail.Failed { // else handling it has failed, perhaps with the whole process
		n.Source = e.original(it, n.DSN.Ret == "HDRS")
	}
	return n
}

// wantsWhole says that the mail itself is to be in its notification, as far as can be told before it is loaded.
func (e *Engine) wantsWhole(m *mail.Message, event report.Event) bool {
	return event == report.Failure && report.Asked(m.DSN, e.o.Notices.Default).Ret == "FULL" && m.SourceSize() <= 2*report.MaxWhole
}

// arrival is when a mail came, if a door has noted it. Every message passes here: a plain text is not decoded.
func arrival(m *mail.Message) time.Time {
	value := m.Property("received")
	if len(value) < 2 {
		return time.Time{}
	}
	t, err := mail.ParseTime(string(value[1 : len(value)-1]))
	if err != nil {
		return time.Time{}
	}
	return t
}

func textOf(value []byte) (text string) {
	_ = json.Unmarshal(value, &text) // what is no text says nothing
	return text
}

// earlierAttempt is an entry of results as a notification needs it; what makes no sense in it is empty.
type earlierAttempt struct {
	State, Result, Time, MTA, To, Status, Description string
	Code                                              int
}

// attemptsOf are the results that a message came with and whose time can be read.
func attemptsOf(m *mail.Message) (list []earlierAttempt) {
	var entries []json.RawMessage
	if json.Unmarshal(m.Property("results"), &entries) != nil {
		return nil
	}
	for _, entry := range entries {
		var a earlierAttempt
		_ = json.Unmarshal(entry, &a) // others may have written it
		if !a.at().IsZero() {
			list = append(list, a)
		}
	}
	return list
}

func (a *earlierAttempt) at() time.Time {
	t, err := mail.ParseTime(a.Time)
	if err != nil {
		return time.Time{}
	}
	return t
}

func (a *earlierAttempt) result() *mail.Result {
	return &mail.Result{State: mail.State(a.State), Kind: mail.Kind(a.Result), Time: a.at(), MTA: a.MTA, To: a.To,
		Code: a.Code, Status: a.Status, Description: a.Description}
}
