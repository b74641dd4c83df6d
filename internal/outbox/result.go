package outbox

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"time"

	"posthoorn/internal/broker"
	"posthoorn/internal/mail"
	"posthoorn/internal/settle"
)

// conclude appends the result of an attempt and settles the message: success, failure or another attempt later.
func (e *Engine) conclude(it *item, r *mail.Result) {
	r.Attempt = it.m.Attempts + 1
	r.State = e.word(r.State)
	it.m.AddResult(r)
	e.tally(it, r)
	next, again := e.next(it.m, r)
	it.finished = !again
	e.metrics.concluded(it, r)
	if again || it.m.KeepMime {
		e.stash(it, func() { e.report(it, r, next) })
		return
	}
	e.report(it, r, next)
}

// report makes known what an attempt came to. next is when there will be another, of a message that is not finished.
func (e *Engine) report(it *item, r *mail.Result, next time.Time) {
	var w settle.Work
	switch {
	case !it.finished:
		w = e.retry(it, r, next)
	case r.OK():
		w = e.final(it, mail.Success)
	default:
		w = e.final(it, mail.Failure)
	}
	e.journal(it, r)
	e.tell(it, r, w)
}

// journal writes the attempt into the send log, and tells who looks on.
func (e *Engine) journal(it *item, r *mail.Result) {
	if e.o.Observe != nil {
		e.o.Observe(it.m, r, it.finished)
	}
	if e.o.Journal != nil {
		e.o.Journal(it.m.AppendBare(nil), r.AppendJSON(nil), r)
	}
}

// refuse ends a message without an attempt over SMTP: a final failure.
func (e *Engine) refuse(it *item, why *mail.Error) {
	r := &mail.Result{State: e.word(why.State), Kind: why.Kind, Time: time.Now(), Code: why.Code, Status: why.Status, Permanent: true}
	if it.m != nil {
		e.conclude(it, r)
		return
	}
	r.Attempt = 1
	e.metrics.result(r)
	it.m = &mail.Message{}
	e.tally(it, r)
	body := mail.InvalidMessage(it.body, r)
	w := settle.Work{Publish: e.publications(it, mail.Failure, body)}
	e.journal(it, r)
	e.settle(it, w)
}

// word is the state as result-states wants it (results-json.md section 4).
func (e *Engine) word(s mail.State) mail.State {
	if s == mail.StateAMQP && e.o.Words5 {
		return mail.StateProcess
	}
	return s
}

// next is when a failed message is tried again. None: the result is final, or the limits leave no room for another attempt.
func (e *Engine) next(m *mail.Message, r *mail.Result) (time.Time, bool) {
	if !r.Temporary() {
		return time.Time{}, false
	}
	if limit := e.maxAttempts(m); limit > 0 && m.Attempts >= limit {
		return time.Time{}, false
	}
	steps := m.Retries
	if len(steps) == 0 {
		steps = e.o.Intervals
	}
	step := steps[min(m.Attempts, len(steps))-1]
	at := r.Time.Add(step + jitter(step))
	return at, !at.After(m.Deadline)
}

// jitter spreads the retries of mail that failed together, so that a receiver that comes back is not run over (F26).
func jitter(step time.Duration) time.Duration {
	return time.Duration(rand.Int64N(int64(min(step/20, 30*time.Second)) + 1))
}

// final is the work of a final result: the results queue and one of success and failure.
func (e *Engine) final(it *item, role mail.Role) settle.Work {
	if !it.m.KeepMime {
		it.m.RemoveContent()
	}
	it.m.SetSeen(time.Now())
	it.m.RemoveSecrets()
	body := it.m.Append(make([]byte, 0, it.encodedSize(it.m.KeepMime)))
	return settle.Work{Publish: e.publications(it, role, body)}
}

// retry is the work of a message that is tried again: it waits, and its copy goes to the retry queue. Where it was greylisted it
// is to leave from the same address again.
func (e *Engine) retry(it *item, r *mail.Result, at time.Time) settle.Work {
	it.pinned = netip.Addr{}
	if from, err := netip.ParseAddr(r.From); err == nil && greylisted(r) && slices.Contains(it.sources, from) {
		it.pinned = from
	}
	it.place.Sources = pinnedKey(it.key, it.pinned)
	it.m.SetNotBefore(at)
	it.m.SetSeen(time.Now())
	body := it.m.Append(make([]byte, 0, it.encodedSize(true)))
	w := settle.Work{Wait: waitingFor(it, at, body)}
	if it.m.DKIM || it.m.Smarthost != nil || it.m.Content == mail.SourceObject {
		it.m.RemoveSecrets()
		body = it.m.Append(make([]byte, 0, it.encodedSize(true)))
	}
	if p, ok := e.publication(it, mail.Retry, body); ok {
		w.Publish = []settle.Publication{p}
	}
	return w
}

// greylisted says that a server wants to see the same message once more from the same address (RFC 6647).
func greylisted(r *mail.Result) bool {
	if r.Code/100 != 4 {
		return false
	}
	text := strings.ToLower(r.Description)
	return strings.Contains(text, "greylist") || strings.Contains(text, "graylist") || r.State == mail.StateRcptTo && r.Status == "4.7.1"
}

// parkWork is the work of a message that waits without an attempt.
func parkWork(it *item, until time.Time) settle.Work {
	return settle.Work{Wait: waitingFor(it, until, it.m.Append(make([]byte, 0, it.encodedSize(true))))}
}

// encodedSize is a good guess of the JSON's size, so that it is written into one piece of memory.
func (it *item) encodedSize(content bool) int {
	size := len(it.body) + 1024
	if !content {
		size -= it.m.SourceSize()
	}
	return size
}

func (e *Engine) publications(it *item, role mail.Role, body []byte) []settle.Publication {
	ps := make([]settle.Publication, 0, 2)
	for _, r := range [...]mail.Role{mail.Results, role} {
		if p, ok := e.publication(it, r, body); ok {
			ps = append(ps, p)
		}
	}
	return ps
}

func (e *Engine) publication(it *item, role mail.Role, body []byte) (settle.Publication, bool) {
	configured := e.o.Queues.of(role)
	queue := it.m.Queues.Queue(role, configured)
	if queue == "" {
		return settle.Publication{}, false
	}
	p := settle.Publication{
		Publishing: broker.Publishing{Queue: queue, Body: body, Priority: it.priority},
		Override:   it.m.Queues.Overridden(role),
		Fallback:   configured,
	}
	if e.o.Remote {
		p.ID = it.messageID(it.m.Attempts)
	}
	return p, true
}

func (q *Queues) of(role mail.Role) string {
	switch role {
	case mail.Results:
		return q.Results
	case mail.Success:
		return q.Success
	case mail.Failure:
		return q.Failure
	case mail.Notification:
		return q.DSN
	}
	return q.Retry
}
