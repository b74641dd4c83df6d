package main

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// crowd are sessions from many addresses that do next to nothing.
type crowd struct {
	conns   []net.Conn
	end     chan struct{}
	running sync.WaitGroup
}

// openers work on a crowd at the same time.
const openers = 50

// openCrowd returns when n sessions have said EHLO. With inData every other one stands before the content of a message.
func openCrowd(addr string, n int, inData bool) (*crowd, error) {
	c := &crowd{conns: make([]net.Conn, n), end: make(chan struct{})}
	var failed atomic.Bool
	return c, together(openers, func(k int) (err error) {
		for i := k; i < n && !failed.Load(); i += openers {
			if c.conns[i], err = oneOfCrowd(addr, i, inData && i%2 == 0); err != nil && !failed.Swap(true) {
				return err
			}
		}
		return nil
	})
}

func oneOfCrowd(addr string, i int, inData bool) (net.Conn, error) {
	conn, err := (&net.Dialer{LocalAddr: &net.TCPAddr{IP: crowdIP(i)}}).Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	s := &client{conn: conn, in: bufio.NewReader(conn)}
	if err = errors.Join(s.expect('2'), s.say('2', "EHLO crowd.test")); err == nil && inData {
		err = s.take(grouped(envelope()))
	}
	if err != nil {
		return conn, fmt.Errorf("session %d of a crowd: %w", i+1, err)
	}
	return conn, nil
}

// crowdIP gives 100 sessions the same address.
func crowdIP(i int) net.IP {
	const perAddress, perNet = 100, 250
	host := i / perAddress
	return net.IPv4(127, 0, byte(1+host/perNet), byte(1+host%perNet))
}

// drip lets each session send a byte a second until close: of one command after the other, or of content.
func (c *crowd) drip() {
	const text, rounds = "NOOP\r\n", 100
	c.running.Go(func() {
		tick := time.NewTicker(time.Second / rounds)
		defer tick.Stop()
		for n := 0; ; n++ {
			for i := n % rounds; i < len(c.conns); i += rounds {
				at := n / rounds % len(text)
				_, _ = c.conns[i].Write([]byte(text[at : at+1])) // who was thrown out does no harm any more
			}
			select {
			case <-c.end:
				return
			case <-tick.C:
			}
		}
	})
}

// alive is nil if nobody was thrown out.
func (c *crowd) alive() error {
	var gone atomic.Int64
	_ = together(openers, func(k int) error {
		for i := k; i < len(c.conns); i += openers {
			_ = c.conns[i].SetReadDeadline(time.Now().Add(time.Millisecond))
			if _, err := c.conns[i].Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
				gone.Add(1)
			}
		}
		return nil
	})
	if n := gone.Load(); n > 0 {
		return fmt.Errorf("%d of %d sessions of a crowd were thrown out", n, len(c.conns))
	}
	return nil
}

func (c *crowd) close() {
	close(c.end)
	c.running.Wait()
	for _, conn := range c.conns {
		if conn != nil {
			_ = conn.Close()
		}
	}
}
