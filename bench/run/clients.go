package main

import (
	"bufio"
	"errors"
	"net"
	"sync/atomic"
)

// clients hand in one and the same message again and again. Everything that they say is made before, so that they need as little
// of the processors as they can.
type clients struct {
	addr     string
	n        int
	commands []step // up to the content
	content  step
	again    bool
	accepted atomic.Int64
	over     atomic.Bool // each ends after the message that it is at
}

// step is what is sent at once, and how the replies to it begin.
type step struct {
	say     []byte
	replies string
}

func stepOf(say, replies string) step { return step{[]byte(say + "\r\n"), replies} }

func newClients(addr string, r intakeRow) *clients {
	c := &clients{addr: addr, n: r.clients, again: r.again, commands: envelope(), content: stepOf(numbered(r.content.source, 0)+".", "2")}
	if !r.single {
		c.commands = []step{grouped(c.commands)}
	}
	return c
}

// envelope is what stands before the content.
func envelope() []step {
	to := load{n: 1, domains: 1}.recipient(0)
	return []step{stepOf("MAIL FROM:<"+sender+">", "2"), stepOf("RCPT TO:<"+to+">", "2"), stepOf("DATA", "3")}
}

// grouped is what RFC 2920 section 3.1 lets a client send in one go.
func grouped(steps []step) (all step) {
	for _, s := range steps {
		all.say = append(all.say, s.say...)
		all.replies += s.replies
	}
	return all
}

func (c *clients) run() error {
	return together(c.n, func(int) error {
		for !c.over.Load() {
			if err := c.session(); err != nil {
				c.over.Store(true)
				return err
			}
		}
		return nil
	})
}

// session is one connection.
func (c *clients) session() error {
	conn, err := net.Dial("tcp", c.addr)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	s := &client{conn: conn, in: bufio.NewReader(conn)}
	err = errors.Join(s.expect('2'), s.say('2', "EHLO load.test"))
	for err == nil {
		if err = c.message(s); err == nil && (c.again || c.over.Load()) {
			return s.say('2', "QUIT")
		}
	}
	return err
}

func (c *clients) message(s *client) error {
	for _, step := range c.commands {
		if err := s.take(step); err != nil {
			return err
		}
	}
	if err := s.take(c.content); err != nil {
		return err
	}
	c.accepted.Add(1)
	return nil
}
