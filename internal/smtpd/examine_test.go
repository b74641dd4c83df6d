package smtpd

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"posthoorn/internal/inject"
)

// checkerFunc keeps what it was asked.
type checkerFunc func(c Checked)

func (f checkerFunc) Check(_ context.Context, c Checked) ([]byte, string) {
	f(c)
	return []byte(`[{"spf":"pass"}]`), "spf=pass smtp.mailfrom=a@b.test"
}

// Who is checked, and what Authentication-Results say of whom: strangers are, our own are not.
func TestWhoIsChecked(t *testing.T) {
	stranger, loopback := net.IPv4(203, 0, 113, 20), net.IPv4(127, 0, 0, 1)
	everybody, some := netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("203.0.113.0/24")
	for _, c := range []struct {
		name    string
		peer    net.IP
		ranges  []netip.Prefix
		login   bool
		checked bool
	}{
		{"a stranger", stranger, nil, false, true},
		{"this machine", loopback, nil, false, false},
		{"a range", stranger, []netip.Prefix{some}, false, false},
		{"everybody", stranger, []netip.Prefix{everybody}, false, true},
		{"a range that may only connect", stranger, []netip.Prefix{some}, true, true},
		{"this machine without a login", loopback, nil, true, false},
	} {
		asked := 0
		s, b := pipeServer(t, func(o *Options, _ *inject.Options) {
			o.Range, o.Checker, o.ResultsLocal, o.Locals = c.ranges, checkerFunc(func(Checked) { asked++ }), true, localList{"c@d.test": true}
			if c.login {
				o.Login = oneLogin{"shop", "secret"}
			}
		})
		x := s.pipeFrom(t, c.peer)
		x.want("220")
		x.send("EHLO client.test\r\n")
		x.want("250")
		x.play("MAIL FROM:<a@b.test>", "250", "RCPT TO:<c@d.test>", "250", "DATA", "354", "A: b\r\n\r\n.", "250")
		_ = x.Close()
		s.stopNow()
		got := fields(t, b.published()[0])
		if (asked == 1) != c.checked || asked > 1 || (got["checks"] != nil) != c.checked ||
			strings.HasPrefix(got["mime"].(string), "Authentication-Results: mx.test;\r\n\tspf=pass") != c.checked {
			t.Errorf("%s: asked %d times, %v", c.name, asked, got)
		}
	}
}

// play sends lines and wants the reply behind each.
func (c *client) play(lines ...string) {
	c.t.Helper()
	for i := 0; i+1 < len(lines); i += 2 {
		c.send(lines[i] + "\r\n")
		c.want(lines[i+1])
	}
}

// Nothing is looked up for mail that nobody takes, and what is judged is what will be read: lines are made good before.
func TestWhatIsChecked(t *testing.T) {
	var seen []string
	s, b := pipeServer(t, func(o *Options, io *inject.Options) {
		o.Range, o.Locals, io.Queues.Refused = nil, localList{"c@d.test": true}, "refused"
		o.Checker = checkerFunc(func(c Checked) { seen = append(seen, string(c.Source)) })
	})
	defer s.stopNow()
	c := s.pipe(t)
	c.want("220")
	c.send("EHLO client.test\r\n")
	c.want("250")
	c.play("MAIL FROM:<a@b.test>", "250", "RCPT TO:<far@away.test>", "250", "DATA", "354", "A: b\r\n\r\n.", "550")
	if len(seen) != 0 {
		t.Errorf("refused mail was checked: %q", seen)
	}
	c.play("MAIL FROM:<a@b.test>", "250", "RCPT TO:<c@d.test>", "250", "DATA", "354", "From: a@b.test\rFrom: evil@x.test\n\r\nx\r\n.", "250")
	_ = c.Close()
	mime := fields(t, b.published()[1])["mime"].(string)
	if len(seen) != 1 || seen[0] != "From: a@b.test\r\nFrom: evil@x.test\r\n\r\nx\r\n" || !strings.HasSuffix(mime, seen[0]) {
		t.Errorf("checked %q, stored %q", seen, mime)
	}
}

// A message whose checks were cut short by the end of the server is not taken.
func TestStopDuringChecks(t *testing.T) {
	checking := make(chan struct{})
	s, b := pipeServer(t, func(o *Options, _ *inject.Options) {
		o.Checker = untilStopped(checking)
	})
	c := s.pipe(t)
	c.want("220")
	c.send("EHLO client.test\r\n")
	c.want("250")
	c.play("MAIL FROM:<a@b.test>", "250", "RCPT TO:<c@d.test>", "250", "DATA", "354")
	c.send("A: b\r\n\r\n.\r\n")
	<-checking
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	s.Stop(ctx)
	if n := len(b.published()); n != 0 {
		t.Errorf("%d messages were taken", n)
	}
}

// untilStopped is a check that has no end of its own.
type untilStopped chan struct{}

func (u untilStopped) Check(ctx context.Context, _ Checked) ([]byte, string) {
	close(u)
	<-ctx.Done()
	return nil, ""
}

// Whoever sends it: a field in our name goes where we write such fields, and only that field.
func TestForgedResultsGo(t *testing.T) {
	forged := "Authentication-Results: mx.test; dkim=pass\r\nAUTHENTICATION-RESULTS:\r\n (hi) \"MX.test\" 1; spf=pass\r\n"
	kept := "Authentication-Results: mx.other.test; dkim=pass\r\nSubject: x\r\n"
	source := "X: y\r\n" + forged + kept + "\r\nAuthentication-Results: mx.test; in the body\r\n"
	for _, c := range []struct {
		local, nonlocal bool
		removed         bool
	}{{false, false, false}, {true, false, true}, {false, true, true}} {
		s, b := pipeServer(t, func(o *Options, _ *inject.Options) {
			o.ResultsLocal, o.ResultsNonlocal, o.Locals = c.local, c.nonlocal, localList{"c@d.test": true}
		})
		x := s.pipe(t)
		x.want("220")
		x.send("EHLO client.test\r\n")
		x.want("250")
		x.play("MAIL FROM:<a@b.test>", "250", "RCPT TO:<c@d.test>", "250", "RCPT TO:<far@away.test>", "250", "DATA", "354", source+".", "250")
		_ = x.Close()
		s.stopNow()
		want := source
		if c.removed {
			want = strings.Replace(source, forged, "", 1)
		}
		for _, p := range b.published() {
			if mime := fields(t, p)["mime"].(string); !strings.HasSuffix(mime, "+0000\r\n"+want) || !strings.HasPrefix(mime, "Received:") {
				t.Errorf("%+v: %q", c, mime)
			}
		}
	}
}

// lines is a log in memory.
type lines struct{ buf bytes.Buffer }

func (l *lines) logger() *slog.Logger { return slog.New(slog.NewTextHandler(&l.buf, nil)) }
func (l *lines) all() []string {
	return strings.Split(strings.TrimRight(l.buf.String(), "\n"), "\n")
}

// Each refusal is one line, whatever the client writes into its commands.
func TestRefusalsAreLogged(t *testing.T) {
	log := &lines{}
	s, _ := pipeServer(t, func(o *Options, io *inject.Options) {
		o.Range, o.Log, o.MaxSize, o.MaxRecipients, o.Locals = nil, log.logger(), 1000, 1, localList{"c@d.test": true}
	})
	c := s.pipe(t)
	c.want("220")
	c.play("EHLO cli\x1bent.test", "500", "EHLO client.test", "250", "RCPT TO:<far@away.test>", "503", // no refusal of mail
		"MAIL FROM:<a@b.test> SIZE=99999999", "552",
		"MAIL FROM:<ann@b.test>", "250",
		"RCPT TO:<far@away.test>", "550",
		"RCPT TO:<x\x01\x1b[31m\ny@z.test>", "500", // never a command
		"RCPT TO:<\"y\u2028 reply=250\"@z.test>", "553",
		"RCPT TO:<c@d.test>", "250",
		"RCPT TO:<second@d.test>", "452",
		"RCPT TO:<third@d.test>", "452",
		"DATA", "354", strings.Repeat("x", 2000)+"\r\n.", "552")
	c.send("QUIT\r\n")
	c.want("221")
	s.stopNow()
	want := []string{
		`msg="mail refused" peer=203.0.113.20:48211 helo=client.test envelope=a@b.test reply="552 5.3.4 Message is too big"`,
		`msg="mail refused" peer=203.0.113.20:48211 helo=client.test envelope=ann@b.test recipient=far@away.test reply="550 5.7.1 Relaying denied"`,
		`msg="mail refused" peer=203.0.113.20:48211 helo=client.test envelope=ann@b.test recipient="\"y\u2028 reply=250\"@z.test" reply="553 `,
		`msg="mail refused" peer=203.0.113.20:48211 helo=client.test envelope=ann@b.test recipient=c@d.test recipients=1 reply="452 4.5.3 Too many recipients"`,
		`msg="mail refused" peer=203.0.113.20:48211 helo=client.test envelope=ann@b.test recipient=c@d.test recipients=1 reply="552 5.3.4 Message is too big"`,
	}
	got := log.all()
	if len(got) != len(want) {
		t.Fatalf("%d lines, want %d: %q", len(got), len(want), got)
	}
	for i := range want {
		if !strings.Contains(got[i], want[i]) {
			t.Errorf("%s\nwant %s", got[i], want[i])
		}
	}
}

// A client that is refused a thousand times has a few lines and one that counts the others; many clients share so many lines.
func TestRefusalsDoNotFloodTheLog(t *testing.T) {
	log := &lines{}
	s, _ := pipeServer(t, func(o *Options, _ *inject.Options) { o.Range, o.Log, o.MaxErrors = nil, log.logger(), 2000 })
	c := s.pipe(t)
	c.want("220")
	c.send("EHLO client.test\r\n")
	c.want("250")
	c.play("MAIL FROM:<a@b.test>", "250")
	const refused = 1000
	for i := range refused {
		c.play(fmt.Sprintf("RCPT TO:<u%d@away.test>", i), "550")
	}
	_ = c.Close()
	s.stopNow()
	got := log.all()
	if len(got) != sessionNotes+1 || !strings.Contains(got[sessionNotes], fmt.Sprint("times=", refused-sessionNotes)) {
		t.Errorf("%d lines, the last one %s", len(got), got[len(got)-1])
	}
}

func TestTurnedAwayClientsAreLogged(t *testing.T) {
	log := &lines{}
	s, _ := pipeServer(t, func(o *Options, _ *inject.Options) {
		o.Log, o.Barred = log.logger(), func(netip.Addr) bool { return true }
	})
	c := s.pipe(t)
	c.want("554")
	_ = c.Close()
	s.stopNow()
	got := log.all()
	if len(got) != 1 || !strings.Contains(got[0], `msg="connection refused" peer=203.0.113.20:48211 reply="554 5.7.1 Access denied"`) {
		t.Errorf("%d lines: %s", len(got), got[0])
	}
}

// Handshakes that fail are told within the same bounds.
func TestFailedHandshakesDoNotFloodTheLog(t *testing.T) {
	log := &lines{}
	ts := start(t, func(o *Options, _ *inject.Options) { o.Log = log.logger() })
	fail := func() {
		c := dial(t, ts.secure)
		_, _ = c.Write([]byte("GET / HTTP/1.1\r\n\r\n"))
		_, _ = io.Copy(io.Discard, c)
	}
	fail()
	ts.notes.mu.Lock()
	ts.notes.tokens, ts.notes.filled = 0, time.Now().Add(time.Hour)
	ts.notes.mu.Unlock()
	fail()
	ts.Stop(t.Context())
	got := log.all()
	if len(got) != 1 || !strings.Contains(got[0], `level=INFO msg="TLS handshake failed"`) {
		t.Errorf("%q", got)
	}
}

// All clients together write a burst of lines, then so many a second; the next line says how many are missing.
func TestNotesAreBounded(t *testing.T) {
	var n notes
	now := time.Date(2031, 5, 4, 12, 0, 0, 0, time.UTC)
	take := func(times int) (written, missing int) {
		for range times {
			if left, ok := n.take(now); ok {
				written++
				missing += left
			}
		}
		return written, missing
	}
	for i, c := range []struct {
		later                   time.Duration
		times, written, missing int
	}{
		{0, noteBurst + 100, noteBurst, 0},
		{time.Second, 50, notesASecond, 100},
		{time.Second / 2, 1, 1, 50 - notesASecond},
		{time.Hour, 2 * noteBurst, noteBurst, 0},
	} {
		now = now.Add(c.later)
		if written, missing := take(c.times); written != c.written || missing != c.missing {
			t.Errorf("%d: %d lines that tell of %d more", i, written, missing)
		}
	}
}
