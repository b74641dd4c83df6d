package outbox

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"posthoorn/internal/broker"
	"posthoorn/internal/broker/local"
	"posthoorn/internal/deliver"
	"posthoorn/internal/dns"
	"posthoorn/internal/localqueue"
	"posthoorn/internal/prepare"
	"posthoorn/internal/report"
	"posthoorn/internal/settings"
	"posthoorn/internal/settle"
	"posthoorn/internal/stats"

	"github.com/cockroachdb/pebble/v2/vfs"
)

var (
	stressSeed     = flag.Uint64("stress-seed", 1, "of the runs in which everything happens at once")
	stressMessages = flag.Int("stress-messages", 300, "in the short ones of these runs, for two seconds of each 300")
)

// stress is an engine to which everything happens at once: operators, settings, receivers, the broker, and restarts.
type stress struct {
	t      *testing.T
	seed   uint64
	disk   vfs.FS
	store  *localqueue.Store
	shaky  *shaky // nil: the embedded queue
	broker broker.Broker
	peer   *moody
	tables *tables
	bodies *keptBodies
	past   *chronicle

	living sync.RWMutex // held for writing while the engine is another one
	engine *Engine
	end    chan struct{}
	calm   func() // ends what act began
	acting sync.WaitGroup

	books map[string]map[string]map[string]int // queue, message, id of the publishing: how often
}

func newStress(t *testing.T, remote bool) *stress {
	t.Helper()
	disk := vfs.NewMem()
	s := &stress{
		t: t, seed: *stressSeed, disk: disk, store: openStore(t, disk), tables: &tables{rows: map[string][]settings.Row{}}, end: make(chan struct{}),
		bodies: &keptBodies{bodies: map[string]string{"shared": "Subject: stored\r\n\r\nbody\r\n"}}, books: map[string]map[string]map[string]int{},
		past: newChronicle(),
	}
	s.calm = sync.OnceFunc(func() { close(s.end); s.acting.Wait() })
	s.peer = newMoody(t, s.seed, s.past, "127.0.0.1", "127.0.0.2", "127.0.0.3")
	s.tables.cache = settings.NewCache(settings.CacheOptions{Store: s.tables})
	if remote {
		s.shaky = newShaky(s.seed)
	}
	s.start()
	s.tables.cache.Subscribe(func(*settings.Snapshot) {
		s.living.RLock()
		defer s.living.RUnlock()
		s.engine.Changed()
	})
	t.Cleanup(func() {
		s.calm()
		s.stop()
	})
	return s
}

func (s *stress) start() {
	s.t.Helper()
	s.past.note("", "an engine starts")
	zone := map[string][]netip.Addr{}
	for i := range 6 {
		zone[fmt.Sprintf("d%d.test", i)] = addrs(fmt.Sprintf("127.0.0.%d", i%3+1))
	}
	zone["both.test"], zone["away.test"] = addrs("127.0.0.1", "127.0.0.2"), addrs("127.0.0.9")
	if s.store == nil {
		s.store = openStore(s.t, s.disk)
	}
	s.broker = local.New(s.store)
	if s.shaky != nil {
		s.broker = s.shaky
	}
	var e *Engine
	o := Options{
		Broker: s.broker, Remote: s.shaky != nil, Waiting: s.store, Ledger: s.store, Records: s.store, Bodies: s.bodies, StoreOut: true,
		Prepare:   prepare.New(prepare.Options{Bodies: s.bodies}),
		Resolver:  &dns.Fake{A: zone, TTL: time.Second},
		Queues:    Queues{Outbox: "outbox", Results: "results", Success: "success", Failure: "failure", Retry: "retry", DSN: "dsn"},
		Consumers: 3, Credit: 100, ByteBudget: 2 << 20, Intervals: []time.Duration{time.Second}, Seed: s.seed,
		Own:  func() []netip.Addr { return addrs("127.0.0.1", "127.0.0.2", "127.0.0.3") },
		Name: func(context.Context, netip.Addr) string { return "sender.test" }, DefaultIPs: addrs("127.0.0.1", "127.0.0.2"),
		Total: func() int { return 25 }, RemotePort: s.peer.port, Settings: s.tables.cache.Current, Stats: stats.New(stats.Options{}),
		Notices:  Notices{MTA: "mta.test", From: "bounces@mta.test"},
		Timeouts: deliver.Timeouts{Connect: time.Second}, Logger: slog.New(slog.DiscardHandler), Observe: s.past.observe,
	}
	if s.shaky == nil {
		o.Settler = &settle.Embedded{Store: s.store, Input: func() settle.Input { return e.Input().(settle.Input) }}
	} else {
		o.Settler = settle.NewRemote(settle.Options{Store: s.store, Sender: s.shaky, Pause: 5 * time.Millisecond})
	}
	o.Settler = noting{o.Settler, s.past}
	e = New(o)
	if err := e.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.engine = e
}

// stop does as the program does: after a clean stop the ledger knows that nothing is in hand.
func (s *stress) stop() {
	if s.engine.Stop(context.Background()) {
		if err := s.store.NoneInHand(context.Background()); err != nil {
			s.t.Error(err)
		}
	} else {
		s.t.Logf("a stop was not clean, with %d in hand", s.engine.inHand.Load())
		s.past.note("", "a stop is not clean, with %d in hand", s.engine.inHand.Load())
	}
	s.past.note("", "the engine has stopped")
	if err := errors.Join(s.broker.Close(), s.store.Close()); err != nil {
		s.t.Error(err)
	}
	s.store = nil
}

// act does something again and again until the end, after a pause of up to so long each time.
func (s *stress) act(name string, pause time.Duration, do func(ctx context.Context, r *rand.Rand)) {
	var number uint64
	for _, c := range name {
		number = number*31 + uint64(c)
	}
	random := rand.New(rand.NewPCG(s.seed, number))
	s.acting.Go(func() {
		for {
			select {
			case <-s.end:
				return
			case <-time.After(time.Duration(random.Int64N(int64(pause)))):
			}
			ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
			do(ctx, random)
			cancel()
		}
	})
}

// with has the engine stay while do runs.
func (s *stress) with(do func(e *Engine)) {
	s.living.RLock()
	defer s.living.RUnlock()
	do(s.engine)
}

// rows are what the tables may have at one time or another.
var stressRows = map[string][]string{
	"paused": {"target=d1.test", "target=d2.test localip=127.0.0.1", "tag=t1", "tag=t2 localip=127.0.0.1", "tag=t1 target=127.0.0.2", "target=127.0.0.3",
		"localip=127.0.0.2", "tag=t3 target=both.test", "expire=2100-01-01_00:00:00"},
	"delegates": {"localip=127.0.0.1 delegate=127.0.0.3", "localip=127.0.0.2 domain=d0.test delegate=127.0.0.1", "domain=d4.test localip=127.0.0.1 delegate=127.0.0.9"},
	"capacity": {"domain=d0.test domain_maxconnections=2", "localip=127.0.0.1 ip_maxconnections=1", "domain=both.test connection_maxmessages=3",
		"domain=d3.test domain_maxmessages=600", "domain_maxqueue=20", "domain=d5.test connection_maxidletime=0", "offline_time=1", "domain=d1.test secure=1"},
	"flood_responses": {"name=slow pattern=slow_down type=substr pause=1 duration=2 domain_maxconnections=1", "name=busy pattern=busy type=substr duration=1 connection_maxmessages=1",
		"name=grey pattern=greylisted type=substr pause=1"},
	"mtanames": {"ip=127.0.0.1 name=one.sender.test", "ip=127.0.0.2 name=two.sender.test"},
	"dns":      {"domain=d2.test ip=127.0.0.1", "domain=away.test ip=127.0.0.3", "domain=d0.test ip=127.0.0.9"},
}

func (s *stress) changeSettings(_ context.Context, r *rand.Rand) {
	for table, all := range stressRows {
		if r.IntN(3) > 0 {
			continue
		}
		var rows []string
		for _, row := range all {
			if r.IntN(4) == 0 {
				rows = append(rows, row)
			}
		}
		s.tables.set(s.t, table, rows...)
	}
}

func destinationOf(r *rand.Rand) string {
	return [...]string{"d0.test", "d1.test", "d2.test", "d3.test", "d4.test", "d5.test", "both.test", "away.test", "nowhere.test", "127.0.0.2:25"}[r.IntN(10)]
}

// operate gives one order. Those that ran out of time, or met a stop, may.
func (s *stress) operate(ctx context.Context, r *rand.Rand) {
	d, source := destinationOf(r), addrs("127.0.0.1", "127.0.0.2", "127.0.0.3")[r.IntN(3)]
	s.with(func(e *Engine) {
		var err error
		switch r.IntN(9) {
		case 0, 1, 2:
			_, err = e.RetryNow(ctx, d, nil)
		case 3:
			if r.IntN(4) == 0 {
				_, err = e.Fail(ctx, d, "enough of it", nil)
			}
		case 4, 5:
			_, err = e.Move(ctx, d, source, nil)
		case 6:
			e.Calm(settings.Pause{Domain: d})
		case 7:
			if s.shaky != nil {
				_, err = e.Evacuate(ctx, d, "", false, nil)
			}
		case 8:
			_, err = e.Unreachable(ctx, 1)
		}
		if err != nil && ctx.Err() == nil && !errors.Is(err, errLostConfirm) && !errors.Is(err, ErrBusy) {
			s.t.Errorf("%s: %v", d, err)
		}
	})
}

func (s *stress) watch(ctx context.Context, r *rand.Rand) {
	s.with(func(e *Engine) {
		x, err := e.Explain(ctx, destinationOf(r), netip.Addr{})
		if err == nil {
			_, err = json.Marshal(x)
		}
		lines, err2 := e.Backlog(ctx)
		_, _, _, err3 := e.Load(ctx)
		_, _, err4 := e.Gauges(ctx)
		if err := errors.Join(err, err2, err3, err4, e.Turns(ctx)); err != nil && ctx.Err() == nil {
			s.t.Error(err)
		}
		_, _ = json.Marshal(lines)
		_ = e.Held()
	})
}

func (s *stress) restart(_ context.Context, _ *rand.Rand) {
	s.living.Lock()
	defer s.living.Unlock()
	s.stop()
	s.start()
}

// publish puts message i into the outbox: all kinds of them, each with something of its own to be known by.
func (s *stress) publish(i int, r *rand.Rand) {
	source := [...]string{
		`"mime":"Subject: x\r\n\r\nbody\r\n"`, `"mime":"Subject: Dear {$name}\r\n\r\nbody\r\n","data":{"name":"Ann"}`, `"key":"shared","keepmime":true`,
		`"mime":{"subject":"a document","from":"me@sender.test","text":"x"}`, `"mime":"` + strings.Repeat("long line\\r\\n", 300) + `"`,
	}[r.IntN(5)]
	more := [...]string{
		"", `,"tags":["t1"]`, `,"tags":["t2","t3"]`, `,"ips":["127.0.0.1"]`, `,"ips":["127.0.0.1","127.0.0.2","127.0.0.3"]`, `,"maxattempts":2`,
		fmt.Sprintf(`,"smarthost":{"hostname":"127.0.0.2","port":%d}`, s.peer.port), `,"dsn":{"notify":"NEVER"}`,
		`,"delayed":"` + time.Now().UTC().Add(time.Second).Format(time.DateTime) + `"`,
		`,"maxdelivertime":"` + time.Now().UTC().Add(3*time.Second).Format(time.DateTime) + `"`,
	}[r.IntN(10)]
	domain := destinationOf(r)
	if strings.Contains(domain, ":") {
		domain = "[127.0.0.2]"
	}
	s.living.RLock()
	defer s.living.RUnlock()
	body := fmt.Appendf(nil, `{"id":%d,"envelope":"m%d@sender.test","recipient":"m%d@%s","dsn":{"notify":"FAILURE,SUCCESS"},%s%s}`, i, i, i, domain, source, more)
	s.past.note("m"+strconv.Itoa(i), "to %s%s", domain, more)
	for { // a confirm that is lost says that it is not there
		err := broker.Publish(context.Background(), s.broker, broker.Publishing{Queue: "outbox", Body: body})
		if err == nil {
			return
		}
		if !errors.Is(err, errLostConfirm) {
			s.t.Fatal(err)
		}
	}
}

// look enters what was published into the books.
func (s *stress) look() {
	s.living.RLock()
	defer s.living.RUnlock()
	for _, queue := range []string{"results", "success", "failure", "dsn", "retry"} {
		var list []shakyMessage
		if s.shaky != nil {
			list = s.shaky.read(queue)
		} else {
			b := new(localqueue.Batch)
			for _, m := range s.store.Take(queue, 1000, nil) {
				b.Ack(queue, m.Seq)
				list = append(list, shakyMessage{body: m.Body, id: strconv.FormatUint(m.Seq, 10)})
			}
			if err := s.store.Do(context.Background(), b); err != nil {
				s.t.Error(err)
			}
		}
		for _, m := range list {
			s.enter(queue, m)
		}
	}
}

func (s *stress) enter(queue string, m shakyMessage) {
	var o struct {
		ID        int
		Recipient string
		Mime      any
	}
	if err := json.Unmarshal(m.body, &o); err != nil {
		s.t.Errorf("%s: %v: %s", queue, err, m.body)
	}
	name := ""
	if queue == "dsn" {
		source, _ := o.Mime.(string)
		if told, ok := report.Recognise([]byte(source), ""); !ok || len(told.Recipients) != 1 {
			s.t.Errorf("no notification: %s", m.body)
		}
		name, _, _ = strings.Cut(o.Recipient, "@")
	} else {
		name = "m" + strconv.Itoa(o.ID)
	}
	if s.books[queue] == nil {
		s.books[queue] = map[string]map[string]int{}
	}
	if s.books[queue][name] == nil {
		s.books[queue][name] = map[string]int{}
	}
	s.books[queue][name][m.id]++
	s.past.note(name, "%s has %s", queue, m.id)
}

// settleDown ends all trouble, and waits until everything has its end.
func (s *stress) settleDown(n int) {
	s.t.Helper()
	s.calm()
	s.peer.kind.Store(true)
	if s.shaky != nil {
		s.shaky.set(func(b *shaky) { b.calm, b.blocked = true, false })
	}
	for table := range stressRows {
		s.tables.set(s.t, table)
	}
	for done, deadline := 0, time.Now().Add(time.Minute); ; time.Sleep(300 * time.Millisecond) {
		s.look()
		left := s.store.WaitingCount()
		if now := len(s.books["results"]); now > done {
			done, deadline = now, time.Now().Add(time.Minute)
		}
		if len(s.books["results"]) == n && left == 0 && s.idle() {
			return
		}
		if time.Now().After(deadline) {
			lines, _ := s.engine.Backlog(context.Background())
			ready, taken := s.store.Len("outbox")
			s.t.Fatalf("%d of %d have a result, %d wait, %d in hand, %d bytes; %d and %d in the outbox; %s; %+v", len(s.books["results"]), n, left,
				s.engine.inHand.Load(), s.engine.bytes.Load(), ready, taken, s.missing(n), lines)
		}
		for _, p := range s.store.Places() {
			if d := p.Place.Destination; d == "away.test" {
				_, _ = s.engine.Fail(context.Background(), d, "nobody is there", nil)
			} else {
				_, _ = s.engine.RetryNow(context.Background(), d, nil)
			}
		}
	}
}

// missing are those without a result, and what is known of them.
func (s *stress) missing(n int) (text string) {
	for i := range n {
		if name := "m" + strconv.Itoa(i); s.books["results"][name] == nil {
			text += fmt.Sprint("\n", name, ":", s.past.of(name))
		}
	}
	return text
}

// idle says that nothing is left anywhere.
func (s *stress) idle() bool {
	r, loop := rig{engine: s.engine}, 0
	if err := s.engine.inLoop(context.Background(), func(time.Time) { loop = len(s.engine.loop.items) + s.engine.loop.aside }); err != nil {
		s.t.Error(err)
	}
	return r.idle() && loop == 0 && s.engine.hand.size() == 0
}

// account checks that each message has one final result, in one place, which is what the receivers know of it too, and what its sender was
// told. Publishings that came again have the same id.
func (s *stress) account(n int) {
	s.peer.mu.Lock()
	defer s.peer.mu.Unlock()
	for i := range n {
		name := "m" + strconv.Itoa(i)
		results, good, bad := s.books["results"][name], s.books["success"][name], s.books["failure"][name]
		took := s.peer.took[name]
		if len(results) != 1 || len(good)+len(bad) != 1 || took != len(good) {
			s.t.Errorf("%s: results %v, success %v, failure %v, %d times at the receivers%s", name, results, good, bad, took, s.past.of(name))
		}
		if told := s.books["dsn"][name]; len(told) > 1 {
			s.t.Errorf("%s: notifications %v%s", name, told, s.past.of(name))
		}
	}
	if s.shaky == nil {
		return
	}
	s.t.Logf("published again: %v", s.again())
}

func (s *stress) again() map[string]int {
	n := map[string]int{}
	for queue, names := range s.books {
		for _, ids := range names {
			for _, times := range ids {
				n[queue] += times - 1
			}
		}
	}
	return n
}

// Whatever happens at the same time, each message comes to one end, once.
func TestEverythingAtOnce(t *testing.T) {
	for name, remote := range map[string]bool{"embedded": false, "remote": true} {
		t.Run(name, func(t *testing.T) {
			runStress(t, remote, *stressMessages, time.Duration(*stressMessages)*time.Second/150)
		})
	}
}

func runStress(t *testing.T, remote bool, n int, lasts time.Duration) {
	s := newStress(t, remote)
	s.act("settings", 30*time.Millisecond, s.changeSettings)
	s.act("operator", 60*time.Millisecond, s.operate)
	s.act("other operator", 90*time.Millisecond, s.operate)
	s.act("watcher", 40*time.Millisecond, s.watch)
	s.act("restart", 1500*time.Millisecond, s.restart)
	if remote {
		s.act("alarm", 300*time.Millisecond, func(_ context.Context, r *rand.Rand) {
			s.shaky.set(func(b *shaky) { b.blocked = r.IntN(4) == 0 })
		})
	}
	random, began := rand.New(rand.NewPCG(s.seed, 3)), time.Now()
	for i := range n {
		s.publish(i, random)
		if i%16 == 0 {
			time.Sleep(lasts * 16 / time.Duration(n))
			s.look()
		}
	}
	published := time.Since(began)
	s.settleDown(n)
	s.account(n)
	t.Logf("%d messages published in %v, all through after %v", n, published.Round(time.Second), time.Since(began).Round(time.Second))
}
