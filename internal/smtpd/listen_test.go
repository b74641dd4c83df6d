package smtpd

import (
	"bytes"
	"crypto/tls"
	"log/slog"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"testing"

	"posthoorn/internal/inject"
)

func several(o *Options, io *inject.Options) {
	o.IPs = []netip.Addr{netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("127.0.0.2"), netip.MustParseAddr("::1")}
	o.Ports, o.SecurePorts = []int{0, 0}, []int{0, 0}
}

// TestSeveralAddressesAndPorts: each of them answers, in clear or in TLS.
func TestSeveralAddressesAndPorts(t *testing.T) {
	ts := start(t, several)
	addresses := ts.Addresses()
	if len(addresses) != 12 {
		t.Fatal(addresses)
	}
	for i, a := range addresses {
		raw := dial(t, a.String())
		if i >= 6 {
			raw = tls.Client(raw, clientTLS)
		}
		c := newClient(t, raw)
		c.want("220")
		c.send("EHLO client.test\r\n")
		c.want("250")
	}
}

// TestAClientOfEveryFamily is known by its own address where one socket serves both: an IPv4 client is no IPv6 client.
func TestAClientOfEveryFamily(t *testing.T) {
	ts := start(t, func(o *Options, _ *inject.Options) { o.IPs = nil })
	_, port, err := net.SplitHostPort(ts.plain)
	if err != nil {
		t.Fatal(err)
	}
	for _, ip := range []string{"127.0.0.1", "::1"} {
		c := newClient(t, dial(t, net.JoinHostPort(ip, port)))
		c.send(envelope + "DATA\r\nA: b\r\n\r\n.\r\n") // loopback may relay
		c.want("220", "250", "250", "250", "354", "250")
		ps := ts.broker.published()
		if got := fields(t, ps[len(ps)-1])["connection"].(map[string]any); got["remote-ip"] != ip || got["local-ip"] != ip {
			t.Errorf("%s: %v", ip, got)
		}
	}
}

// TestListenIsAllOrNothing: with one port taken nothing stays open, and the error names it.
func TestListenIsAllOrNothing(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	port := taken.Addr().(*net.TCPAddr).Port
	s, _ := pipeServer(t, func(o *Options, _ *inject.Options) {
		o.IPs, o.Ports = []netip.Addr{netip.MustParseAddr("127.0.0.1")}, []int{0, port}
	})
	defer s.stopNow()
	if err := s.Listen(); err == nil || !strings.Contains(err.Error(), strconv.Itoa(port)) || len(s.Addresses()) > 0 {
		t.Error(err, s.Addresses())
	}
	s, _ = pipeServer(t, func(o *Options, _ *inject.Options) { o.SecurePorts = []int{0} })
	defer s.stopNow()
	if err := s.Listen(); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Error(err)
	}
}

// TestNoClientWritesLinesIntoTheLog by what it sends at any place of a dialogue.
func TestNoClientWritesLinesIntoTheLog(t *testing.T) {
	var log bytes.Buffer
	ts := start(t, func(o *Options, io *inject.Options) {
		o.Log = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
		io.Log = o.Log
	})
	for _, odd := range []string{"\x1b[31m", "\rlevel=ERROR", "\nlevel=ERROR", "\x00", "\u2028", "\x9b", "%0a", `\n`} {
		c := newClient(t, dial(t, ts.plain))
		c.send("EHLO a" + odd + "\r\nEHLO client.test\r\nMAIL FROM:<a" + odd + "@b.test>\r\nMAIL FROM:<\"" + odd + "\"@b.test> SMTPUTF8\r\nRCPT TO:<c" + odd +
			"@d.test>\r\nRCPT TO:<c@d.test> ORCPT=rfc822;" + odd + "\r\nRCPT TO:<c@d.test>\r\nDATA\r\nSubject: " + odd + "\r\nx-mq-" + odd + ": 1\r\nx-mq-ip: " + odd + "\r\n\r\n.\r\nQUIT\r\n")
		for {
			if _, err := c.r.ReadString('\n'); err != nil {
				break
			}
		}
	}
	c := newClient(t, dial(t, ts.secure)) // a handshake that fails
	c.send("GET / HTTP/1.1\r\nHost: a\nlevel=ERROR\x1b[31m\r\n\r\n")
	_, _ = c.r.ReadString('\n')
	ts.stopNow()
	for line := range strings.Lines(log.String()) {
		if !strings.HasPrefix(line, "time=") || strings.ContainsFunc(strings.TrimSuffix(line, "\n"), func(r rune) bool { return r < ' ' || r >= 0x7f && r < 0xa0 || r == '\u2028' }) {
			t.Errorf("%q", line)
		}
	}
}
