package outbox

import (
	"context"
	"net/netip"
	"sync"
	"testing"
	"time"

	"posthoorn/internal/broker"
	"posthoorn/internal/deliver"
	"posthoorn/internal/mail"
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
