package outbox

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"

	"posthoorn/internal/deliver"
	"posthoorn/internal/schedule"
)

// eventKind says what an event tells the loop.
type eventKind uint8

const (
	evAdd      eventKind = iota // item wants to go out
	evLeave                     // items whose tickets are stale leave their lanes
	evBacklog                   // mail of a place waits in the local queue
	evRefilled                  // what the plan asked for has been added
	evRoute                     // a lookup has ended
	evOpened                    // a connection can carry messages
	evFailed                    // a dial led to no connection
	evWant                      // a connection asks for work
	evDone                      // a job was attempted
	evBack                      // a job came back untouched
	evClosed                    // a connection is over
	evReady                     // content that was waited for is there
	evCall                      // somebody wants something done in the loop
)

// event is one thing that happened. Which fields are set depends on its kind.
type event struct {
	kind    eventKind
	item    *item
	items   []*item
	link    *link
	conn    *deliver.Conn
	ahead   bool
	reason  deliver.Reason
	outcome schedule.Outcome
	opening schedule.Opening
	failure schedule.DialFailure
	site    string
	pool    *schedule.Pool
	backlog int
	moved   bool // something of what was asked for does not come to the plan, and waits there no more
	route   schedule.Route
	err     error
	until   time.Time
	call    func(now time.Time)
}

// loop owns the plan. Everything that happens reaches it as an event; what it decides leaves it through connections, the clerk
// and the feeder. It never does I/O and never waits on anything but its next event.
type loop struct {
	e     *Engine
	plan  *schedule.Plan
	items map[uint64]*item // what the plan holds or a connection carries
	links map[schedule.ConnID]*link

	held     bool    // the broker takes nothing: nothing new is started
	wants    []event // what connections asked for meanwhile
	stopping bool
	aside    int       // messages out of the plan whose content is not ready
	total    int       // connections allowed in all, as the plan knows it
	checked  time.Time // when that was looked at

	mu    sync.Mutex
	queue []event
	wake  chan struct{}
}

func newLoop(e *Engine) *loop {
	l := &loop{e: e, items: map[uint64]*item{}, links: map[schedule.ConnID]*link{}, wake: make(chan struct{}, 1)}
	l.plan = schedule.New(schedule.Options{Random: rand.Float64, Memory: e.o.Consumers * e.o.Credit})
	return l
}

// post hands an event over; it never blocks. The number of events is bounded by tickets and connections.
func (l *loop) post(ev event) {
	l.mu.Lock()
	l.queue = append(l.queue, ev)
	l.mu.Unlock()
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// add gives an item to the plan. Its ticket may be lost at any moment: who loses it before the event is posted is told of the lane too
// early for the loop, so that is looked at afterwards.
func (l *loop) add(it *item) {
	l.e.hand.setLane(it, true)
	l.post(event{kind: evAdd, item: it})
	if l.e.hand.isStale(it) {
		l.post(event{kind: evLeave, items: []*item{it}})
	}
}

// look is how often the loop looks at the broker's state when nothing happens.
const look = 200 * time.Millisecond

// run works until ctx ends.
func (l *loop) run(ctx context.Context) {
	l.use(time.Now(), l.rules())
	_, l.held = l.e.o.Broker.Blocked() // a connection that is not up yet is no news
	timer := time.NewTimer(look)
	defer timer.Stop()
	var batch []event
	for {
		l.mu.Lock()
		batch, l.queue = l.queue, batch[:0]
		l.mu.Unlock()
		wait := l.turn(batch)
		clear(batch)
		timer.Reset(wait)
		select {
		case <-l.wake:
		case <-timer.C:
		case <-ctx.Done():
			return
		}
	}
}

// turn handles a batch of events and does what the plan asks for. It returns how long nothing needs to be done.
func (l *loop) turn(batch []event) time.Duration {
	now := time.Now()
	l.checkBroker(now)
	l.checkLimits(now)
	for i := range batch {
		l.handle(now, &batch[i])
	}
	if l.held && !l.stopping {
		return look
	}
	todo := l.plan.Todo(now)
	l.do(now, &todo)
	if todo.Wake.IsZero() {
		return look
	}
	return min(max(todo.Wake.Sub(now), time.Millisecond), look)
}

// checkBroker holds everything back while the broker takes nothing: what is delivered now could not be reported.
func (l *loop) checkBroker(now time.Time) {
	reason, blocked := l.e.o.Broker.Blocked()
	if blocked == l.held {
		return
	}
	l.held = blocked
	if blocked {
		l.e.log.Warn("nothing new is sent while the broker takes nothing", "reason", reason)
		return
	}
	l.e.log.Info("the broker takes publishings, sending goes on")
	wants := l.wants
	l.wants = nil
	for i := range wants {
		l.want(now, &wants[i])
	}
}

// checkLimits, once a second, leaves the numbers of the plan for the metrics, and tells the plan when the number of connections in all
// has changed: incoming ones count too.
func (l *loop) checkLimits(now time.Time) {
	if now.Sub(l.checked) < time.Second {
		return
	}
	if l.held && !l.checked.IsZero() {
		l.e.metrics.blocked.Add(now.Sub(l.checked).Seconds())
	}
	l.checked = now
	totals := l.plan.Totals()
	l.e.metrics.plan.Store(&totals)
	if l.e.aliases.learned() {
		l.adopt(now)
	}
	if l.e.o.Total == nil {
		return
	}
	if total := l.e.o.Total(); total != l.total {
		l.total = total
		l.plan.Allow(total)
	}
}

func (l *loop) handle(now time.Time, ev *event) {
	switch ev.kind {
	case evAdd:
		l.addItem(now, ev.item)
	case evLeave:
		l.leave(now, ev.items)
	case evBacklog:
		l.plan.Backlog(now, ev.site, ev.pool, ev.backlog)
	case evRefilled:
		l.plan.Refilled(now, ev.site, ev.pool, ev.backlog, ev.moved)
	case evRoute:
		l.resolved(now, ev)
	case evOpened:
		ev.link.conn = ev.conn
		l.plan.Opened(now, ev.link.id, ev.opening)
	case evFailed:
		l.plan.DialFailed(now, ev.link.id, ev.failure)
		delete(l.links, ev.link.id)
	case evWant:
		l.want(now, ev)
	case evDone:
		l.done(now, ev)
	case evBack:
		l.back(now, ev)
	case evClosed:
		l.plan.Closed(now, ev.link.id)
		delete(l.links, ev.link.id)
	case evReady:
		l.ready(now, ev.item)
	case evCall:
		ev.call(now)
	}
}

// addItem gives an item to the plan, by the settings that hold here now.
func (l *loop) addItem(now time.Time, it *item) {
	if w, ok := l.upToDate(now, it); !ok {
		l.redirect(now, it, w)
		return
	}
	l.plant(now, it)
}

// plant asks the plan; what it does not take is parked, or has failed already because its site cannot be reached.
func (l *loop) plant(now time.Time, it *item) {
	v := l.plan.Add(now, schedule.Item{
		ID: it.id, Site: it.site, Pool: it.pool, Class: it.class, Priority: it.priority, Size: int64(it.m.SourceSize()),
		Waited: it.waiting != 0, Fed: it.fed, Retry: it.m.Attempts > 0,
	})
	switch v.Kind {
	case schedule.Queued:
		l.items[it.id] = it
	case schedule.Park:
		l.park(now, it, v.Reason, v.Until)
	case schedule.Offline:
		l.fail(it, v.Err)
	}
}

func (l *loop) park(now time.Time, it *item, why schedule.Reason, until time.Time) {
	l.e.hand.setLane(it, false)
	if why == schedule.Stopping {
		l.e.clerk.do(func() { l.e.giveBack(it) })
		return
	}
	if it.waiting != 0 && (why != schedule.Paused || it.place == it.from) {
		l.e.clerk.do(func() { l.e.feeder.returned(it, why) })
		return
	}
	l.e.clerk.do(func() { l.e.guard(it, func() { l.e.park(it, later(now, until)) }) })
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

func (l *loop) fail(it *item, err error) {
	l.e.hand.setLane(it, false)
	l.e.clerk.do(func() { l.e.guard(it, func() { l.e.conclude(it, resultOf(err)) }) })
}

// leave takes stale items out of the plan. One that a connection carries already stays there, and so does one whose delivery has
// come again in the meantime.
func (l *loop) leave(now time.Time, items []*item) {
	for _, it := range items {
		if !l.plan.Remove(now, it.id) {
			continue
		}
		delete(l.items, it.id)
		if !l.forgotten(it) {
			l.addItem(now, it)
		}
	}
}

// back takes an item from a connection that has not attempted it. Where it belongs to the plan no more, no other connection gets it
// first.
func (l *loop) back(now time.Time, ev *event) {
	it := ev.item
	stale := l.e.hand.setLane(it, true)
	if ev.reason == deliver.Limited {
		l.plan.Learn(now, ev.link.id, ev.conn.Info().Limit)
	}
	w, ok := l.upToDate(now, it)
	if ok && !stale && ev.reason != deliver.Unready {
		l.plan.Back(now, ev.link.id, it.id)
		return
	}
	if !l.plan.Withdraw(now, ev.link.id, it.id) {
		return
	}
	delete(l.items, it.id)
	switch {
	case stale && l.forgotten(it):
	case ev.reason == deliver.Unready:
		l.setAside(now, it)
	case ok:
		l.plant(now, it)
	default:
		l.redirect(now, it, w)
	}
}

// forgotten lets go of an item whose ticket is stale. False: its delivery has come again meanwhile, and it stays.
func (l *loop) forgotten(it *item) bool {
	if !l.e.hand.forget(it) {
		return false
	}
	l.e.release(it)
	return true
}

// again looks at an item of the plan: the settings may be others than when it came. What a connection carries is the connection's
// alone, which may be writing its result; it is looked at if it comes back.
func (l *loop) again(now time.Time, it *item) {
	if !l.plan.Waits(it.id) {
		return
	}
	if w, ok := l.upToDate(now, it); !ok && l.plan.Remove(now, it.id) {
		delete(l.items, it.id)
		l.redirect(now, it, w)
	}
}

// upToDate says that an item has its way by the settings of now too; else w is the one that it has now.
func (l *loop) upToDate(now time.Time, it *item) (w way, ok bool) {
	if it.rules == l.rules() {
		return w, true
	}
	w = l.e.wayOf(it, l.rules(), now)
	if ok = w.same(it); ok {
		it.rules = w.rules
	}
	return w, ok
}

// done hears of an attempt. What the connection asked for while its last message was on its way can be answered now.
func (l *loop) done(now time.Time, ev *event) {
	delete(l.items, ev.item.id)
	l.plan.Done(now, ev.link.id, ev.item.id, ev.outcome)
	if ev.link.ahead && !l.held {
		l.ahead(now, ev.link)
	}
}

// do carries out what the plan asks for.
func (l *loop) do(now time.Time, t *schedule.Todo) {
	for _, site := range t.Lookup {
		l.e.lookup(site)
	}
	for _, d := range t.Dial {
		l.dial(d)
	}
	for _, h := range t.Hand {
		l.give(now, l.links[h.Conn], h.Item.ID)
	}
	for _, id := range t.Close {
		l.links[id].close()
	}
	for _, p := range t.Park {
		l.park(now, l.take(p.ID), p.Reason, p.Until)
	}
	for _, f := range t.Fail {
		l.fail(l.take(f.ID), f.Err)
	}
	for _, r := range t.Refill {
		l.e.feeder.refill(r)
	}
}

// take removes an item from the books of the loop.
func (l *loop) take(id uint64) *item {
	it := l.items[id]
	delete(l.items, id)
	return it
}

// want answers a connection that has room for a job, or remembers that it does.
func (l *loop) want(now time.Time, ev *event) {
	k := ev.link
	k.conn, k.ahead = ev.conn, ev.ahead
	switch {
	case l.held:
		l.wants = append(l.wants, *ev)
	case ev.ahead:
		l.ahead(now, k)
	default:
		if item, ok := l.plan.Pull(now, k.id); ok {
			l.give(now, k, item.ID)
		}
	}
}

// ahead finds the message whose envelope may go with the end of the one before.
func (l *loop) ahead(now time.Time, k *link) {
	if item, ok := l.plan.Next(now, k.id); ok {
		k.ahead = false
		l.give(now, k, item.ID)
	}
}

// give hands an item to a connection; one that does not want it any more gets nothing.
func (l *loop) give(now time.Time, k *link, id uint64) {
	it := l.items[id]
	l.e.hand.setLane(it, false)
	k.last.Store(it)
	k.version.Store(it.rules.s.Version())
	if !k.conn.Give(l.e.jobOf(it)) {
		stale := l.e.hand.setLane(it, true)
		l.plan.Back(now, k.id, id)
		if stale {
			l.leave(now, []*item{it})
		}
	}
}
