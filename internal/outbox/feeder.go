package outbox

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"posthoorn/internal/localqueue"
	"posthoorn/internal/mail"
	"posthoorn/internal/schedule"
	"posthoorn/internal/settle"
)

// feeder brings what waits in the local queue back into memory, when it is due and as far as the plan has room for it. Its credit
// is its own and as large as that of the broker, since the broker fills up its own at once.
type feeder struct {
	e      *Engine
	credit int

	mu      sync.Mutex
	taken   int                            // in memory
	asked   map[feed]int                   // how many the plan wants
	told    map[feed]bool                  // the plan knows that something waits
	snoozed map[localqueue.Place]time.Time // not before
	fresh   bool                           // the settings are others
	stopped bool
	wake    chan struct{}
}

// feed is a place as the plan knows it.
type feed struct {
	site string
	pool *schedule.Pool
}

func newFeeder(e *Engine, credit int) *feeder {
	return &feeder{
		e: e, credit: credit, asked: map[feed]int{}, told: map[feed]bool{}, snoozed: map[localqueue.Place]time.Time{}, wake: make(chan struct{}, 1),
	}
}

func (f *feeder) nudge() {
	select {
	case f.wake <- struct{}{}:
	default:
	}
}

// refill is the plan saying that it could take more from a place.
func (f *feeder) refill(r schedule.Refill) {
	f.mu.Lock()
	f.asked[feed{r.Site, r.Pool}] = r.N
	f.mu.Unlock()
	f.nudge()
}

// borrowed takes credit for a message, whether there is some or not.
func (f *feeder) borrowed() {
	f.mu.Lock()
	f.taken++
	f.mu.Unlock()
}

// lend takes credit for up to n messages, as far as there is some; f.mu is held.
func (f *feeder) lend(n int) int {
	if f.stopped || f.heavy() {
		return 0
	}
	n = max(0, min(n, f.credit-f.taken))
	f.taken += n
	return n
}

// ended gives the credit of n messages free.
func (f *feeder) ended(n int) {
	f.mu.Lock()
	f.taken -= n
	f.mu.Unlock()
	f.nudge()
}

// pausedRest is how long mail that a tag holds is left alone after the plan has found it paused at the addresses that it goes to:
// it would come back at once, in front of all else that the plan asks for.
const pausedRest = 10 * time.Second

// returned takes an item that the plan cannot take now.
func (f *feeder) returned(it *item, why schedule.Reason) {
	f.mu.Lock()
	if why == schedule.Paused && it.from.Hold != "" {
		f.snoozed[it.from] = time.Now().Add(pausedRest)
	}
	delete(f.told, feed{it.site, cmp.Or(it.fed, it.pool)})
	f.mu.Unlock()
	f.e.putBack(it) // the local queue tells that something is due
}

// stop ends the feeding; what is in memory stays there.
func (f *feeder) stop() {
	f.mu.Lock()
	f.stopped = true
	f.mu.Unlock()
}

// sweepEvery is how often deadlines of waiting mail are looked at; results-json.md wants the failure within a minute.
const sweepEvery = 5 * time.Second

// run works until ctx ends.
func (f *feeder) run(ctx context.Context) {
	sweep := time.NewTicker(sweepEvery)
	defer sweep.Stop()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-f.wake: // room: nothing new is due, unless the settings are others
			if !f.renewed() {
				f.takeAll(time.Now())
				continue
			}
		case <-f.e.o.Waiting.Changed():
		case <-timer.C:
		case <-sweep.C:
			f.expire(ctx, time.Now())
			f.retell()
		}
		now := time.Now()
		f.tell(now)
		f.takeAll(now)
		timer.Reset(f.pause(now))
	}
}

func (f *feeder) takeAll(now time.Time) {
	for f.take(now) {
		continue
	}
}

// retell makes the plan hear of all due places once more: a count that it has already does no harm.
func (f *feeder) retell() {
	f.mu.Lock()
	defer f.mu.Unlock()
	clear(f.told)
}

// anew makes the plan hear of everything that is due under the settings of now, and nothing of what they have closed.
func (f *feeder) anew() {
	f.mu.Lock()
	for k := range f.told {
		f.e.loop.post(event{kind: evBacklog, site: k.site, pool: k.pool})
	}
	clear(f.told)
	clear(f.snoozed)
	f.fresh = true
	f.mu.Unlock()
	f.nudge()
}

// renewed says, once, that the settings are others.
func (f *feeder) renewed() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	fresh := f.fresh
	f.fresh = false
	return fresh
}

// pause is how long nothing more gets due.
func (f *feeder) pause(now time.Time) time.Duration {
	wait := sweepEvery
	if next, ok := f.e.o.Waiting.NextDue(now); ok {
		wait = min(wait, max(next.Sub(now), time.Millisecond))
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for p, until := range f.snoozed {
		if !until.After(now) {
			delete(f.snoozed, p)
			wait = time.Millisecond
		} else {
			wait = min(wait, until.Sub(now))
		}
	}
	return wait
}

// tell lets the plan know the places that have something due.
func (f *feeder) tell(now time.Time) {
	var due []localqueue.PlaceInfo
	f.e.o.Waiting.Due(now, func(p localqueue.PlaceInfo) bool {
		due = append(due, p)
		return len(due) < maxTold
	})
	pools := f.pools(due)
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.stopped {
		return
	}
	for i, p := range due {
		k := feed{p.Place.Destination, pools[i]}
		if k.pool != nil && !f.told[k] && !f.snoozed[p.Place].After(now) {
			f.told[k] = true
			f.e.loop.post(event{kind: evBacklog, site: k.site, pool: k.pool, backlog: p.Count - p.InHand})
		}
	}
}

// pools are what the mail of places may leave from. The loop may want f.mu meanwhile, so it is not held.
func (f *feeder) pools(due []localqueue.PlaceInfo) []*schedule.Pool {
	list := make([]*schedule.Pool, len(due))
	for i := range due {
		list[i] = f.e.poolOf(due[i].Place)
	}
	return list
}

// maxTold bounds how many places one look takes in.
const maxTold = 100_000

// take serves one request of the plan, as far as the credit goes. False: there is none that can be served.
func (f *feeder) take(now time.Time) bool {
	k, n := f.next()
	if n == 0 {
		return false
	}
	rest, left, moved := n, 0, false
	for _, p := range oldestFirst(f.e.o.Waiting.PlacesOf(k.site)) {
		if f.e.poolOf(p.Place) != k.pool || f.rests(p.Place, now) {
			continue
		}
		took, some := f.takeFrom(p.Place, now, rest, k.pool)
		rest, moved = rest-took, moved || some
		left += f.e.o.Waiting.Count(p.Place)
	}
	if rest > 0 && !f.heavy() {
		left = 0
		f.untold(k)
	}
	f.ended(rest)
	f.e.loop.post(event{kind: evRefilled, site: k.site, pool: k.pool, backlog: left, moved: moved})
	return true
}

// takeFrom takes up to n messages of a place, while there is room for their bytes. moved: some have left it, but not for the plan.
func (f *feeder) takeFrom(p localqueue.Place, now time.Time, n int, fed *schedule.Pool) (took int, moved bool) {
	for took < n && !f.heavy() {
		ws := f.e.o.Waiting.TakeDue(p, now, n-took, actionBytes, nil)
		if len(ws) == 0 {
			break
		}
		took += len(ws)
		for i := range ws {
			moved = f.e.takeWaiting(ws[i], fed) || moved
		}
	}
	return took, moved
}

// untold has the plan hear of a place again when something is due there.
func (f *feeder) untold(k feed) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.told, k)
}

// oldestFirst sorts places by what is due in them, so that none that shares its addresses with others has to wait for all of their
// mail. Those with nothing that could be taken come last.
func oldestFirst(list []localqueue.PlaceInfo) []localqueue.PlaceInfo {
	slices.SortFunc(list, func(a, b localqueue.PlaceInfo) int {
		switch {
		case a.NextDue.IsZero() == b.NextDue.IsZero():
			return a.NextDue.Compare(b.NextDue)
		case a.NextDue.IsZero():
			return 1
		}
		return -1
	})
	return list
}

// rests says that a place is not to be taken from yet.
func (f *feeder) rests(p localqueue.Place, now time.Time) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.snoozed[p].After(now)
}

// heavy says that no more bytes are to be taken.
func (f *feeder) heavy() bool { return f.e.bytes.Load() > f.e.o.ByteBudget }

// feedBatch is how many are taken at a time.
const feedBatch = 64

// next picks a request and reserves credit for it.
func (f *feeder) next() (feed, int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for k, n := range f.asked {
		if n = f.lend(min(n, feedBatch)); n > 0 {
			delete(f.asked, k)
		}
		return k, n
	}
	return feed{}, 0
}

// takeWaiting makes an item of a message that waited, for the pool that the plan asked for. False: it went back, or is the plan's.
func (e *Engine) takeWaiting(w localqueue.Waiting, fed *schedule.Pool) (moved bool) {
	it := e.waitingItem(w)
	it.fed = fed
	e.hold(it)
	if e.resume(it, w.Outcome) || e.careful.take(it, true) {
		return true
	}
	moved = true // also when it panics: that becomes its result
	e.guard(it, func() { moved = e.pickup(it, nil) })
	return moved
}

// resume goes on with what was decided about a waiting message and could not be published: that outcome stands.
func (e *Engine) resume(it *item, outcome []byte) bool {
	if len(outcome) == 0 {
		return false
	}
	ps, err := settle.Decode(outcome)
	if err != nil {
		e.log.Error("noted outcome of a waiting message is not readable, it is sent as new", "error", err)
		return false
	}
	e.settle(it, settle.Work{Publish: ps, Replay: true})
	return true
}

func (e *Engine) waitingItem(w localqueue.Waiting) *item {
	it := &item{
		id: e.nextID.Add(1), waiting: w.ID, from: w.Place, place: w.Place, due: w.Due, body: w.Body, priority: w.Priority,
		size: int64(len(w.Body)) + itemOverhead,
	}
	if e.o.Remote {
		it.identity = identify(w.Body)
	}
	return it
}

// expireBatch is how many deadlines are looked at together.
const expireBatch = 100

// expire reports the mail whose deadline has passed while it waited, as far as the credit goes: the rest has its turn at the next
// sweep.
func (f *feeder) expire(ctx context.Context, now time.Time) {
	for began := time.Now(); ctx.Err() == nil; {
		n := f.reserve(expireBatch)
		ws := f.e.o.Waiting.Expired(now, n, actionBytes, nil)
		f.ended(n - len(ws))
		for i := range ws {
			f.e.takeExpired(ws[i])
		}
		if len(ws) == 0 || time.Since(began) > expireFor {
			return
		}
	}
}

// expireFor is how long one look at deadlines takes at most: meanwhile nothing else is fed.
const expireFor = time.Second

// reserve takes up to n of the credit.
func (f *feeder) reserve(n int) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.lend(n)
}

func (e *Engine) takeExpired(w localqueue.Waiting) {
	it := e.waitingItem(w)
	e.hold(it)
	if e.resume(it, w.Outcome) {
		return
	}
	e.guard(it, func() {
		m, err := mail.Parse(w.Body, e.o.Rules)
		it.m = m
		if err != nil {
			e.unreadable(it, err)
			return
		}
		e.refuse(it, errExpired)
	})
}

// finishOpen settles what an earlier life had decided about waiting mail and could not publish.
func (e *Engine) finishOpen() error {
	return e.o.Waiting.OpenOutcomes(func(w localqueue.Waiting) error {
		it := e.waitingItem(w)
		e.feeder.borrowed()
		e.hold(it)
		e.clerk.do(func() {
			if !e.resume(it, w.Outcome) {
				e.putBack(it)
			}
		})
		return nil
	})
}
