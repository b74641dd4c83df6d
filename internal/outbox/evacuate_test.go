package outbox

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"posthoorn/internal/broker"
	"posthoorn/internal/broker/local"
	"posthoorn/internal/localqueue"
	"posthoorn/internal/settle"

	"github.com/cockroachdb/pebble/v2/vfs"
)

func newTestLogger(t *testing.T) *slog.Logger { return slog.New(slog.NewTextHandler(testLog{t}, nil)) }

// elsewhere is a broker that could be on another machine. Queues whose name begins with "missing" are not there, and Send fails
// while failing is above zero.
type elsewhere struct {
	*local.Broker
	failing atomic.Int64

	mu      sync.Mutex
	watched string   // a queue
	ids     []string // of what was published to it
}

// watch notes the names of what is published to a queue from now on.
func (b *elsewhere) watch(queue string) (ids func() []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.watched = queue
	return func() []string { b.mu.Lock(); defer b.mu.Unlock(); return slices.Clone(b.ids) }
}

var errRefused = errors.New("refused")

func (b *elsewhere) Count(_ context.Context, queue string) (int, int, error) {
	if strings.HasPrefix(queue, "missing") {
		return 0, 0, broker.ErrUnroutable
	}
	return 0, 0, nil
}

func (b *elsewhere) Send(ctx context.Context, ps []broker.Publishing, done broker.Done) {
	if b.failing.Add(-1) >= 0 {
		go done(errRefused)
		return
	}
	b.mu.Lock()
	for _, p := range ps {
		if p.Queue == b.watched {
			b.ids = append(b.ids, p.ID)
		}
	}
	b.mu.Unlock()
	b.Broker.Send(ctx, ps, done)
}

// newRemoteRig is an engine that believes its queue to be on a broker elsewhere.
func newRemoteRig(t *testing.T, port uint16, change ...func(*Options)) (*rig, *elsewhere) {
	t.Helper()
	store := openStore(t, vfs.NewMem())
	b := &elsewhere{Broker: local.New(store)}
	r := newRigOn(t, store, port, func(o *Options) {
		o.Broker, o.Remote = b, true
		o.Settler = settle.NewRemote(settle.Options{Store: store, Sender: b, Logger: o.Logger})
		for _, c := range change {
			c(o)
		}
	})
	return r, b
}

type evacuee struct {
	ID          int
	Seen        string
	Delayed     string
	Nextattempt struct{ Time string }
	Mime        string
	Results     []result
}

func TestEvacuate(t *testing.T) {
	r, _ := newRemoteRig(t, 1)
	const n = 3*actionBatch + 7
	r.delayed(n, "receiver.test", `,"results":[{"attempt":1,"code":451}]`)
	r.delayed(2, "other.test", "")
	done, err := r.engine.Evacuate(t.Context(), "receiver.test", "outbox2", false, func(done int) {
		if hand := r.engine.inHand.Load(); hand > actionBatch {
			t.Errorf("%d in hand", hand)
		}
	})
	if err != nil || done != n {
		t.Fatalf("%d, %v", done, err)
	}
	ids := map[int]bool{}
	for range n {
		var m evacuee
		r.decode("outbox2", &m)
		due, err := time.Parse(time.DateTime, m.Delayed)
		if ids[m.ID] || m.Seen == "" || m.Mime != "x" || err != nil || time.Until(due) < 50*time.Minute || len(m.Results) != 1 {
			t.Fatalf("%+v", m)
		}
		ids[m.ID] = true
	}
	if left := r.store.WaitingCount(); left != 2 {
		t.Errorf("%d left", left)
	}
	soon(t, "nothing in hand", r.idle)
	r.publish(`{"recipient":"bad"}`) // the consumer goes on
	r.read("failure", 1)
	if done, err = r.engine.Evacuate(t.Context(), "", "outbox2", false, nil); done != 2 || err != nil || r.store.WaitingCount() != 0 {
		t.Errorf("all: %d, %v", done, err)
	}
}

func TestEvacuateRefuses(t *testing.T) {
	r, _ := newRemoteRig(t, 1)
	r.delayed(3, "receiver.test", "")
	if _, err := r.engine.Evacuate(t.Context(), "", "missing", false, nil); !errors.Is(err, broker.ErrUnroutable) {
		t.Errorf("%v", err)
	}
	if reason := r.engine.brake.reason(); reason != "" || r.store.WaitingCount() != 3 {
		t.Errorf("touched: %q", reason)
	}
	r.engine.brake.claim(brakeEvacuate)
	if _, err := r.engine.Evacuate(t.Context(), "", "", false, nil); !errors.Is(err, ErrBusy) {
		t.Errorf("%v", err)
	}
	r.engine.brake.release(brakeEvacuate)
	embedded := newRig(t, 1, nil)
	if _, err := embedded.engine.Evacuate(t.Context(), "", "", false, nil); !errors.Is(err, ErrNotRemote) {
		t.Errorf("%v", err)
	}
}

func TestWhatIsNotConfirmedStays(t *testing.T) {
	r, b := newRemoteRig(t, 1)
	r.delayed(100, "receiver.test", "")
	b.failing.Store(40)
	done, err := r.engine.Evacuate(t.Context(), "", "outbox2", false, nil)
	if !errors.Is(err, errRefused) || done != 60 {
		t.Errorf("%d, %v", done, err)
	}
	if left := r.store.WaitingCount(); left != 40 {
		t.Errorf("%d left", left)
	}
	soon(t, "nothing in hand", r.idle)
	if done, err = r.engine.Evacuate(t.Context(), "", "outbox2", false, nil); done != 40 || err != nil {
		t.Errorf("again: %d, %v", done, err)
	}
	if ready, _ := r.store.Len("outbox2"); ready != 100 {
		t.Errorf("%d given back", ready)
	}
}

// slow is a broker that has what is published before it says so.
type slow struct {
	*elsewhere
	sent    chan struct{}
	confirm <-chan struct{}
}

func (b *slow) Send(ctx context.Context, ps []broker.Publishing, done broker.Done) {
	b.elsewhere.Send(ctx, ps, func(err error) {
		b.sent <- struct{}{}
		go func() {
			select {
			case <-b.confirm:
				done(err)
			case <-ctx.Done():
				done(ctx.Err())
			}
		}()
	})
}

// What is published when an evacuation is ended is there, so that it does not go on to wait here: it would be sent twice.
func TestEvacuationThatIsEnded(t *testing.T) {
	const n = 10
	confirm, open := gate()
	defer open()
	sent := make(chan struct{}, n)
	r, _ := newRemoteRig(t, 1, func(o *Options) { o.Broker = &slow{o.Broker.(*elsewhere), sent, confirm} })
	r.delayed(n, "receiver.test", "")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended, gone := make(chan error, 1), 0
	go func() {
		var err error
		gone, err = r.engine.Evacuate(ctx, "", "outbox2", false, nil)
		ended <- err
	}()
	for range n {
		arrives(t, sent)
	}
	cancel()
	time.Sleep(10 * time.Millisecond) // for the other way round
	open()
	if err := arrives(t, ended); !errors.Is(err, context.Canceled) && err != nil || gone != n {
		t.Errorf("%d given back: %v", gone, err)
	}
	if left := r.store.WaitingCount(); left != 0 {
		t.Errorf("%d wait here too", left)
	}
}

// laggard is a broker whose consumer goes on at once when it is told to, and says so when the gate is open.
type laggard struct {
	*elsewhere
	told chan struct{}
	gate <-chan struct{}
}

func (b *laggard) Consume(queue string, consumers, credit int, h broker.Handler) (broker.Consumer, error) {
	c, err := b.elsewhere.Consume(queue, consumers, credit, h)
	return &laggingConsumer{c, b}, err
}

type laggingConsumer struct {
	broker.Consumer
	b *laggard
}

func (c *laggingConsumer) Resume(ctx context.Context) error {
	err := c.Consumer.Resume(ctx)
	select {
	case c.b.told <- struct{}{}:
	default:
	}
	<-c.b.gate
	return err
}

// Consuming goes on after an evacuation also where that is over before the brake has looked.
func TestConsumingGoesOnAfterAShortEvacuation(t *testing.T) {
	gate, open := gate()
	defer open()
	told := make(chan struct{}, 1)
	r, _ := newRemoteRig(t, 1, func(o *Options) { o.Broker = &laggard{o.Broker.(*elsewhere), told, gate} })
	soon(t, "the brake is busy", func() bool { // it may miss some of that
		r.engine.brake.press(brakeRoom)
		time.Sleep(time.Millisecond)
		r.engine.brake.release(brakeRoom)
		return len(told) > 0
	})
	if n, err := r.engine.Evacuate(t.Context(), "", "", false, nil); n != 0 || err != nil {
		t.Fatal(n, err)
	}
	open()
	r.publish(`{"recipient":"bad"}`)
	r.read("failure", 1)
}

// The form of the time is that of the message itself, and a message is never the same twice.
func TestEvacueeIsWrittenAsItCame(t *testing.T) {
	r, _ := newRemoteRig(t, 1)
	now := time.Date(2030, 1, 2, 3, 4, 5, 600, time.UTC)
	due := now.Add(time.Hour)
	for _, c := range []struct{ body, want string }{
		{`{"recipient":"a@b.c","seen":"2030-01-02 00:00:00","delayed":"2030-01-02 09:00:00"}`,
			`{"recipient":"a@b.c","seen":"2030-01-02 03:04:05","delayed":"2030-01-02 04:04:06"}`},
		{`{"recipient":"a@b.c","nextattempt":{"time":"2030-01-02 09:00:00"}}`,
			`{"recipient":"a@b.c","nextattempt":{"time":"2030-01-02 04:04:06"},"seen":"2030-01-02 03:04:05"}`},
		{`not json`, `not json`},
	} {
		if got := string(r.engine.evacuee(&item{body: []byte(c.body), due: due}, now)); got != c.want {
			t.Errorf("%s: %s", c.body, got)
		}
	}
	early := `{"recipient":"a@b.c","delayed":"2030-01-02 09:00:00"}`
	want := `{"recipient":"a@b.c","delayed":"2030-01-02 03:04:05","seen":"2030-01-02 03:04:05"}`
	if got := string(r.engine.evacuee(&item{body: []byte(early), due: now}, now)); got != want {
		t.Errorf("due at once: %s", got)
	}
	b := new(localqueue.Batch)
	b.Note(identify([]byte(want)), []byte("x"))
	if err := r.store.Do(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	want = strings.Replace(want, `seen":"2030-01-02 03:04:05`, `seen":"2030-01-02 03:04:06`, 1)
	if got := string(r.engine.evacuee(&item{body: []byte(early), due: now}, now)); got != want {
		t.Errorf("known to the ledger: %s", got)
	}
}

// With stop, what is in transaction is waited for: what becomes of it is given back too, and nothing is left here.
func TestEvacuateForGood(t *testing.T) {
	shut, open := gate()
	defer open()
	reached := make(chan struct{}, 100)
	peer := newReceiver(t, func(verb, _ string) string {
		if verb == "." {
			reached <- struct{}{}
			<-shut
			return "451 4.7.1 later"
		}
		return ""
	})
	r, _ := newRemoteRig(t, peer.port(), func(o *Options) { o.Total = oneConnection })
	const n = 30
	r.delayed(n, "other.test", "")
	for i := range n {
		r.publish(`{"recipient":"a%d@receiver.test","mime":"x","id":%d}`, i, i)
	}
	arrives(t, reached)
	ended := make(chan error, 1)
	total := 0
	go func() {
		var err error
		total, err = r.engine.Evacuate(t.Context(), "", "outbox2", true, nil)
		ended <- err
	}()
	soon(t, "what waits is gone", func() bool { return r.store.WaitingCount() == 0 })
	select {
	case err := <-ended:
		t.Fatalf("ended with mail in transaction: %v", err)
	default:
	}
	open()
	if err := arrives(t, ended); err != nil {
		t.Fatal(err)
	}
	given, _ := r.store.Len("outbox2")
	back, _ := r.store.Len("outbox")
	if given != total || given+back != 2*n || given <= n || r.store.WaitingCount() != 0 {
		t.Errorf("%d of %d given away, %d in the outbox, %d wait", given, total, back, r.store.WaitingCount())
	}
	if reason := r.engine.brake.reason(); reason == "" {
		t.Error("consuming goes on")
	}
}
