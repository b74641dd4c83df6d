package main

import (
	"bufio"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	mailsink "posthoorn/internal/sink"
)

// TestIntakeRowsCompare shows that no row is divided by one that does not exist, or by itself, and that all are complete.
func TestIntakeRowsCompare(t *testing.T) {
	names := map[string]bool{"": true}
	rows := intakeRowsOf(options{loris: 100, idle: 1000})
	for _, r := range rows {
		if names[r.name] {
			t.Errorf("%q twice", r.name)
		}
		names[r.name] = true
		if r.start == nil || r.content.source == "" || r.keeps == "" || r.broker == (r.keeps == onDisk) {
			t.Errorf("%s is not complete", r.name)
		}
		if sessions := r.clients + r.idle + r.slow; sessions == 0 || r.connections < sessions {
			t.Errorf("%s has %d sessions, the daemon is set for %d", r.name, sessions, r.connections)
		}
		if all, _ := connectionsOf(r.row); all*3/4 < r.connections {
			t.Errorf("%s may have %d connections, which are not enough for %d sessions", r.name, all, r.connections)
		}
	}
	for _, r := range rows {
		if !names[r.against] || r.against == r.name {
			t.Errorf("%s is divided by %q", r.name, r.against)
		}
	}
}

// serverFor is a receiver.
func serverFor(t *testing.T) *mailsink.Server {
	t.Helper()
	s, err := mailsink.New(mailsink.Options{})
	if err != nil {
		t.Fatal(err)
	}
	go s.Serve()
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// TestClients shows that what the clients count as accepted is what a server has accepted.
func TestClients(t *testing.T) {
	for name, r := range map[string]intakeRow{
		"grouped": {}, "one by one": {single: true}, "a connection a message": {again: true},
	} {
		t.Run(name, func(t *testing.T) {
			s := serverFor(t)
			r.clients, r.content = 3, plain(1<<10)
			c := newClients(s.Addresses()[0].String(), r)
			ended := make(chan error, 1)
			go func() { ended <- c.run() }()
			for c.accepted.Load() < 50 {
				time.Sleep(time.Millisecond)
			}
			c.over.Store(true)
			if err := <-ended; err != nil {
				t.Fatal(err)
			}
			n := s.Stats()
			if n.Messages != c.accepted.Load() {
				t.Errorf("%d accepted, the server has %d", c.accepted.Load(), n.Messages)
			}
			if again := n.Connections > 3; again != r.again {
				t.Errorf("%d connections for %d messages", n.Connections, n.Messages)
			}
		})
	}
}

// TestClientsEnd shows that a refusal ends all clients with an error.
func TestClientsEnd(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = c.Write([]byte("421 busy\r\n"))
			_ = c.Close()
		}
	}()
	c := newClients(l.Addr().String(), intakeRow{row: row{content: plain(100)}, clients: 2})
	if err := c.run(); err == nil || c.accepted.Load() != 0 {
		t.Errorf("%v, %d accepted", err, c.accepted.Load())
	}
}

func TestGrouped(t *testing.T) {
	if got := grouped(envelope()); got.replies != "223" || strings.Count(string(got.say), "\r\n") != 3 {
		t.Errorf("%q, replies %s", got.say, got.replies)
	}
}

func TestCrowd(t *testing.T) {
	s := serverFor(t)
	c, err := openCrowd(s.Addresses()[0].String(), 120, true)
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	if err := c.alive(); err != nil {
		t.Error(err)
	}
	addresses := map[string]int{}
	for _, conn := range c.conns {
		addresses[conn.LocalAddr().(*net.TCPAddr).IP.String()]++
	}
	if len(addresses) != 2 || addresses["127.0.1.1"] != 100 {
		t.Errorf("addresses %v", addresses)
	}
	_ = c.conns[3].Close()
	if err := c.alive(); err == nil {
		t.Error("nobody misses a session")
	}
}

// TestDrip takes the time that a line needs with a byte a second.
func TestDrip(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		c := &crowd{conns: []net.Conn{ours}, end: make(chan struct{})}
		began := time.Now()
		c.drip()
		line, err := bufio.NewReader(theirs).ReadString('\n')
		if err != nil || line != "NOOP\r\n" {
			t.Errorf("%q, %v", line, err)
		}
		if took := time.Since(began); took != 5*time.Second {
			t.Errorf("took %v", took)
		}
		_ = theirs.Close()
		c.close()
	})
}

func TestSince(t *testing.T) {
	from := sight{at: time.Unix(100, 0), accepted: 50, own: time.Second, broker: time.Second, load: time.Second}
	to := sight{at: time.Unix(104, 0), accepted: 4050, own: 5 * time.Second, broker: 3 * time.Second, load: 1400 * time.Millisecond}
	f := to.since(from)
	if f.rate != 1000 || f.own != 1000 || f.broker != 500 || f.load != 100 {
		t.Errorf("%+v", f)
	}
	if f := from.since(from); f.rate != 0 || f.own != 0 {
		t.Errorf("nothing done: %+v", f)
	}
}
