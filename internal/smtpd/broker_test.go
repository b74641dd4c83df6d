package smtpd

import (
	"errors"
	"sync/atomic"
	"testing"

	"posthoorn/internal/broker"
	"posthoorn/internal/inject"
)

// TestWhereMessagesMayNotGo: what cannot be kept is refused for now, at the moment when that shows, and nothing is ever accepted that
// is not stored.
func TestWhereMessagesMayNotGo(t *testing.T) {
	var blocked, full atomic.Bool
	var ts *testServer
	for _, c := range []struct {
		name      string
		before    func() // MAIL
		between   func() // DATA and the dot
		mail, dot string
		published int
	}{
		{"all is well", nil, nil, "250", "250", 1},
		{"blocked", func() { blocked.Store(true) }, nil, "451 4.3.0", "", 0},
		{"disk full", func() { full.Store(true) }, nil, "452 4.3.1", "", 0},
		{"blocked meanwhile", nil, func() { blocked.Store(true) }, "250", "451 4.3.0", 0},
		{"disk full meanwhile", nil, func() { full.Store(true) }, "250", "452 4.3.1", 0},
		{"gone meanwhile", nil, func() { ts.broker.fail(broker.ErrClosed) }, "250", "451 4.3.0", 0},
		{"no confirm", nil, func() { ts.broker.fail(errors.New("nacked")) }, "250", "451 4.3.0", 0},
		{"too big for the queue", nil, func() { ts.broker.fail(broker.ErrTooBig) }, "250", "552 5.3.4", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			blocked.Store(false)
			full.Store(false)
			ts = start(t, func(_ *Options, io *inject.Options) {
				io.Blocked = func() (string, bool) { return "memory", blocked.Load() }
				io.Room = func() error {
					if full.Load() {
						return errors.New("12 MB are free")
					}
					return nil
				}
			})
			x := newClient(t, dial(t, ts.plain))
			x.send("EHLO client.test\r\n")
			x.want("220", "250")
			if c.before != nil {
				c.before()
			}
			x.send("MAIL FROM:<a@b.test>\r\n")
			x.want(c.mail)
			if c.dot != "" {
				x.send("RCPT TO:<c@d.test>\r\nDATA\r\nA: b\r\n\r\n")
				x.want("250", "354")
				if c.between != nil {
					c.between()
				}
				x.send(".\r\n")
				x.want(c.dot)
			}
			if n := len(ts.broker.published()); n != c.published {
				t.Error(n, "messages")
			}
			// and when it is over the same session may go on
			blocked.Store(false)
			full.Store(false)
			ts.broker.fail(nil)
			x.send("MAIL FROM:<a@b.test>\r\nRCPT TO:<c@d.test>\r\nDATA\r\n")
			x.want("250", "250", "354")
			x.send("A: b\r\n\r\n.\r\n")
			x.want("250")
			if n := len(ts.broker.published()); n != c.published+1 {
				t.Error(n, "messages in the end")
			}
		})
	}
}

// fail makes publishing fail from here on.
func (f *fakeBroker) fail(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.err = err
}
