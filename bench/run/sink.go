package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"posthoorn/internal/dns/dnstest"
)

// domains is the most that a row uses: each has a loopback address of its own.
const domains = 100

// sink is the server that takes all mail, steered from here.
type sink struct {
	*process
	host    *host
	control string
	port    int
}

// sinkStats are its numbers since the last reset.
type sinkStats struct {
	Messages, Unique, Doubled, Flushes int
	Connections, Open, Peak            int
	Last                               int64 // nanoseconds since 1970
}

func startSink(h *host, path string) *sink {
	port, control := freePort(h), freePort(h)
	s := &sink{host: h, port: port, control: net.JoinHostPort("127.0.0.1", strconv.Itoa(control))}
	p, err := spawn(h.TempDir(), path, "-port", strconv.Itoa(port), "-domains", strconv.Itoa(domains), "-control", s.control)
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

// addr is where a domain's mail goes, counted from 1.
func (s *sink) addr(domain int) string {
	return net.JoinHostPort(fmt.Sprintf("127.1.0.%d", domain), strconv.Itoa(s.port))
}

// startNames starts a name server that leads every domain to its address of the sink.
func startNames(h *host) string {
	var zone strings.Builder
	for i := 1; i <= domains; i++ {
		fmt.Fprintf(&zone, "d%d.bench.test MX 10 mx.d%d.bench.test\nmx.d%d.bench.test A 127.1.0.%d\n", i, i, i, i)
	}
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
