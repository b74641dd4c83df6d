package outbox

import (
	"context"
	"log/slog"
	"net/netip"
	"sync"
	"testing"
	"time"

	"posthoorn/internal/broker"
	"posthoorn/internal/broker/local"
	"posthoorn/internal/deliver"
	"posthoorn/internal/mail"
	"posthoorn/internal/settle"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// A link may look at the item that it was given last while that is with somebody else.
func TestLinkRemembersWhatIsMoved(t *testing.T) {
	r, s := ruled(t, newReceiver(t, nil), nil)
	e := r.engine
	it := &item{}
	var err error
	if it.m, err = mail.Parse([]byte(`{"recipient":"you@receiver.test","mime":"x","tags":["a"]}`), mail.Rules{}); err != nil {
		t.Fatal(err)
	}
	if _, refused := e.route(it); refused != nil {
		t.Fatal(refused)
	}
	k := &link{e: e, source: loopback}
	k.last.Store(it)
	s.set(t, "paused", "target=other.test")
	moves := &mover{e: e, ip: netip.MustParseAddr("127.0.0.2"), ips: []byte(`["127.0.0.2"]`)}
	var both sync.WaitGroup
	both.Go(func() {
		if _, err := moves.decide(it); err != nil {
			t.Error(err)
		}
	})
	both.Go(func() {
		if !k.mayGoOn(e.o.Settings(), &mail.Result{To: "127.0.0.1"}) {
			t.Error("may not go on")
		}
	})
	both.Wait()
}

// The plan may end a connection as soon as it is open.
func TestOpenedCanBeClosed(t *testing.T) {
	r := newRig(t, newReceiver(t, nil).port(), nil)
	k := &link{e: r.engine, id: 1 << 40}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	c := r.engine.client.Open(ctx, deliver.Dial{}, &silent{closed: make(chan struct{})})
	if err := r.engine.inLoop(t.Context(), func(now time.Time) {
		r.engine.loop.handle(now, &event{kind: evOpened, link: k, conn: c})
	}); err != nil {
		t.Fatal(err)
	}
	if k.conn != c {
		t.Error("its end would say nothing to the connection")
	}
}

// silent hears what a connection says.
type silent struct {
	deliver.Events
	closed chan struct{}
}

func (s *silent) Failed(*deliver.Conn, []mail.Result) { close(s.closed) }
func (s *silent) Closed(*deliver.Conn)                { close(s.closed) }

// Whenever a ticket is lost while its message goes to the plan, the message is taken out of the plan after it has come in.
func TestTicketIsLostOnTheWayToThePlan(t *testing.T) {
	e := New(Options{}) // nobody reads the events
	for i := range 3000 {
		it := &item{identity: [16]byte{1, byte(i), byte(i >> 8)}, ticket: broker.Ticket{Channel: 1, Epoch: uint64(i) + 1}}
		e.hand.add(it)
		e.loop.queue = nil
		var both sync.WaitGroup
		both.Go(func() { e.loop.add(it) })
		both.Go(func() {
			leave, _ := e.hand.lost(1, it.ticket.Epoch, time.Now())
			e.loop.post(event{kind: evLeave, items: leave})
		})
		both.Wait()
		added, left := -1, -1
		for i, ev := range e.loop.queue {
			if ev.kind == evAdd {
				added = i
			} else if len(ev.items) > 0 {
				left = i
			}
		}
		if left < added {
			t.Fatalf("it stays after %d rounds: event %d, and %d to leave", i, added, left)
		}
		e.hand.forget(it)
	}
}

// What comes from the broker while the engine stops goes back there, also when mail is handled with care.
func TestStopWithCare(t *testing.T) {
	r, _ := newRemoteRig(t, 1)
	r.engine.careful.mu.Lock()
	r.engine.careful.on = true
	r.engine.careful.mu.Unlock()
	r.engine.cancel()
	r.engine.careful.giveUp()
	r.engine.Deliver(broker.Delivery{Body: []byte(`{"recipient":"you@receiver.test","mime":"x"}`)})
	soon(t, "it is given back", func() bool { return r.engine.inHand.Load() == 0 && r.engine.hand.size() == 0 })
}

// A result that is being written when the time for a stop is over gets to its queue, and its message is gone: given back, it would be
// sent again.
func TestStopWaitsForWhatIsWritten(t *testing.T) {
	shut, open := gate()
	defer open()
	reached := make(chan struct{}, 1)
	r := newRig(t, 1, func(o *Options) {
		o.Journal = func(_, _ []byte, _ *mail.Result) { reached <- struct{}{}; <-shut }
	})
	r.publish(`{"recipient":"you@nowhere.test","mime":"x"}`)
	arrives(t, reached)
	r.ended = true
	stopped := make(chan bool, 1)
	soonOver, cancel := context.WithCancel(context.Background())
	cancel()
	go func() { stopped <- r.engine.Stop(soonOver) }()
	soon(t, "the stop waits for it", func() bool { return r.engine.ctx.Err() != nil })
	open()
	if arrives(t, stopped) {
		t.Error("that was a clean stop")
	}
	ready, _ := r.store.Len("results")
	if left, held := r.store.Len("outbox"); ready != 1 || left+held != 0 {
		t.Errorf("%d results, %d in the outbox, %d in hand", ready, left, held)
	}
}

// A message whose ticket is lost comes again, to another instance perhaps: it does not wait here too.
func TestWhatIsPutOffWithoutATicketComesAgain(t *testing.T) {
	shut, open := gate()
	defer open()
	reached := make(chan struct{}, 10)
	peer := newReceiver(t, func(verb, _ string) string {
		if verb != "RCPT" {
			return ""
		}
		select {
		case <-shut:
			return ""
		default:
		}
		reached <- struct{}{}
		<-shut
		return "450 4.2.0 come again"
	})
	r, _ := newRemoteRig(t, peer.port())
	d := broker.Delivery{Body: []byte(`{"recipient":"you@receiver.test","mime":"x"}`), Ticket: ticket(77, 1, 1)}
	r.engine.Deliver(d)
	arrives(t, reached)
	r.engine.Lost(77, 1)
	open()
	soon(t, "it is let go", func() bool { return r.idle() && r.engine.hand.size() == 0 })
	if n, ok := r.store.WaitingCount(), r.noted(d.Body); n != 0 || ok {
		t.Errorf("%d wait, in the ledger: %v", n, ok)
	}
	d.Redelivered, d.Ticket = true, ticket(77, 2, 1)
	r.engine.Deliver(d)
	if o := r.read("success", 1)[0]; len(o.Results) != 1 {
		t.Errorf("%+v", o)
	}
	soon(t, "nothing is in hand", func() bool { return r.idle() && r.engine.hand.size() == 0 })
	if !r.noted(d.Body) {
		t.Error("its outcome is not in the ledger")
	}
}

func (r *rig) noted(body []byte) bool {
	_, ok := r.store.Lookup(identify(body))
	return ok
}

// years is a ledger that grows old.
type years struct {
	aged   int
	inHand func(settle.Identity) bool
}

func (*years) Lookup(settle.Identity) ([]byte, bool) { return nil, false }
func (y *years) Age(_ time.Time, inHand func(settle.Identity) bool) {
	y.aged++
	y.inHand = inHand
}

// gone is a consumer that may have no connection.
type gone struct {
	broker.Consumer
	connected bool
}

func (g *gone) Connected() bool { return g.connected }

// The ledger ages while deliveries could come again, and never while they cannot: neither while publishing alone works. It is told what is
// in hand.
func TestLedgerAgesWhileDeliveriesCome(t *testing.T) {
	store := openStore(t, vfs.NewMem())
	defer store.Close()
	y, c := &years{}, &gone{}
	e := New(Options{Broker: local.New(store), Ledger: y, Settler: settler{}, Logger: slog.New(slog.DiscardHandler)})
	e.consumer.Store(&consumerBox{c})
	for _, step := range []struct {
		connected, braked bool
		aged              int
	}{{true, false, 1}, {false, false, 1}, {true, true, 1}, {true, false, 2}} {
		c.connected = step.connected
		e.brake.set(brakeRoom, step.braked)
		if e.keepHouse(time.Now()); y.aged != step.aged {
			t.Errorf("%+v: aged %d times", step, y.aged)
		}
	}
	e.hand.add(&item{identity: settle.Identity{1}})
	if !y.inHand(settle.Identity{1}) || y.inHand(settle.Identity{2}) {
		t.Error("one of them is in hand")
	}
}
