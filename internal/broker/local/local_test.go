package local_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"posthoorn/internal/broker"
	"posthoorn/internal/broker/brokertest"
	"posthoorn/internal/broker/local"
	"posthoorn/internal/localqueue"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// machine is a disk that can lose its power, and the store on it.
type machine struct {
	mu    sync.Mutex
	fs    *vfs.MemFS
	store *localqueue.Store
	power *atomic.Bool
}

func (m *machine) boot(t *testing.T) {
	t.Helper()
	store, err := localqueue.Open("queue", localqueue.Options{FS: m.fs})
	if err != nil {
		t.Fatal(err)
	}
	m.store, m.power = store, new(atomic.Bool)
	m.power.Store(true)
}

// mortal hears no confirms any more once the power is gone.
type mortal struct {
	*local.Broker
	power *atomic.Bool
}

func (b mortal) Send(ctx context.Context, ps []broker.Publishing, done broker.Done) {
	b.Broker.Send(ctx, ps, func(err error) {
		if err == nil && !b.power.Load() {
			err = broker.ErrClosed
		}
		done(err)
	})
}

func (m *machine) open(*testing.T) broker.Broker {
	m.mu.Lock()
	defer m.mu.Unlock()
	return mortal{local.New(m.store), m.power}
}

// fall ends the store, with or without what was not synced, and opens it again.
func (m *machine) fall(crash bool) brokertest.Fault {
	return func(t *testing.T, b broker.Broker) broker.Broker {
		m.mu.Lock()
		defer m.mu.Unlock()
		old, disk := m.store, m.fs
		if crash {
			m.power.Store(false)
			m.fs = disk.CrashClone(vfs.CrashCloneCfg{})
		}
		_ = b.Close()
		if err := old.Close(); err != nil {
			t.Error(err)
		}
		m.boot(t)
		return mortal{local.New(m.store), m.power}
	}
}

func TestContract(t *testing.T) {
	m := &machine{fs: vfs.NewCrashableMem()}
	m.boot(t)
	t.Cleanup(func() {
		if err := m.store.Close(); err != nil {
			t.Error(err)
		}
	})
	brokertest.Run(t, brokertest.Factory{
		New: m.open, Prioritised: m.open, Restart: m.fall(false), Crash: m.fall(true), Large: 1 << 20, OneChannel: true,
		Count: func(_ *testing.T, _ broker.Broker, queue string) int {
			m.mu.Lock()
			defer m.mu.Unlock()
			ready, _ := m.store.Len(queue)
			return ready
		},
		Unreachable: func(*testing.T) string { return strings.Repeat("x", 300) },
	})
}

// tickets takes down what is handed out.
type tickets chan broker.Ticket

func (c tickets) Deliver(d broker.Delivery) { c <- d.Ticket }
func (tickets) Lost(uint32, uint64)         {}

func (c tickets) next(t *testing.T) broker.Ticket {
	t.Helper()
	select {
	case ticket := <-c:
		return ticket
	case <-time.After(brokertest.Patience):
		t.Fatal("nothing is handed out")
		return broker.Ticket{}
	}
}

// lazy is a disk that syncs its log when the gate is open.
type lazy struct {
	shut    atomic.Bool
	reached chan struct{}
	gate    chan struct{}
}

func (d *lazy) MaybeError(op errorfs.Op) error {
	if op.Kind == errorfs.OpFileSyncData && d.shut.Load() && strings.HasSuffix(op.Path, ".log") {
		select {
		case d.reached <- struct{}{}:
		default:
		}
		<-d.gate
	}
	return nil
}

func (d *lazy) String() string { return "lazy" }

// What is being settled at the end of a consumption is; what comes after that has gone back, and nothing is settled of it.
func TestSettlingWhileTheConsumptionEnds(t *testing.T) {
	disk := &lazy{reached: make(chan struct{}, 1), gate: make(chan struct{})}
	store, err := localqueue.Open("queue", localqueue.Options{FS: errorfs.Wrap(vfs.NewMem(), disk)})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	open := sync.OnceFunc(func() { close(disk.gate) })
	defer open()
	b := local.New(store)
	for range 2 {
		if err := broker.Publish(t.Context(), b, broker.Publishing{Queue: "q", Body: []byte("x")}); err != nil {
			t.Fatal(err)
		}
	}
	in := make(tickets, 2)
	consumer, err := b.Consume("q", 1, 2, in)
	if err != nil {
		t.Fatal(err)
	}
	c := consumer.(*local.Consumer)
	first, second := in.next(t), in.next(t)
	disk.shut.Store(true)
	other := new(localqueue.Batch)
	other.SetMeta("other", []byte("is being written"))
	store.Commit(other, nil)
	<-disk.reached
	settled := make(chan error, 1)
	ack := new(localqueue.Batch)
	if err := c.AckIn(ack, first); err != nil {
		t.Fatal(err)
	}
	store.Commit(ack, func(err error) { settled <- err })
	closed := make(chan error, 1)
	go func() { closed <- c.Close() }()
	select {
	case err := <-closed:
		t.Errorf("closed before that: %v", err)
	case <-time.After(20 * time.Millisecond):
	}
	open()
	if err := errors.Join(<-settled, <-closed); err != nil {
		t.Error(err)
	}
	if ready, held := store.Len("q"); ready != 1 || held != 0 {
		t.Errorf("%d ready, %d in hand", ready, held)
	}
	late := new(localqueue.Batch)
	if err := errors.Join(c.AckIn(late, second), c.MoveIn(late, second, localqueue.Waiting{})); !errors.Is(err, broker.ErrClosed) || late.Len() != 0 {
		t.Errorf("%v, %d changes", err, late.Len())
	}
}
