package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"posthoorn/internal/sink"
	"posthoorn/internal/testbed"
)

// behindProxy is a rig whose daemon reaches RabbitMQ through a network that can break. Commands reach it directly.
func behindProxy(t *testing.T, s setup, test func(t *testing.T, r *rig, p *testbed.Proxy)) {
	t.Parallel()
	p := testbed.StartProxy(t, rabbit.Get(t).Addr())
	s.via = p.Addr()
	onRabbit(t, s, func(t *testing.T, r *rig) { test(t, r, p) })
}

// The connection to the broker breaks in the middle of a load, several times: nothing is lost, nothing is sent twice, no message
// has two different results.
func TestBrokerConnectionBreaks(t *testing.T) {
	const n = 500
	behindProxy(t, setup{sink: sink.Options{Latency: 20 * time.Millisecond}}, func(t *testing.T, r *rig, p *testbed.Proxy) {
		r.roughLoad(n)
		for i, some := range []int{n / 10, n / 4, n / 2} {
			eventually(t, "some are sent", func() bool { return len(r.accepted()) >= some })
			if i == 1 {
				p.Reset()
			} else {
				p.Cut()
			}
			if len(r.accepted()) == n {
				t.Error("the break came too late to say anything")
			}
		}
		r.everyone("results", n)
		r.everyone("success", n)
		r.once(n)
		r.queuesEmpty("outbox")
		r.empty("failure")
	})
}

// While the broker is gone no door takes mail and nothing is lost; when it is back everything goes on by itself.
func TestDoorsWhileTheBrokerIsGone(t *testing.T) {
	behindProxy(t, setup{}, func(t *testing.T, r *rig, p *testbed.Proxy) {
		p.Refuse(true)
		p.Cut()
		eventually(t, "the SMTP door says 451", func() bool { return r.answer("MAIL FROM:<me@sender.test>") == "451" })
		r.drop("mail.eml", "From: me@sender.test\nTo: spool@gone.test\n\nx\n")
		eventually(t, "the spool has tried", func() bool { return strings.Contains(r.read("errors.log"), "not taken now") })
		if _, err := os.Stat(filepath.Join(r.dir, "spool", "mail.eml")); err != nil {
			t.Error(err)
		}
		p.Refuse(false)
		eventually(t, "the SMTP door opens", func() bool { return r.answer("MAIL FROM:<me@sender.test>") == "250" })
		r.dialogue("EHLO client.test", "250", "MAIL FROM:<me@sender.test>", "250", "RCPT TO:<smtp@gone.test>", "250", "DATA", "354", "Subject: x\r\n\r\nx\r\n.", "250")
		for _, o := range r.succeed(2) {
			r.received(o.Recipient)
		}
	})
}

// A container's broker may come up after the program (operations.md section 6).
func TestBrokerComesUpLater(t *testing.T) {
	t.Parallel()
	p := testbed.StartProxy(t, rabbit.Get(t).Addr())
	p.Refuse(true)
	onRabbit(t, setup{via: p.Addr()}, func(t *testing.T, r *rig) {
		r.publish(`{"recipient":"you@later.test","mime":"x"}`)
		eventually(t, "it knows", func() bool { return strings.Contains(r.read("errors.log"), "cannot be reached") })
		p.Refuse(false)
		r.succeed(1)
	})
}

// A broker with an alarm takes nothing: the SMTP door refuses for now, nothing is sent that could not be reported, and all goes on
// when the alarm is over (F4). Not in parallel: the alarm is everybody's.
func TestBrokerIsBlocked(t *testing.T) {
	onRabbit(t, setup{}, func(t *testing.T, r *rig) {
		const n = 20
		broker := rabbit.Get(t)
		r.command("", "pause", "blocked.test")
		for range n {
			r.publish(`{"recipient":"you@blocked.test","mime":"x"}`)
		}
		r.queuesEmpty("outbox")
		broker.Block(t)
		unblock := sync.OnceFunc(func() { broker.Unblock(t) })
		defer unblock()
		// RabbitMQ tells a connection when it publishes; this message is the first to be held.
		first := make(chan string, 1)
		go func() {
			first <- r.answer("MAIL FROM:<me@sender.test>\r\nRCPT TO:<first@blocked.test>\r\nDATA\r\nSubject: x\r\n\r\nx\r\n.")
		}()
		eventually(t, "the SMTP door says 451", func() bool { return r.answer("MAIL FROM:<me@sender.test>") == "451" })
		r.command("", "resume", "blocked.test")
		time.Sleep(2 * time.Second)
		if m := r.sink.Messages(); len(m) != 0 {
			t.Errorf("%d messages sent while the broker takes no results", len(m))
		}
		unblock()
		if code := <-first; code != "250" {
			t.Errorf("the first message was answered with %s", code)
		}
		eventually(t, "all is sent", func() bool { return len(r.sink.Messages()) >= n+1 })
		r.succeed(n + 1)
		if m := r.sink.Messages(); len(m) != n+1 {
			t.Errorf("%d messages sent, want %d", len(m), n+1)
		}
		r.empty("retry", "failure")
	})
}
