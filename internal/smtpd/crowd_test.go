package smtpd

import (
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"posthoorn/internal/inject"
)

// TestSlowClientsMakeRoom: slow strangers, each from its own address and within all limits, do not keep others out of a full server,
// whatever they are slow with.
func TestSlowClientsMakeRoom(t *testing.T) {
	for _, way := range slowly {
		synctest.Test(t, func(t *testing.T) {
			const all = 20
			s, b := pipeServer(t, func(o *Options, _ *inject.Options) {
				o.MaxSessions, o.Range, o.Locals = all, nil, localList{"c@d.test": true}
			})
			defer s.stopNow()
			stranger := func(i int) *client { return s.pipeFrom(t, net.IPv4(203, 0, 113, byte(i))) }
			for i := range all {
				go creep(stranger(i).Conn, way.begin, way.byte)
			}
			time.Sleep(patience - time.Second)
			stranger(100).want("421 4.3.2")
			time.Sleep(3 * time.Second)
			for i := range all {
				c := stranger(101 + i)
				if line, err := c.r.ReadString('\n'); !strings.HasPrefix(line, "220") {
					t.Errorf("%s: client %d: %q %v", way.name, i, line, err)
					return
				}
				dripData(c)
				c.send("A: b\r\n\r\n.\r\nQUIT\r\n")
				c.want("250", "221")
				_ = c.Close()
				time.Sleep(2 * time.Second) // a good client does not need to wait for its place either
			}
			if n := len(b.published()); n != all {
				t.Errorf("%s: %d messages", way.name, n)
			}
			time.Sleep(5 * time.Minute)
			if s.limits.leaving != 0 || s.Sessions() != 0 {
				t.Errorf("%s: %d sessions, %d leaving", way.name, s.Sessions(), s.limits.leaving)
			}
		})
	}
}

// TestSteadyClientsMakeRoom: strangers that never let a full server wait for long, but bring no message either, hold it for some
// minutes only; one that brings a message now and then, or a large one, stays.
func TestSteadyClientsMakeRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := pipeServer(t, func(o *Options, _ *inject.Options) {
			o.MaxSessions, o.Range, o.Locals, o.MaxRecipients = 3, nil, localList{"c@d.test": true}, 10_000
		})
		defer s.stopNow()
		stranger := func(i int) *client { return s.pipeFrom(t, net.IPv4(203, 0, 113, byte(i))) }
		idler, good, large := stranger(1), stranger(2), stranger(3)
		for _, c := range []*client{idler, good, large} {
			c.want("220")
		}
		dripData(large)
		for _, c := range []*client{idler, good} {
			c.send("EHLO client.test\r\n")
			c.want("250")
			c.play("MAIL FROM:<a@b.test>", "250")
		}
		chunk := strings.Repeat(strings.Repeat("y", 78)+"\r\n", 64<<10*8/80)
		for i := range 90 { // 12 minutes
			time.Sleep(8 * time.Second)
			for _, c := range []*client{idler, good} {
				c.play("RCPT TO:<c@d.test>", "250")
			}
			large.send(chunk)
			if i == 30 {
				good.play("DATA", "354", "A: b\r\n\r\n.", "250", "MAIL FROM:<a@b.test>", "250")
			}
		}
		synctest.Wait() // the server reads again
		late := stranger(4)
		late.want("220")
		idler.want("421 4.3.2")
		good.play("RCPT TO:<c@d.test>", "250")
		large.send(".\r\n")
		large.want("250")
		for _, c := range []*client{idler, good, large, late} {
			_ = c.Close()
		}
	})
}

// TestWhoStaysInACrowd: clients that may relay, one whose message is being stored, one that sends fast enough, and of two slow ones
// the less slow.
func TestWhoStaysInACrowd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		held := make(chan struct{})
		s, b := pipeServer(t, func(o *Options, _ *inject.Options) {
			o.MaxSessions, o.Range, o.Locals = 5, nil, localList{"c@d.test": true}
		})
		defer s.stopNow()
		b.held = held
		stranger := func(i int) *client { return s.pipeFrom(t, net.IPv4(203, 0, 113, byte(i))) }
		known, storing, sending, slower, slow := s.pipeFrom(t, net.IPv4(127, 0, 0, 1)), stranger(1), stranger(2), stranger(3), stranger(4)
		known.want("220")
		storing.want("220")
		dripData(storing)
		storing.send("A: b\r\n\r\n.\r\n")
		sending.want("220")
		dripData(sending)
		slower.want("220")
		slow.want("220")
		slow.send("EHLO client.test\r\n")
		time.Sleep(time.Second)
		slow.want("250")
		slow.send("MAIL FROM:<a@b.test>\r\n")
		slow.want("250")
		for range 20 {
			time.Sleep(time.Second)
			sending.send(strings.Repeat("y", 2000) + "\r\n")
		}
		late := stranger(5)
		late.want("220")
		slower.want("421 4.3.2")
		if _, err := slower.r.ReadByte(); err != io.EOF {
			t.Error(err)
		}
		sending.send(".\r\n")
		close(held)
		storing.want("250")
		sending.want("250")
		for _, c := range []*client{known, slow, late} {
			c.send("HELO client.test\r\n")
			c.want("250")
		}
		for _, c := range []*client{known, storing, sending, slower, slow, late} {
			_ = c.Close()
		}
	})
}

// TestALoginStaysInACrowd wherever it comes from.
func TestALoginStaysInACrowd(t *testing.T) {
	s, _ := pipeServer(t, func(o *Options, _ *inject.Options) { o.Range = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")} })
	defer s.stopNow()
	x := &session{srv: s, user: "shop", asked: time.Now().Add(-time.Hour), since: time.Now()}
	if x.waitingSince() != ourTurn {
		t.Error("a login is waited for")
	}
	if x.user = ""; x.waitingSince() >= time.Now().Add(-patience).UnixNano() {
		t.Error("a stranger is not waited for")
	}
}
