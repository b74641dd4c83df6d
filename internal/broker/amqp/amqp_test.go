package amqp_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"posthoorn/internal/broker"
	"posthoorn/internal/broker/amqp"
	"posthoorn/internal/broker/brokertest"
	"posthoorn/internal/testbed"

	amqp091 "github.com/rabbitmq/amqp091-go"
	"go.uber.org/goleak"
)

var rabbit testbed.SharedRabbitMQ

func TestMain(m *testing.M) {
	code := m.Run()
	rabbit.Close()
	if code == 0 {
		if err := goleak.Find(); err != nil {
			_, _ = os.Stderr.WriteString(err.Error() + "\n")
			code = 1
		}
	}
	os.Exit(code)
}

// testLog writes to the log of the test.
type testLog struct{ t *testing.T }

func (l testLog) Write(p []byte) (int, error) {
	l.t.Logf("%s", strings.TrimSpace(string(p)))
	return len(p), nil
}

func logger(t *testing.T) *slog.Logger {
	return slog.New(slog.NewTextHandler(testLog{t}, nil))
}

// open is an adapter that the test closes.
func open(t *testing.T, o amqp.Options) *amqp.Broker {
	t.Helper()
	if o.Logger == nil {
		o.Logger = logger(t)
	}
	b, err := amqp.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	return b
}

func TestContract(t *testing.T) {
	r := rabbit.Get(t)
	p := testbed.StartProxy(t, r.Addr())
	with := func(t *testing.T, o amqp.Options) broker.Broker {
		o.Address = r.URLVia(p.Addr())
		return open(t, o)
	}
	brokertest.Run(t, brokertest.Factory{
		New:         func(t *testing.T) broker.Broker { return with(t, amqp.Options{}) },
		Prioritised: func(t *testing.T) broker.Broker { return with(t, amqp.Options{MaxPriority: 5}) },
		Cut: func(t *testing.T, b broker.Broker) broker.Broker {
			p.Reset()
			return b
		},
		Restart: func(t *testing.T, b broker.Broker) broker.Broker {
			r.Restart(t)
			return b
		},
		Crash: func(t *testing.T, b broker.Broker) broker.Broker {
			// RabbitMQ 3.10 forgets a durable queue that was declared within the last seconds, with all that is in it. The
			// promise is about messages, so the definitions are brought to disk before.
			r.Ctl(t, "eval", "mnesia:sync_log().")
			r.Kill()
			r.Start(t)
			return b
		},
		Block:       func(t *testing.T) { r.Block(t) },
		Unblock:     func(t *testing.T) { r.Unblock(t) },
		Unreachable: func(*testing.T) string { return "amq.nobody-may-declare-this" },
		TooBig:      128<<20 + 1,
		Large:       4 << 20,
	})
}

func name(t *testing.T) string { return fmt.Sprint(t.Name(), "-", time.Now().UnixNano()) }

func patience(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func publish(t *testing.T, b broker.Sender, ps ...broker.Publishing) error {
	t.Helper()
	return broker.Publish(patience(t), b, ps...)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// get takes one message off a queue, as another client sees it.
func get(t *testing.T, queue string) amqp091.Delivery {
	t.Helper()
	d, ok, err := direct(t).Get(queue, true)
	must(t, err)
	if !ok {
		t.Fatalf("queue %s is empty", queue)
	}
	return d
}

// deliveries is a handler that passes on what comes.
type deliveries chan broker.Delivery

func (d deliveries) Deliver(x broker.Delivery) { d <- x }

func (d deliveries) Lost(uint32, uint64) {}

func (d deliveries) next(t *testing.T) broker.Delivery {
	t.Helper()
	select {
	case x := <-d:
		return x
	case <-patience(t).Done():
		t.Fatal("no delivery")
		return broker.Delivery{}
	}
}

func eventually(t *testing.T, f func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for ctx := patience(t); !f(); {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatal("a condition did not come")
		}
	}
}
