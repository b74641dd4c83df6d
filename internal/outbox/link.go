package outbox

import (
	"cmp"
	"context"
	"errors"
	"net/netip"
	"slices"
	"sync/atomic"
	"time"

	"posthoorn/internal/deliver"
	"posthoorn/internal/mail"
	"posthoorn/internal/schedule"
	"posthoorn/internal/settings"
)

// link is a connection as the engine sees it: it turns what the connection tells into events of the loop. Its methods for
// deliver.Events run in the goroutine of the connection; conn and ahead belong to the loop; e, id and source never change.
type link struct {
	e    *Engine
	id   schedule.ConnID
	conn *deliver.Conn // nil: it is being opened

	source netip.Addr

	// What it was given last, for mayGoOn: of the item only what is shared.
	last    atomic.Pointer[item]
	version atomic.Uint64 // of the settings by which it was given

	ahead bool // it asked for the message after the one on its way
}

func (k *link) close() {
	if k.conn != nil {
		k.conn.Close()
	}
}

// Opened is part of deliver.Events.
func (k *link) Opened(c *deliver.Conn) {
	addr, _ := netip.ParseAddrPort(c.Info().Remote)
	k.e.loop.post(event{kind: evOpened, link: k, conn: c, opening: schedule.Opening{Addr: addr.Addr()}})
}

// Failed is part of deliver.Events.
func (k *link) Failed(_ *deliver.Conn, results []mail.Result) {
	f := schedule.DialFailure{Scope: schedule.ScopeSite}
	s := k.e.o.Settings()
	for i := range results {
		f.Floods = append(f.Floods, floodsOf(s, &results[i])...)
		if addr, err := netip.ParseAddr(results[i].To); err == nil {
			f.Failed = append(f.Failed, addr)
		}
	}
	last := &mail.Result{State: mail.StateConnect, Kind: mail.Lost, Code: 451, Status: "4.4.1", Time: time.Now()}
	if n := len(results); n > 0 {
		last = &results[n-1]
	}
	f.Scope, f.Err = scopeOf(last.State), &failure{result: *last}
	k.e.loop.post(event{kind: evFailed, link: k, failure: f})
}

// scopeOf says what a dial that failed in this state tells about.
func scopeOf(s mail.State) schedule.Scope {
	switch s {
	case mail.StateBind:
		return schedule.ScopeSource
	case mail.StateSTARTTLS, mail.StateAuthPlain, mail.StateAuthLogin, mail.StateAuthUsername, mail.StateAuthPassword, mail.StateAuthCRAM, mail.StateAuthResponse:
		return schedule.ScopeClass
	}
	return schedule.ScopeSite
}

// Want is part of deliver.Events.
func (k *link) Want(c *deliver.Conn, ahead bool) {
	k.e.loop.post(event{kind: evWant, link: k, conn: c, ahead: ahead})
}

// Done is part of deliver.Events. The result is written here, in the goroutine of the connection.
func (k *link) Done(_ *deliver.Conn, j *deliver.Job, r *mail.Result) bool {
	it := k.e.inFlight(j)
	s := k.e.o.Settings()
	outcome := schedule.Outcome{
		Floods: floodsOf(s, r),
		Bytes:  int64(it.m.SourceSize()), Delivered: r.OK(),
		Strange: !ours(r) && (r.Kind == mail.Lost || r.Kind == mail.Timeout || r.Kind == mail.Invalid),
	}
	if outcome.Strange {
		again := *r
		outcome.Err = &failure{result: again}
	}
	k.e.guard(it, func() { k.e.conclude(it, r) })
	k.e.loop.post(event{kind: evDone, link: k, item: it, outcome: outcome})
	return !stops(outcome.Floods) && k.mayGoOn(s, r)
}

// floodsOf are the patterns that the answer to a failed delivery, or to a connection that led to none, matches.
func floodsOf(s *settings.Snapshot, r *mail.Result) []settings.Flood {
	if r.OK() || r.Code == 0 || ours(r) {
		return nil
	}
	return s.Floods(r.Description, r.Code, r.Status)
}

// ours says that a result tells nothing about the server, since the message did not come to it: what a document refers to could not
// be had, or the store did not have it.
func ours(r *mail.Result) bool {
	switch r.State {
	case mail.StateAMQP, mail.StateProcess, mail.StateStorage, mail.StateResponsive, mail.StatePersonalize, mail.StateRewrite:
		return true
	}
	return false
}

// stops says that a pattern that was met asks for a pause.
func stops(floods []settings.Flood) bool {
	return slices.ContainsFunc(floods, func(f settings.Flood) bool { return f.Pause > 0 })
}

// mayGoOn says that the message after the one that has just ended may still go over this connection: a pause may have begun since
// its envelope was written.
func (k *link) mayGoOn(s *settings.Snapshot, r *mail.Result) bool {
	next := k.last.Load()
	if next == nil || k.version.Load() == s.Version() {
		return true
	}
	now := time.Now()
	if _, paused := s.Paused(k.source, ruleDomain(next.site), next.m.Tags, now); paused {
		return false
	}
	to, err := netip.ParseAddr(r.To)
	return err != nil || !slices.Contains(s.PausedRemotes(k.source, next.m.Tags, now), to)
}

// Back is part of deliver.Events.
func (k *link) Back(c *deliver.Conn, j *deliver.Job, why deliver.Reason) {
	k.e.loop.post(event{kind: evBack, link: k, conn: c, item: k.e.inFlight(j), reason: why})
}

// Closed is part of deliver.Events.
func (k *link) Closed(*deliver.Conn) { k.e.loop.post(event{kind: evClosed, link: k}) }

// failure carries the result of a dial or a lookup to all messages that it stops.
type failure struct {
	result mail.Result
	cause  error // that says more than the result; nil: there is none
}

// Error is for the operator.
func (f *failure) Error() string {
	if f.cause != nil {
		return f.cause.Error()
	}
	text := string(f.result.State) + "/" + string(f.result.Kind)
	if f.result.Description != "" {
		text += ": " + f.result.Description
	}
	return text
}

// resultOf is the result of a message that err stops. Connection trouble is always worth another attempt (results-json.md
// section 7).
func resultOf(err error) *mail.Result {
	r := mail.Result{State: mail.StateConnect, Kind: mail.Failed, Code: 451, Status: "4.4.1"}
	if f, ok := errors.AsType[*failure](err); ok {
		r = f.result
	}
	if r.State != mail.StateDNS && r.State != mail.StateBind {
		r.Retry = true
	}
	r.Time = time.Now()
	return &r
}

// jobOf is what a connection is given.
func (e *Engine) jobOf(it *item) *deliver.Job {
	e.begin(it)
	it.job = deliver.Job{
		ID: it.id, Owner: it, Envelope: mail.Envelope{From: it.m.Envelope, To: it.m.Recipient, DSN: e.askedOf(it.m)}, Force: it.m.Force,
		Attempt: it.m.Attempts + 1, Body: func(ctx context.Context) (deliver.Body, error) { return e.load(ctx, it) },
	}
	if it.content != nil {
		it.job.Ready = it.content.Ready
	}
	return &it.job
}

func (e *Engine) inFlight(j *deliver.Job) *item { return j.Owner.(*item) }

// dial opens a connection. Its name may have to be looked up, so that is done beside the loop.
func (l *loop) dial(d schedule.Dial) {
	k := &link{e: l.e, id: d.Conn, source: d.Source}
	l.links[d.Conn] = k
	if l.e.o.Stats != nil {
		l.e.o.Stats.Connected(time.Now(), d.Source, d.Site)
	}
	l.e.wg.Go(func() {
		l.e.client.Open(l.e.ctx, l.e.dialOf(d), k)
	})
}

func (e *Engine) dialOf(d schedule.Dial) deliver.Dial {
	out := deliver.Dial{
		ID: uint64(d.Conn), Source: d.Source, Name: e.o.Name(e.ctx, d.Source), Domain: ruleDomain(d.Site), TLS: deliver.TLS{Level: levelOf(d.Class.Security)},
		Timeouts: e.timeouts(d),
	}
	port := e.portOf(d.Site)
	for _, t := range d.Targets {
		out.Targets = append(out.Targets, deliver.Target{Host: t.Host, Addr: netip.AddrPortFrom(t.Addr, port)})
	}
	known, ok := e.logins.get(d.Class.Auth)
	if d.Class.Auth != "" && !ok {
		out.Targets = nil // without its login the message would be refused for good; the next attempt brings it again
	}
	if ok {
		// The operator, or the sender, has named server and password himself: the server may be one without TLS.
		out.Auth = deliver.Auth{Username: known.username, Password: known.password, Clear: true}
	}
	return out
}

// timeouts are those of the rows for a destination, and else those of the program.
func (e *Engine) timeouts(d schedule.Dial) deliver.Timeouts {
	t, limits := e.o.Timeouts, e.rules.Load().Limits(d.Source, d.Key, nil)
	rows := limits.Timeouts
	t.Connect = cmp.Or(rows.Connect, t.Connect)
	t.Greeting = cmp.Or(rows.Intro, t.Greeting)
	for _, command := range []*time.Duration{&t.Hello, &t.Auth, &t.Mail, &t.Rcpt} {
		*command = cmp.Or(rows.Command, *command)
	}
	t.Data = cmp.Or(rows.Data, t.Data)
	t.Dot = cmp.Or(rows.Message, t.Dot)
	t.Idle = max(cmp.Or(t.Idle, time.Minute), cmp.Or(limits.IdleTime, longIdle)+time.Second) // the plan ends idle connections
	return t
}

// levelOf reads the property security (message-json.md section 5).
func levelOf(security string) deliver.Level {
	switch security {
	case "optional":
		return deliver.TLSNone
	case "required":
		return deliver.TLSMust
	case "verified":
		return deliver.TLSVerify
	}
	return deliver.TLSMay
}

// portOf is the port of a site's servers.
func (e *Engine) portOf(site string) uint16 {
	if e.o.Sink != nil {
		return e.o.Sink.Port
	}
	if _, port, ok := splitSite(site); ok {
		return port
	}
	return cmp.Or(e.o.RemotePort, 25)
}

// longIdle is how long the plan keeps idle connections where no row says it.
const longIdle = 5 * time.Minute
