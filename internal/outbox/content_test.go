package outbox

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"posthoorn/internal/broker"
	"posthoorn/internal/mail"
	"posthoorn/internal/prepare"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// slowBodies is a message store that takes its time until it is opened.
type slowBodies struct {
	began  atomic.Int32
	opened chan struct{}
}

func newSlowBodies() *slowBodies { return &slowBodies{opened: make(chan struct{})} }

func (b *slowBodies) Get(ctx context.Context, key string) ([]byte, error) {
	b.began.Add(1)
	select {
	case <-b.opened:
		return []byte("Subject: " + key + "\r\n\r\n"), nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (b *slowBodies) loading(o *Options) { o.Prepare = prepare.New(prepare.Options{Bodies: b}) }

// aside is how many messages wait outside of the plan for their content.
func (r *rig) aside() (n int) {
	r.t.Helper()
	if err := r.engine.inLoop(r.t.Context(), func(time.Time) { n = r.engine.loop.aside }); err != nil {
		r.t.Fatal(err)
	}
	return n
}

func (r *rig) publishStored(n int) {
	r.t.Helper()
	for i := range n {
		r.publish(`{"recipient":"a%d@receiver.test","key":"slow%d","id":%d}`, i, i, i)
	}
}

// triedOnce reads n messages that were delivered at their first attempt.
func (r *rig) triedOnce(n int) {
	r.t.Helper()
	for _, o := range r.read("success", n) {
		if len(o.Results) != 1 {
			r.t.Errorf("%+v", o)
		}
	}
}

// A quarter of what may be in memory waits there for content, the rest in the local queue: none of it holds up other mail, and
// none has an attempt counted.
func TestTooManyAreNotReady(t *testing.T) {
	const n, room = 12, 4
	b, peer := newSlowBodies(), newReceiver(t, nil)
	r := newRig(t, peer.port(), func(o *Options) {
		b.loading(o)
		o.Credit = 4 * room
	})
	r.publishStored(n)
	soon(t, "some are set aside, others wait", func() bool {
		return r.aside() == room && r.engine.inHand.Load() == room && r.store.WaitingCount() >= n-room
	})
	r.publish(`{"recipient":"you@receiver.test","mime":"x","id":100}`)
	if o := r.read("success", 1)[0]; o.ID != 100 {
		t.Errorf("%+v", o)
	}
	close(b.opened)
	if _, err := r.engine.RetryNow(t.Context(), "receiver.test", nil); err != nil {
		t.Fatal(err)
	}
	r.triedOnce(n)
	if left := r.aside(); left != 0 {
		t.Errorf("%d are counted as set aside", left)
	}
}

// A pause that begins while content is made holds the message when it is ready.
func TestPausedWhileNotReady(t *testing.T) {
	b, peer := newSlowBodies(), newReceiver(t, nil)
	r, s := ruled(t, peer, b.loading)
	r.publishStored(1)
	soon(t, "it is set aside", func() bool { return r.aside() == 1 })
	s.set(t, "paused", "target=receiver.test")
	close(b.opened)
	soon(t, "it waits", func() bool { return r.store.WaitingCount() == 1 && r.engine.inHand.Load() == 0 })
	if sent := peer.all(); len(sent) > 0 {
		t.Errorf("sent: %+v", sent)
	}
	s.set(t, "paused")
	r.triedOnce(1)
}

// The broker may bring a message again while its content is made, or after: it is sent once.
func TestTicketIsLostWhileNotReady(t *testing.T) {
	for name, early := range map[string]bool{"again before it is ready": true, "again after": false} {
		t.Run(name, func(t *testing.T) {
			b, peer := newSlowBodies(), newReceiver(t, nil)
			r, _ := newRemoteRig(t, peer.port(), b.loading)
			r.publishStored(1)
			soon(t, "it is set aside", func() bool { return r.aside() == 1 })
			d := broker.Delivery{Redelivered: true}
			r.engine.hand.mu.Lock()
			for _, entries := range r.engine.hand.items {
				d.Body, d.Ticket = entries[0].body, entries[0].ticket
			}
			r.engine.hand.mu.Unlock()
			r.engine.Lost(d.Ticket.Channel, d.Ticket.Epoch)
			d.Ticket.Epoch++
			if early {
				r.engine.Deliver(d)
			}
			close(b.opened)
			if !early {
				soon(t, "it is forgotten", func() bool { return r.engine.inHand.Load() == 0 && r.engine.hand.size() == 0 })
				r.engine.Deliver(d)
			}
			r.triedOnce(1)
			soon(t, "nothing is in hand", func() bool { return r.engine.inHand.Load() == 0 && r.engine.hand.size() == 0 })
			if sent := peer.all(); len(sent) != 1 {
				t.Errorf("sent: %+v", sent)
			}
		})
	}
}

// A stop waits for no content, and what has none goes back as it came: that is no attempt.
func TestStopWhileNotReady(t *testing.T) {
	for name, reached := range map[string]func(*rig, *slowBodies) bool{
		"a connection waits for it": func(_ *rig, b *slowBodies) bool { return b.began.Load() > 0 },
		"it is set aside":           func(r *rig, _ *slowBodies) bool { return r.aside() > 0 },
	} {
		fs := vfs.NewMem()
		t.Run(name, func(t *testing.T) {
			b, peer := newSlowBodies(), newReceiver(t, nil)
			r := newRigOn(t, openStore(t, fs), peer.port(), b.loading)
			r.publishStored(1)
			soon(t, name, func() bool { return reached(r, b) })
		}) // stops
		store := openStore(t, fs)
		if ready, _ := store.Len("outbox"); ready != 1 {
			t.Errorf("%s: %d in the outbox", name, ready)
		}
		if ready, _ := store.Len("results"); ready != 0 {
			t.Errorf("%s: %d results", name, ready)
		}
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	}
}

// keptBodies is the message store as the engine changes it.
type keptBodies struct {
	mu     sync.Mutex
	bodies map[string]string
	put    error
	asked  chan struct{} // told of each Put, if there is room
	wait   chan struct{} // Delete and Put take so long, or until they are given up; nil: no time
}

func (b *keptBodies) pass(ctx context.Context) error {
	if b.wait == nil {
		return nil
	}
	select {
	case <-b.wait:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (b *keptBodies) Put(ctx context.Context, data []byte, _ time.Time) (string, error) {
	select {
	case b.asked <- struct{}{}:
	default:
	}
	err := b.pass(ctx)
	b.mu.Lock()
	defer b.mu.Unlock()
	key := fmt.Sprint("own", len(b.bodies))
	if err = errors.Join(err, b.put); err == nil {
		b.bodies[key] = string(data)
	}
	return key, err
}

func (b *keptBodies) Delete(ctx context.Context, key string) error {
	err := b.pass(ctx)
	b.mu.Lock()
	defer b.mu.Unlock()
	if err == nil {
		delete(b.bodies, key)
	}
	return err
}

func (b *keptBodies) Get(_ context.Context, key string) ([]byte, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return []byte(b.bodies[key]), nil
}

func (b *keptBodies) Own(key string) bool { return key != "foreign" }

func (b *keptBodies) has(key string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	_, ok := b.bodies[key]
	return ok
}

// What is finished leaves no body behind, but for those that its results name and those that others may use.
func TestBodiesOfFinishedMessages(t *testing.T) {
	for name, c := range map[string]struct {
		message, key string
		gone         bool
	}{
		"delivered":         {`{"recipient":"a@receiver.test","key":"own"}`, "own", true},
		"refused":           {`{"recipient":"a@nowhere.test","key":"own"}`, "own", true},
		"kept":              {`{"recipient":"a@receiver.test","key":"own","keepmime":true}`, "own", false},
		"somebody's":        {`{"recipient":"a@receiver.test","key":"foreign"}`, "foreign", false},
		"failed by command": {`{"recipient":"a@receiver.test","key":"own","delayed":"2100-01-01 00:00:00","maxdelivertime":"2100-01-02 00:00:00"}`, "own", true},
	} {
		t.Run(name, func(t *testing.T) {
			b := &keptBodies{bodies: map[string]string{c.key: "Subject: x\r\n\r\n"}}
			r := newRig(t, newReceiver(t, nil).port(), func(o *Options) {
				o.Bodies, o.Prepare = b, prepare.New(prepare.Options{Bodies: b})
			})
			r.publish("%s", c.message)
			if name == "failed by command" {
				soon(t, "it waits", func() bool { return r.store.WaitingCount() == 1 && r.engine.inHand.Load() == 0 })
				if n, err := r.engine.Fail(t.Context(), "receiver.test", "", nil); n != 1 || err != nil {
					t.Fatal(n, err)
				}
			}
			r.read("results", 1)
			soon(t, "it is settled", func() bool { return r.engine.inHand.Load() == 0 })
			if c.gone {
				soon(t, "the body is removed", func() bool { return !b.has(c.key) })
			} else if !b.has(c.key) || len(r.engine.discards) > 0 {
				t.Error("the body is removed")
			}
		})
	}
}

// A message that is tried again has its source in the store, or keeps it if that fails; a stop does not wait for the store.
func TestSourcesOfWhatIsTriedAgain(t *testing.T) {
	for name, b := range map[string]*keptBodies{
		"stored":       {bodies: map[string]string{}},
		"not stored":   {bodies: map[string]string{}, put: errors.New("no store")},
		"while we end": {bodies: map[string]string{}, wait: make(chan struct{})},
	} {
		fs := vfs.NewMem()
		t.Run(name, func(t *testing.T) {
			peer := newReceiver(t, func(verb, _ string) string {
				if verb == "RCPT" {
					return "450 4.2.0 later"
				}
				return ""
			})
			b.asked = make(chan struct{}, 1)
			r := newRigOn(t, openStore(t, fs), peer.port(), func(o *Options) { o.Bodies, o.StoreOut = b, true })
			r.publish(`{"recipient":"a@receiver.test","mime":"x","id":1}`)
			if b.wait != nil {
				arrives(t, b.asked)
				return
			}
			o := r.read("retry", 1)[0]
			if stored := o.Mime == nil; stored != b.has("own0") || stored != (b.put == nil) {
				t.Errorf("%+v: %v", o, b.bodies)
			}
		})
		if b.wait != nil {
			store := openStore(t, fs)
			if n := store.WaitingCount(); n != 1 {
				t.Errorf("%s: %d wait", name, n)
			}
			if err := store.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}

// Bodies that cannot be removed now are forgotten, not heaped up: they expire by themselves.
func TestDiscardsAreBounded(t *testing.T) {
	b := &keptBodies{bodies: map[string]string{}, wait: make(chan struct{})}
	r := newRig(t, 1, func(o *Options) { o.Bodies = b })
	it := &item{m: &mail.Message{Content: mail.SourceKey, Key: "own"}, finished: true}
	for range maxDiscards + 100 {
		r.engine.discard(it)
	}
	if n := len(r.engine.discards); n < maxDiscards-1 || n > maxDiscards {
		t.Errorf("%d wait", n)
	}
	close(b.wait)
	soon(t, "they are removed", func() bool { return len(r.engine.discards) == 0 })
}
