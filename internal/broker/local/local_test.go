package local_test

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"posthoorn/internal/broker"
	"posthoorn/internal/broker/brokertest"
	"posthoorn/internal/broker/local"
	"posthoorn/internal/localqueue"

	"github.com/cockroachdb/pebble/v2/vfs"
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
