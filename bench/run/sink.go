package main

import (
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"posthoorn/internal/dns/dnstest"
)

// domains is the most that a row uses: each has a loopback address of its own.
const domains = 500

// blockedDomain gets mail that cannot go out; its sink stands apart.
const blockedDomain = "blocked.bench.test"

// Addresses of the two sinks, of the first one those of its first domain.
var (
	openAddr    = netip.MustParseAddr("127.1.0.1")
	blockedAddr = netip.MustParseAddr("127.2.0.1")
)

// sink is the server that takes all mail, steered from here.
type sink struct {
	*process
	host    *host
	control string
	first   netip.Addr
	port    uint16
}

// sinkStats are its numbers since the last reset.
type sinkStats struct {
	Messages, Unique, Doubled, Flushes int
	Connections, Open, Peak            int
	First, Last                        int64 // nanoseconds since 1970; 0: no message
}

// startSink starts one on a number of addresses from the first one on.
func startSink(h *host, path string, first netip.Addr, n int, port uint16) *sink {
	s := &sink{host: h, first: first, port: port, control: net.JoinHostPort("127.0.0.1", strconv.Itoa(freePort(h)))}
	p, err := spawn(h.TempDir(), path, "-first", first.String(), "-domains", strconv.Itoa(n), "-port", strconv.Itoa(int(port)), "-control", s.control)
	if err != nil {
		h.Fatal(err)
	}
	s.process = p
	h.Cleanup(p.stop)
	until(h, 10*time.Second, "the sink", func() bool { return listens(s.control) })
	return s
}

func (s *sink) call(path string, args ...string) []byte {
	v := url.Values{}
	for i := 0; i < len(args); i += 2 {
		v.Set(args[i], args[i+1])
	}
	r, err := http.Get("http://" + s.control + path + "?" + v.Encode())
	if err != nil {
		s.host.Fatal(err)
	}
	defer func() { _ = r.Body.Close() }()
	if r.StatusCode != http.StatusOK {
		s.host.Fatalf("sink says %s to %s", r.Status, path)
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		s.host.Fatal(err)
	}
	return body
}

func (s *sink) stats(args ...string) (n sinkStats) {
	if err := json.Unmarshal(s.call("/stats", args...), &n); err != nil {
		s.host.Fatal(err)
	}
	return n
}

// addrs are those of the domains, counted from 1.
func (s *sink) addrs(n int) iter.Seq2[int, netip.Addr] {
	return func(yield func(int, netip.Addr) bool) {
		addr := s.first
		for i := 1; i <= n && yield(i, addr); i++ {
			addr = addr.Next()
		}
	}
}

// addr is where the mail of the first domain goes.
func (s *sink) addr() string { return netip.AddrPortFrom(s.first, s.port).String() }

// startNames starts a name server that leads every domain to its address of its sink.
func startNames(h *host, open, blocked *sink) string {
	var zone strings.Builder
	line := func(domain string, addr netip.Addr) {
		fmt.Fprintf(&zone, "%[1]s MX 10 mx.%[1]s\nmx.%[1]s A %[2]s\n", domain, addr)
	}
	for i, addr := range open.addrs(domains) {
		line(fmt.Sprintf("d%d.bench.test", i), addr)
	}
	line(blockedDomain, blocked.first)
	s, err := dnstest.Start(zone.String())
	if err != nil {
		h.Fatal(err)
	}
	h.Cleanup(func() { s.Close() })
	return s.Addr
}

func freePort(h *host) int {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		h.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().(*net.TCPAddr).Port
}

func listens(addr string) bool {
	c, err := net.DialTimeout("tcp", addr, time.Second)
	if err != nil {
		return false
	}
	_ = c.Close()
	return true
}

// until waits for something that must become true.
func until(h *host, limit time.Duration, what string, ready func() bool) {
	for end := time.Now().Add(limit); !ready(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			h.Fatalf("%s is not ready after %v", what, limit)
		}
	}
}
