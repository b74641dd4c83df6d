package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

const sender = "sender@from.test"

// load gives n messages to a contestant, numbered from 0, and returns when all are accepted.
type load struct {
	content
	n, domains int // domains 0: all go to the blocked one
}

func (l load) recipient(id int) string {
	if l.domains == 0 {
		return fmt.Sprintf("u%d@%s", id, blockedDomain)
	}
	return fmt.Sprintf("u%d@d%d.bench.test", id, id%l.domains+1)
}

// encode is the JSON of the outbox.
func (l load) encode(id int) []byte {
	b := append(make([]byte, 0, len(l.json)+200), `{"envelope":"`+sender+`","recipient":"`...)
	b = append(b, l.recipient(id)...)
	b = append(b, `","number":`...)
	b = strconv.AppendInt(b, int64(id), 10)
	b = append(b, ',')
	b = append(b, numbered(l.json, id)...)
	return append(b, '}')
}

// publish puts them into a queue over two connections, 500 without a confirm at most on each.
func (l load) publish(url, queue string) error {
	const connections, window = 2, 500
	return together(connections, func(k int) error {
		conn, err := amqp.Dial(url)
		if err != nil {
			return err
		}
		defer func() { _ = conn.Close() }()
		ch, err := conn.Channel()
		if err != nil {
			return err
		}
		if err := ch.Confirm(false); err != nil {
			return err
		}
		credit, done := make(chan struct{}, window), make(chan error, 1)
		mine := (l.n - k + connections - 1) / connections
		confirms := ch.NotifyPublish(make(chan amqp.Confirmation, window))
		go func() {
			for range mine {
				if c, ok := <-confirms; !ok || !c.Ack {
					done <- errors.New("a message was not confirmed")
					return
				}
				<-credit
			}
			done <- nil
		}()
		for id := k; id < l.n; id += connections {
			credit <- struct{}{}
			if err := ch.PublishWithContext(context.Background(), "", queue, false, false,
				amqp.Publishing{Body: l.encode(id), DeliveryMode: amqp.Persistent}); err != nil {
				return err
			}
		}
		return <-done
	})
}

// smtp hands them in over 20 kept connections, one round trip per command as most clients do.
func (l load) smtp(addr string) error {
	var next atomic.Int64
	return together(20, func(int) error {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			return err
		}
		defer func() { _ = c.Close() }()
		s := &client{conn: c, in: bufio.NewReader(c)}
		err = errors.Join(s.expect('2'), s.say('2', "EHLO load.test"))
		for err == nil {
			id := int(next.Add(1)) - 1
			if id >= l.n {
				return s.say('2', "QUIT")
			}
			err = s.message(l, id)
		}
		return err
	})
}

// client is one SMTP connection of the load.
type client struct {
	conn net.Conn
	in   *bufio.Reader
}

func (c *client) message(l load, id int) error {
	if err := c.say('2', "MAIL FROM:<"+sender+">"); err != nil {
		return err
	}
	if err := c.say('2', "RCPT TO:<"+l.recipient(id)+">"); err != nil {
		return err
	}
	if err := c.say('3', "DATA"); err != nil {
		return err
	}
	return c.say('2', numbered(l.source, id)+".")
}

func (c *client) say(want byte, line string) error {
	return c.take(stepOf(line, string(want)))
}

// take sends what stands in a step and reads the replies to it.
func (c *client) take(s step) error {
	if _, err := c.conn.Write(s.say); err != nil {
		return err
	}
	for i := range len(s.replies) {
		if err := c.expect(s.replies[i]); err != nil {
			return err
		}
	}
	return nil
}

func (c *client) expect(want byte) error {
	_ = c.conn.SetReadDeadline(time.Now().Add(time.Minute))
	for {
		line, err := c.in.ReadSlice('\n')
		if err != nil {
			return err
		}
		if len(line) > 3 && line[3] == '-' {
			continue
		}
		if line[0] != want {
			return fmt.Errorf("reply %q", line)
		}
		return nil
	}
}

// together runs k functions at once and joins their errors.
func together(k int, f func(k int) error) error {
	errs := make([]error, k)
	var all sync.WaitGroup
	for i := range k {
		all.Go(func() { errs[i] = f(i) })
	}
	all.Wait()
	return errors.Join(errs...)
}
