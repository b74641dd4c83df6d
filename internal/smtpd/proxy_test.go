package smtpd

import (
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"posthoorn/internal/inject"
)

const (
	v2Magic = "\r\n\r\n\x00\r\nQUIT\n"
	v2Four  = "\xcb\x00\x71\x14\xc6\x33\x64\x07\xbc\x53\x00\x19" // 203.0.113.20:48211 to 198.51.100.7:25
	v2Six   = "\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x20\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x07\xbc\x53\x00\x19"
)

var balancer = net.IPv4(10, 0, 0, 5)

func behindBalancer(o *Options, _ *inject.Options) {
	o.Proxy = []netip.Prefix{netip.MustParsePrefix("10.0.0.5/32")}
	o.Range = []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")}
}

// TestProxyHeadersCount: the addresses in a header are those of the session; a header without addresses leaves those of the
// connection.
func TestProxyHeadersCount(t *testing.T) {
	s, b := pipeServer(t, behindBalancer)
	defer s.stopNow()
	const own = "10.0.0.5 48211 198.51.100.7 25"
	for _, c := range []struct{ name, header, want string }{
		{"v1", "PROXY TCP4 203.0.113.20 198.51.100.8 48212 2525\r\n", "203.0.113.20 48212 198.51.100.8 2525"},
		{"v1, IPv6", "PROXY TCP6 2001:db8::20 2001:db8::7 48211 25\r\n", "2001:db8::20 48211 2001:db8::7 25"},
		{"v1, mapped", "PROXY TCP6 ::ffff:203.0.113.20 ::ffff:198.51.100.8 48211 25\r\n", "203.0.113.20 48211 198.51.100.8 25"},
		{"v1, unknown", "PROXY UNKNOWN\r\n", own},
		{"v1, unknown with addresses", "PROXY UNKNOWN 2001:db8::20 2001:db8::7 48211 25\r\n", own},
		{"v2", v2Magic + "\x21\x11\x00\x0c" + v2Four, "203.0.113.20 48211 198.51.100.7 25"},
		{"v2, IPv6", v2Magic + "\x21\x21\x00\x24" + v2Six, "2001:db8::20 48211 2001:db8::7 25"},
		{"v2, with more behind the addresses", v2Magic + "\x21\x11\x00\x11" + v2Four + "\x05\x00\x02id", "203.0.113.20 48211 198.51.100.7 25"},
		{"v2, local", v2Magic + "\x20\x00\x00\x00", own},
		{"v2, local with addresses", v2Magic + "\x20\x11\x00\x0c" + v2Four, own},
	} {
		x, before := s.pipeFrom(t, balancer), len(b.published())
		// in one segment with the first command, as a balancer that does not wait would send it
		go func() { _, _ = io.WriteString(x.Conn, c.header+envelope+"DATA\r\nA: b\r\n\r\n.\r\nQUIT\r\n") }()
		if line, err := x.r.ReadString('\n'); err != nil || !strings.HasPrefix(line, "220") {
			t.Errorf("%s: %q %v", c.name, line, err)
			continue
		}
		x.want("250", "250", "250", "354", "250", "221")
		_ = x.Close()
		connection := fields(t, b.published()[before])["connection"].(map[string]any)
		if got := fmt.Sprintf("%v %v %v %v", connection["remote-ip"], connection["remote-port"], connection["local-ip"], connection["local-port"]); got != c.want {
			t.Errorf("%s: %s", c.name, got)
		}
	}
}

// TestTLSThatABalancerEnds counts as TLS of the client, if the balancer says so in as many words, and only from a balancer.
func TestTLSThatABalancerEnds(t *testing.T) {
	s, b := pipeServer(t, func(o *Options, i *inject.Options) {
		behindBalancer(o, i)
		o.Login = oneLogin{"shop", "secret"}
	})
	defer s.stopNow()
	const version = "\x21\x00\x07TLSv1.3"
	for _, c := range []struct {
		name, more string // behind the addresses
		secure     bool
	}{
		{"nothing", "", false},
		{"TLS", "\x20\x00\x0f\x01\x00\x00\x00\x01" + version, true},
		{"TLS, behind other things", "\x05\x00\x02id\x20\x00\x0f\x07\x00\x00\x00\x00" + version, true},
		{"no TLS", "\x20\x00\x05\x00\x00\x00\x00\x01", false},
		{"no TLS, with a version", "\x20\x00\x0f\x02\x00\x00\x00\x01" + version, false},
		{"TLS without a version", "\x20\x00\x05\x01\x00\x00\x00\x01", false},
		{"cut", "\x20\x00\x04\x01\x00\x00\x00", false},
		{"longer than the header", "\x20\x00\xff\x01\x00\x00\x00\x01" + version, false},
		{"name alone", "\x02\x00\x0asmtps.test", false},
	} {
		x, before := s.pipeFrom(t, balancer), len(b.published())
		x.send(v2Magic + "\x21\x11\x00" + string([]byte{byte(len(v2Four) + len(c.more))}) + v2Four + c.more)
		x.want("220")
		x.send("EHLO client.test\r\nSTARTTLS\r\nAUTH PLAIN AHNob3AAc2VjcmV0\r\n")
		if !c.secure {
			x.want("250", "502", "538")
		} else {
			x.want("250", "503", "235")
			x.send("MAIL FROM:<a@b.test>\r\nRCPT TO:<c@d.test>\r\nDATA\r\nA: b\r\n\r\n.\r\n")
			x.want("250", "250", "354", "250")
			p := b.published()[before]
			connection := fields(t, p)["connection"].(map[string]any)
			if connection["secure"] != true || connection["user"] != "shop" || !strings.Contains(string(p.Body), " with ESMTPSA id ") {
				t.Errorf("%s: %s", c.name, p.Body)
			}
		}
		_ = x.Close()
	}
}

// TestProxyHeadersThatAreWrong end the connection without a word: what follows cannot be trusted to be the client's.
func TestProxyHeadersThatAreWrong(t *testing.T) {
	s, b := pipeServer(t, behindBalancer)
	defer s.stopNow()
	const commands = envelope + "DATA\r\nA: b\r\n\r\n.\r\n"
	for name, sent := range map[string]string{
		"none":                      "EHLO client.test\r\n",
		"almost":                    "PROXIED\r\n",
		"v1 overlong":               "PROXY TCP4 " + strings.Repeat("1", 200) + "\r\n",
		"v1 unknown, overlong":      "PROXY UNKNOWN " + strings.Repeat("x", 4096) + "\r\n",
		"v1 without CR":             "PROXY TCP4 203.0.113.20 198.51.100.7 48211 25\n",
		"v1 too few":                "PROXY TCP4 203.0.113.20\r\n",
		"v1 wrong family":           "PROXY TCP4 2001:db8::20 2001:db8::7 48211 25\r\n",
		"v1 name":                   "PROXY TCP4 localhost localhost 48211 25\r\n",
		"v1 port":                   "PROXY TCP4 203.0.113.20 198.51.100.7 99999 25\r\n",
		"v1 lower case":             "proxy tcp4 203.0.113.20 198.51.100.7 48211 25\r\n",
		"v1 unknown protocol":       "PROXY UDP4 203.0.113.20 198.51.100.7 48211 25\r\n",
		"v2 magic only":             v2Magic,
		"v2 unspecified":            v2Magic + "\x21\x00\x00\x00",
		"v2 wrong version":          v2Magic + "\x11\x11\x00\x0c" + v2Four,
		"v2 wrong command":          v2Magic + "\x22\x11\x00\x0c" + v2Four,
		"v2 shorter than addresses": v2Magic + "\x21\x11\x00\x04" + v2Four,
		"v2 longer than what comes": v2Magic + "\x21\x11\xff\xff" + v2Four,
		"TLS":                       "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
		"v1 cut":                    "PROXY TCP4 203.0.113.20 198.51.100.7 48211 25",
		"v2 cut":                    v2Magic + "\x21",
		"v2 cut in the addresses":   v2Magic + "\x21\x11\x00\x0c" + v2Four[:7],
	} {
		if !strings.Contains(name, "cut") {
			sent += commands
		}
		client, server := tcpPair(t)
		s.running.Go(func() { s.serveConn(pipeConn{server, &net.TCPAddr{IP: balancer, Port: 48211}}, false) })
		_, _ = io.WriteString(client, sent)
		_ = client.CloseWrite()
		if all, _ := io.ReadAll(client); len(all) > 0 {
			t.Errorf("%s: %q", name, all)
		}
		_ = client.Close()
	}
	if n := len(b.published()); n > 0 {
		t.Error(n, "messages")
	}
}

// tcpPair is a connection over loopback, both ends.
func tcpPair(t *testing.T) (client *net.TCPConn, server net.Conn) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	c := dial(t, l.Addr().String())
	if server, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	return c.(*net.TCPConn), server
}

// TestASilentBalancer does not keep its connection.
func TestASilentBalancer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := pipeServer(t, behindBalancer)
		defer s.stopNow()
		for _, begin := range []string{"P", v2Magic[:6], v2Magic} {
			c, start := s.pipeFrom(t, balancer), time.Now()
			c.send(begin)
			if all, _ := io.ReadAll(c.r); len(all) > 0 || time.Since(start) != proxyWait {
				t.Errorf("%q: %q after %v", begin, all, time.Since(start))
			}
			_ = c.Close()
		}
	})
}

// TestAProxyHeaderFromAForeigner is a command that nobody knows, in both versions.
func TestAProxyHeaderFromAForeigner(t *testing.T) {
	s, b := pipeServer(t, behindBalancer)
	defer s.stopNow()
	for header, codes := range map[string][]string{
		"PROXY TCP4 127.0.0.1 127.0.0.1 48211 25\r\n":  {"500 5.5.1"},
		v2Magic + "\x21\x11\x00\x0c" + v2Four + "\r\n": {"500", "500", "500", "500"},
	} {
		c := s.pipe(t)
		go func() { _, _ = io.WriteString(c.Conn, header+envelope+"DATA\r\nA: b\r\n\r\n.\r\nQUIT\r\n") }()
		c.want("220")
		c.want(codes...)
		c.want("250", "250", "250", "354", "250", "221")
		_ = c.Close()
	}
	for _, p := range b.published() {
		if got := fields(t, p)["connection"].(map[string]any)["remote-ip"]; got != "203.0.113.20" {
			t.Error(got)
		}
	}
}

// TestLimitsBehindABalancer hold for the clients, not for the balancer.
func TestLimitsBehindABalancer(t *testing.T) {
	s, _ := pipeServer(t, func(o *Options, _ *inject.Options) {
		behindBalancer(o, nil)
		o.MaxSessionsPerIP = 1
	})
	defer s.stopNow()
	var open []*client
	for i, want := range []string{"220", "421 4.7.0", "220"} {
		c := s.pipeFrom(t, balancer)
		c.send(fmt.Sprintf("PROXY TCP4 203.0.113.%d 198.51.100.7 48211 25\r\n", 20+i/2))
		c.want(want)
		open = append(open, c)
	}
	for _, c := range open {
		_ = c.Close()
	}
}

// TestTheClientIsJudgedBehindABalancer: checks and every line of the log are about its address.
func TestTheClientIsJudgedBehindABalancer(t *testing.T) {
	log := &lines{}
	var checked []Checked
	ts := start(t, func(o *Options, _ *inject.Options) {
		o.Proxy, o.Log, o.Locals = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, log.logger(), localList{"c@d.test": true}
		o.Checker, o.Barred = checkerFunc(func(c Checked) { checked = append(checked, c) }), func(ip netip.Addr) bool { return ip == netip.MustParseAddr("203.0.113.66") }
	})
	from := func(address, ip string) *client {
		c := newClient(t, dial(t, address))
		c.send("PROXY TCP4 " + ip + " 198.51.100.7 48211 25\r\n")
		return c
	}
	from(ts.plain, "203.0.113.66").want("554")
	c := from(ts.plain, "203.0.113.20")
	c.want("220")
	c.play("EHLO client.test", "250", "MAIL FROM:<a@b.test>", "250", "RCPT TO:<far@away.test>", "550", "RCPT TO:<c@d.test>", "250", "DATA", "354", "A: b\r\n\r\n.", "250")
	broken := from(ts.secure, "203.0.113.20")
	broken.send("QUIT\r\n")
	_, _ = io.Copy(io.Discard, broken.r)
	ts.stopNow()
	if len(checked) != 1 || checked[0].Remote != netip.MustParseAddr("203.0.113.20") {
		t.Errorf("checked: %+v", checked)
	}
	got := log.all()
	for _, line := range got {
		if !strings.Contains(line, " peer=203.0.113.") {
			t.Error(line)
		}
	}
	if len(got) != 3 {
		t.Errorf("%d lines: %q", len(got), got)
	}
}

// TestTLSBehindABalancer: the header stands in clear before the handshake.
func TestTLSBehindABalancer(t *testing.T) {
	ts := start(t, func(o *Options, _ *inject.Options) {
		o.Proxy, o.Log = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, slog.New(slog.DiscardHandler)
		o.Range = []netip.Prefix{netip.MustParsePrefix("203.0.113.0/24")}
	})
	for _, header := range []string{"PROXY TCP4 203.0.113.20 198.51.100.7 48211 465\r\n", v2Magic + "\x21\x11\x00\x0c" + v2Four} {
		raw := dial(t, ts.secure)
		if _, err := io.WriteString(raw, header); err != nil {
			t.Fatal(err)
		}
		c := newClient(t, tls.Client(raw, clientTLS))
		c.send(envelope + "DATA\r\nA: b\r\n\r\n.\r\n")
		c.want("220", "250", "250", "250", "354", "250")
	}
	for _, p := range ts.broker.published() {
		connection := fields(t, p)["connection"].(map[string]any)
		if connection["remote-ip"] != "203.0.113.20" || connection["secure"] != true {
			t.Error(connection)
		}
	}
	// the header inside TLS is too late
	c := tls.Client(dial(t, ts.secure), clientTLS)
	if err := c.Handshake(); err == nil {
		t.Error("a handshake without a header")
	}
}
