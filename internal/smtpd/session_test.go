package smtpd

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"posthoorn/internal/broker"
	"posthoorn/internal/inject"
	"posthoorn/internal/mail"
)

// client speaks over any connection and fails the test when something goes wrong.
type client struct {
	t testing.TB
	net.Conn
	r *bufio.Reader
}

func newClient(t testing.TB, c net.Conn) *client { return &client{t, c, bufio.NewReader(c)} }

func (c *client) send(s string) {
	c.t.Helper()
	if _, err := io.WriteString(c.Conn, s); err != nil {
		c.t.Fatal(err)
	}
}

// want reads whole replies and compares their codes.
func (c *client) want(codes ...string) (last string) {
	c.t.Helper()
	for _, code := range codes {
		for {
			line, err := c.r.ReadString('\n')
			if err != nil || !strings.HasPrefix(line, code) {
				c.t.Fatalf("%q %v, want %s", line, err, code)
			}
			if line[3] == ' ' {
				last = line
				break
			}
		}
	}
	return last
}

const envelope = "EHLO client.test\r\nMAIL FROM:<a@b.test>\r\nRCPT TO:<c@d.test>\r\n"

// pipeServer is a server whose sessions run over pipes: no sockets, so that time can be virtual.
func pipeServer(t testing.TB, change func(*Options, *inject.Options)) (*Server, *fakeBroker) {
	b := &fakeBroker{}
	io := inject.Options{Sender: b, Queues: inject.Queues{Inbox: "inbox"}, Hostname: "mx.test", Log: slog.New(slog.DiscardHandler)}
	o := Options{Hostname: "mx.test", Range: []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0")}, Log: slog.New(slog.DiscardHandler)}
	if change != nil {
		change(&o, &io)
	}
	if o.Door == nil {
		o.Door = inject.New(io)
	}
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return s, b
}

// pipeConn is one end of a pipe with the address of a client.
type pipeConn struct {
	net.Conn
	remote net.Addr
}

func (p pipeConn) RemoteAddr() net.Addr { return p.remote }
func (p pipeConn) LocalAddr() net.Addr {
	return &net.TCPAddr{IP: net.IPv4(198, 51, 100, 7), Port: 25}
}

func (s *Server) pipe(t testing.TB) *client { return s.pipeFrom(t, net.IPv4(203, 0, 113, 20)) }

func (s *Server) pipeFrom(t testing.TB, ip net.IP) *client {
	server, c := net.Pipe()
	s.running.Go(func() { s.serveConn(pipeConn{server, &net.TCPAddr{IP: ip, Port: 48211}}, false) })
	return newClient(t, c)
}

func (s *Server) stopNow() { s.Stop(context.Background()) }

// TestSmuggling plays every look-alike of the end of data, cut at every byte: one message comes out, and what stands in it is
// never taken for a command.
func TestSmuggling(t *testing.T) {
	s, b := pipeServer(t, nil)
	defer s.stopNow()
	for _, fake := range []string{"\n.\n", "\r.\r", "\r\n.\n", "\n.\r\n", "\r\n.\r", "\r.\r\n", "\r\r.\r\n", "\n\n.\r\n", "\r\n\x01.\r\n", "\r\n.\x01\r\n", "\r\n.\r\r\n",
		"\n.\r", "\r\n.\n\r", "\r\n. \r\n", "\r\n..\r\n", "\n\r.\n\r", "\r\n.\t\r\n", "\v.\v", "\f.\f", "\u2028.\u2028", "\u0085.\u0085", "\r\n\ufeff.\r\n",
		"\r\n.\r\x01\n", "\r\x01\n.\r\n", "\n.\r\r\n", "\r\r.\r\r", "=0D=0A.=0D=0A"} {
		data := "A: b\r\n\r\none" + fake + "RSET\r\nMAIL FROM:<evil@x.test>\r\nRCPT TO:<evil@y.test>\r\nDATA\r\ntwo\r\n.\r\n"
		for i := 8; i < len(data)-1; i++ {
			before := len(b.published())
			c := s.pipe(t)
			c.want("220")
			done := make(chan struct{})
			go func() {
				defer close(done)
				_, _ = io.WriteString(c.Conn, envelope+"DATA\r\n")
				_, _ = io.WriteString(c.Conn, data[:i])
				_, _ = io.WriteString(c.Conn, data[i:]+"QUIT\r\n")
			}()
			c.want("250", "250", "250", "354", "250", "221")
			<-done
			_ = c.Close()
			got := b.published()[before:]
			if len(got) != 1 {
				t.Fatalf("%q cut at %d: %d messages", fake, i, len(got))
			}
			mime := fields(t, got[0])["mime"].(string)
			if !strings.Contains(mime, "RSET\r\nMAIL FROM:<evil@x.test>") || !strings.HasSuffix(mime, "two\r\n") || hasBareLineEnd(mime) {
				t.Fatalf("%q cut at %d: %q", fake, i, mime)
			}
		}
	}
}

func hasBareLineEnd(s string) bool {
	s = strings.ReplaceAll(s, "\r\n", "")
	return strings.ContainsAny(s, "\r\n")
}

func TestACutMessageIsNotQueued(t *testing.T) {
	ts := start(t, nil)
	for _, text := range []string{"DATA\r\nA: b\r\n\r\nhalf", "DATA\r\nA: b\r\n\r\nhalf\r\n.\r", "BDAT 100 LAST\r\nA: b\r\n\r\nhalf", "BDAT 8\r\nA: b\r\n\r\n"} {
		c := newClient(t, dial(t, ts.plain))
		c.send(envelope + text)
		if err := c.Conn.(*net.TCPConn).CloseWrite(); err != nil {
			t.Fatal(err)
		}
		all, err := io.ReadAll(c.r)
		if err != nil || bytes.Contains(all, []byte("queued")) {
			t.Errorf("%q: %q %v", text, all, err)
		}
	}
	if n := len(ts.broker.published()); n != 0 {
		t.Error(n, "messages were queued")
	}
}

func TestWhatIsPublished(t *testing.T) {
	var log []string
	var mu sync.Mutex
	s, b := pipeServer(t, func(o *Options, io *inject.Options) {
		o.DSN, o.Extract, o.Locals, io.Queues.Reports = true, true, localList{"bounces@d.test": true}, "reports"
		o.Reports, o.Checker, o.ResultsLocal = fakeReports, fakeChecker{}, true
		o.Received = func(object []byte, report bool) {
			mu.Lock()
			defer mu.Unlock()
			log = append(log, fmt.Sprint(report, " ", string(object)))
		}
	})
	defer s.stopNow()
	c := s.pipe(t)
	c.want("220")
	c.send("EHLO client.test\r\n")
	c.want("250")
	c.send("MAIL FROM:<> RET=HDRS ENVID=e+2B1\r\n")
	c.want("250")
	c.send("RCPT TO:<c@d.test> NOTIFY=DELAY ORCPT=rfc822;x@y.test\r\n")
	c.want("250")
	c.send("RCPT TO:<bounces@d.test>\r\n")
	c.want("250")
	c.send("DATA\r\n")
	c.want("354")
	c.send("Subject: report\r\n\r\n.\r\n")
	last := c.want("250")
	_ = c.Close()
	got := b.published()
	first, second := fields(t, got[0]), fields(t, got[1])
	if got[0].Queue != "inbox" || got[1].Queue != "reports" || first["report"] != nil || second["report"] != true || len(log) != 2 || log[0] != "false "+string(got[0].Body) || log[1] != "true "+string(got[1].Body) {
		t.Errorf("%v %v %v", first, second, log)
	}
	if !strings.HasPrefix(last, "250 "+second["message-id"].(string)+" for bounces@d.test") {
		t.Error(last)
	}
	if fmt.Sprint(first["dsn"]) != "map[envid:e+1 notify:DELAY orcpt:x@y.test ret:HDRS]" || fmt.Sprint(first["ips"]) != "[198.51.100.7]" || first["envelope"] != nil {
		t.Errorf("%v", first)
	}
	if fmt.Sprint(first["connection"]) != "map[local-ip:198.51.100.7 local-port:25 remote-ip:203.0.113.20 remote-port:48211 secure:false]" ||
		fmt.Sprint(first["checks"]) != "[map[spf:none]]" {
		t.Errorf("%v", first)
	}
	trace := "Received: from client.test ([203.0.113.20])\r\n\tby mx.test (Posthoorn) with ESMTP id " + first["message-id"].(string) + "\r\n\tfor <c@d.test>; "
	if mime := first["mime"].(string); !strings.HasPrefix(mime, trace) || !strings.HasSuffix(mime, " +0000\r\nSubject: report\r\n\r\n") {
		t.Errorf("%q", mime)
	}
	if mime := second["mime"].(string); !strings.HasPrefix(mime, "Authentication-Results: mx.test;\r\n\tspf=none\r\nReceived: ") {
		t.Errorf("%q", mime)
	}
}

func fakeReports(_ context.Context, source []byte, from string) ([]byte, bool) {
	return []byte(`{"kind":"dsn"}`), from == "" && bytes.HasPrefix(source, []byte("Subject: report"))
}

type fakeChecker struct{}

func (fakeChecker) Check(_ context.Context, c Checked) ([]byte, string) {
	if c.Hello != "client.test" || c.Remote.String() != "203.0.113.20" {
		return nil, ""
	}
	return []byte(`[{"spf":"none"}]`), "spf=none"
}

func TestAddressesThatMailMayLeaveFrom(t *testing.T) {
	one := []netip.Prefix{netip.MustParsePrefix("198.51.100.0/24")}
	other := []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}
	for i, c := range []struct {
		local                string
		mappable, unmappable []netip.Prefix
		want                 string
	}{
		{"198.51.100.7:25", nil, nil, "[198.51.100.7]"},
		{"198.51.100.7:25", one, nil, "[198.51.100.7]"},
		{"198.51.100.7:25", one, one, "[]"},
		{"198.51.100.7:25", one, other, "[198.51.100.7]"},
		{"198.51.100.7:25", other, nil, "[]"},
		{"198.51.100.7:25", nil, other, "[]"},
		{"127.0.0.1:25", nil, nil, "[]"},
		{"[::1]:25", nil, nil, "[]"},
		{"[2001:db8::1]:25", nil, nil, "[2001:db8::1]"},
		{"192.0.2.99:25", nil, nil, "[]"}, // that of a proxy
		{"192.0.2.99:25", other, nil, "[192.0.2.99]"},
	} {
		s := &session{srv: &Server{opts: Options{Mappable: c.mappable, Unmappable: c.unmappable,
			Own: func(ip netip.Addr) bool { return ip != netip.MustParseAddr("192.0.2.99") }}}, conn: &conn{local: netip.MustParseAddrPort(c.local)}}
		if got := fmt.Sprint(s.ips()); got != c.want {
			t.Errorf("%d: %s", i, got)
		}
	}
}

func TestABrokerThatIsGone(t *testing.T) {
	ts := start(t, func(_ *Options, io *inject.Options) {
		io.Log = slog.New(slog.DiscardHandler)
	})
	ts.broker.err = broker.ErrClosed
	c := newClient(t, dial(t, ts.plain))
	c.send(envelope + "DATA\r\nA: b\r\n\r\n.\r\n")
	c.want("220", "250", "250", "250", "354", "451 4.3.0")
	blocked := start(t, func(_ *Options, io *inject.Options) { io.Blocked = func() (string, bool) { return "memory", true } })
	c = newClient(t, dial(t, blocked.plain))
	c.send(envelope)
	c.want("220", "250", "451 4.3.0", "503")
}

// TestStop: a session that waits for a command and one in its data get 421; one past its final dot gets its answer first.
func TestStop(t *testing.T) {
	ts := start(t, nil)
	held := make(chan struct{})
	ts.broker.held = held
	idle, inData, after := newClient(t, dial(t, ts.plain)), newClient(t, dial(t, ts.secure)), newClient(t, dial(t, ts.plain))
	idle.want("220")
	inData = newClient(t, tls.Client(inData.Conn, clientTLS))
	inData.send(envelope + "DATA\r\nA: b\r\n")
	inData.want("220", "250", "250", "250", "354")
	after.send(envelope + "DATA\r\n")
	after.want("220", "250", "250", "250", "354")
	after.send("A: b\r\n\r\n.\r\n")
	until(t, func() bool { return len(ts.broker.published()) == 1 })
	stopped := make(chan struct{})
	go func() {
		ts.stopNow()
		close(stopped)
	}()
	idle.want("421 4.3.2")
	inData.want("421 4.3.2")
	select {
	case <-stopped:
		t.Fatal("stopped before the answer")
	default:
	}
	close(held)
	after.want("250", "421 4.3.2")
	<-stopped
	if _, err := net.Dial("tcp", ts.plain); err == nil {
		t.Error("still listening")
	}
}

// until waits for a condition, for a bounded time.
func until(t testing.TB, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !ok(); {
		if time.Now().After(end) {
			t.Fatal("it never came true")
		}
		time.Sleep(time.Millisecond)
	}
}

func TestStopThatDoesNotWait(t *testing.T) {
	ts := start(t, nil)
	ts.broker.held = make(chan struct{})
	defer close(ts.broker.held)
	c := newClient(t, dial(t, ts.plain))
	c.send(envelope + "DATA\r\n")
	c.want("220", "250", "250", "250", "354")
	c.send("A: b\r\n\r\n.\r\n")
	until(t, func() bool { return len(ts.broker.published()) == 1 })
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	ts.Stop(ctx)
}

// TestTheLastReplyArrives: a client that keeps on sending still reads why it was cut off.
func TestTheLastReplyArrives(t *testing.T) {
	ts := start(t, func(o *Options, _ *inject.Options) { o.MaxErrors = 2 })
	for range 20 {
		c := newClient(t, dial(t, ts.plain))
		c.send(strings.Repeat("X\r\n", 20_000))
		c.want("220", "500", "500", "421 4.7.0")
		_ = c.Close()
	}
}

func dripData(c *client) {
	for _, line := range strings.SplitAfter(envelope+"DATA\r\n", "\r\n") {
		if line != "" {
			c.send(line)
			c.want(map[bool]string{true: "354", false: "250"}[line == "DATA\r\n"])
		}
	}
}

// panicDoor is a door that falls.
type panicDoor struct{ Door }

func (panicDoor) Ready() error                                                { return nil }
func (panicDoor) Has(inject.Role) bool                                        { return false }
func (panicDoor) Accept(context.Context, inject.Submission) ([]string, error) { panic("fell") }

func TestAPanicEndsOneSession(t *testing.T) {
	var log bytes.Buffer
	s, _ := pipeServer(t, func(o *Options, _ *inject.Options) {
		o.Door, o.Log = panicDoor{}, slog.New(slog.NewTextHandler(&log, nil))
	})
	c := s.pipe(t)
	c.want("220")
	dripData(c)
	c.send(".\r\n")
	c.want("421 4.3.0")
	_ = c.Close()
	s.stopNow()
	if n := strings.Count(log.String(), "\n"); n != 1 || !strings.Contains(log.String(), "fell") {
		t.Errorf("%d lines: %s", n, log.String())
	}
	if s.memory.Load() != 0 {
		t.Error("memory is not given back")
	}
}

func TestRepliesHaveNoControlCharacters(t *testing.T) {
	got := string(appendReply(nil, &mail.Error{Code: 554, Status: "5.0.0", Text: "a\r\n250 ok\x00ü"}))
	if got != "554 5.0.0 a??250 ok???\r\n" {
		t.Errorf("%q", got)
	}
}

func TestTLSGivesNoTickets(t *testing.T) {
	ts := start(t, nil)
	config := clientTLS.Clone()
	config.ClientSessionCache, config.ServerName = tls.NewLRUClientSessionCache(1), "mx.test"
	for range 2 {
		c := tls.Client(dial(t, ts.secure), config)
		newClient(t, c).want("220")
		if c.ConnectionState().DidResume {
			t.Error("a ticket was given")
		}
		_ = c.Close()
	}
	config.MaxVersion = tls.VersionTLS11
	if err := tls.Client(dial(t, ts.secure), config).Handshake(); err == nil {
		t.Error("TLS 1.1 is taken")
	}
}

func TestProxyHeaders(t *testing.T) {
	ts := start(t, func(o *Options, _ *inject.Options) {
		o.Proxy = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
		o.Log = slog.New(slog.DiscardHandler)
	})
	v2 := "\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c\xcb\x00\x71\x14\xc6\x33\x64\x07\xbc\x53\x00\x19"
	for name, header := range map[string]string{"v1": "PROXY TCP4 203.0.113.20 198.51.100.7 48211 25\r\n", "v2": v2} {
		c := newClient(t, dial(t, ts.plain))
		c.send(header)
		c.want("220")
		c.send("EHLO x\r\n")
		c.want("250")
		c.send("MAIL FROM:<a@b.test>\r\nRCPT TO:<c@d.test>\r\n") // the peer is loopback, the client is not
		if c.want("250", "550"); t.Failed() {
			t.Error(name)
		}
	}
	for name, header := range map[string]string{"none": "EHLO x\r\n", "v1 too long": "PROXY TCP4 " + strings.Repeat("1", 200) + "\r\n",
		"v1 bad": "PROXY TCP4 203.0.113.20\r\n", "v2 cut": v2[:20]} {
		c := newClient(t, dial(t, ts.plain))
		c.send(header)
		_ = c.Conn.(*net.TCPConn).CloseWrite()
		if all, _ := io.ReadAll(c.r); len(all) > 0 {
			t.Errorf("%s: %q", name, all)
		}
	}
	foreign := start(t, func(o *Options, _ *inject.Options) { o.Proxy = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")} })
	c := newClient(t, dial(t, foreign.plain))
	c.send("PROXY TCP4 203.0.113.20 198.51.100.7 48211 25\r\n")
	c.want("220", "500")
}

func TestAcceptPausesWithoutFileHandles(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := pipeServer(t, nil)
		l := &failingListener{}
		s.listeners = append(s.listeners, l)
		s.running.Go(func() { s.acceptFrom(l, false) })
		time.Sleep(time.Minute)
		if n := l.calls.Load(); n < 50 || n > 100 {
			t.Error(n, "calls in a minute")
		}
		s.stopNow()
	})
}

type failingListener struct{ calls atomic.Int64 }

func (l *failingListener) Accept() (net.Conn, error) {
	l.calls.Add(1)
	return nil, errors.New("too many open files")
}
func (l *failingListener) Close() error   { return nil }
func (l *failingListener) Addr() net.Addr { return &net.TCPAddr{} }

// TestRealClient lets Python's smtplib send over STARTTLS with a login.
func TestRealClient(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Fatal("this test needs python3: ", err)
	}
	ts := start(t, func(o *Options, _ *inject.Options) { o.Login = oneLogin{"shop", "secret"} })
	host, port, _ := net.SplitHostPort(ts.plain)
	script := `import smtplib, ssl, sys
s = smtplib.SMTP(sys.argv[1], int(sys.argv[2]), timeout=120)
c = ssl.create_default_context(); c.check_hostname = False; c.verify_mode = ssl.CERT_NONE
s.starttls(context=c)
s.login("shop", "secret")
print(s.sendmail("a@b.test", ["c@d.test", "e@d.test"], "Subject: x\r\n\r\n.dot\r\n", rcpt_options=["NOTIFY=NEVER"]))
print(s.quit()[0])`
	out, err := exec.Command(python, "-c", script, host, port).CombinedOutput()
	if err != nil || string(out) != "{}\n221\n" {
		t.Fatalf("%v %s", err, out)
	}
	got := ts.broker.published()
	if len(got) != 2 {
		t.Fatal(len(got), "messages")
	}
	mime := fields(t, got[1])["mime"].(string)
	if !strings.Contains(mime, "with ESMTPSA id "+got[1].ID+"\r\n\tfor <e@d.test>; ") || !strings.HasSuffix(mime, "\r\nSubject: x\r\n\r\n.dot\r\n") {
		t.Errorf("%q", mime)
	}
}
