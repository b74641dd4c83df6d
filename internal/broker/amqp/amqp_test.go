package amqp_test

import (
	"log/slog"
	"os"
	"strings"
	"testing"

	"posthoorn/internal/broker"
	"posthoorn/internal/broker/amqp"
	"posthoorn/internal/broker/brokertest"
	"posthoorn/internal/testbed"

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
		Large:       20 << 20,
	})
}
