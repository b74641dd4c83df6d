package accounting

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/textproto"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestEmbedded: the same without a broker. Mail comes in by the command line and by SMTP, and the program is killed.
func TestEmbedded(t *testing.T) {
	random := newDice(t)
	dir, b := workplace(t), newBooks()
	s := startSink(t, b, dir)
	p := newProgram(t, dir, s, nil)
	p.start()
	intake, cease := context.WithCancel(t.Context())
	var clients sync.WaitGroup
	defer clients.Wait()
	defer cease()
	door, batches := &smtpSource{addr: p.smtp, books: b}, &batchSource{program: p, books: b}
	first, second := rand.New(rand.NewPCG(random.Uint64(), 1)), rand.New(rand.NewPCG(random.Uint64(), 2))
	clients.Go(func() { door.run(intake, first) })
	clients.Go(func() { batches.run(intake, second) })

	chaos(t, random, p, b, pace{embeddedTime, killLeast, killMost, embeddedRate}, []event{
		{"killed", func() { b.killed(p.kill()); p.start() }},
		{"killed", func() { b.killed(p.kill()); p.start() }},
		{"clean restart", func() { p.stop(); p.start() }},
	})
	cease()
	clients.Wait()
	drain(t, p, b, func() { readAll(t, p, b) })
	p.stop()
	judge(t, b)
}

// readAll empties the result queues. Only when nothing is killed any more: a reader that dies may see a message twice.
func readAll(t *testing.T, p *program, b *books) {
	t.Helper()
	for _, queue := range []string{"results", "success", "failure"} {
		out, err := p.command(nil, "queue", "read", queue)
		for line := range bytes.Lines(out) {
			id, o, err := outcomeOf(queue, "", line)
			if err != nil {
				t.Errorf("%s: %v", queue, err)
				continue
			}
			b.conclude(id, o)
		}
		if err != nil && len(out) > 0 {
			t.Error(err)
		}
	}
}

// smtpSource hands mail to the SMTP door over a connection that it keeps while it can.
type smtpSource struct {
	addr  string
	books *books
	text  *textproto.Conn
	conn  net.Conn
}

func (s *smtpSource) run(ctx context.Context, random *rand.Rand) {
	defer s.hangUp()
	for n := 1; ctx.Err() == nil; n++ {
		id, source := message(kinds[random.IntN(len(kinds))], n)
		s.books.publish(id, hashOf(source))
		if err := s.send(id, source); err != nil {
			s.hangUp()
			<-time.After(50 * time.Millisecond)
			continue
		}
		s.books.confirm(id)
		<-time.After(time.Second / (2 * embeddedRate))
	}
}

func (s *smtpSource) send(id, source string) error {
	if s.text == nil {
		conn, err := net.DialTimeout("tcp", s.addr, patience)
		if err != nil {
			return err
		}
		s.conn, s.text = conn, textproto.NewConn(conn)
		if err := s.expect(220); err != nil {
			return err
		}
		if err := s.say(250, "EHLO source.test"); err != nil {
			return err
		}
	}
	if err := s.say(250, "MAIL FROM:<source@source.test>"); err != nil {
		return err
	}
	if err := s.say(250, "RCPT TO:<"+id+">"); err != nil {
		return err
	}
	if err := s.say(354, "DATA"); err != nil {
		return err
	}
	if _, err := fmt.Fprint(s.conn, strings.ReplaceAll(source, "\r\n.", "\r\n.."), ".\r\n"); err != nil {
		return err
	}
	return s.expect(250)
}

func (s *smtpSource) say(code int, line string) error {
	if _, err := fmt.Fprint(s.conn, line, "\r\n"); err != nil {
		return err
	}
	return s.expect(code)
}

func (s *smtpSource) expect(code int) error {
	_ = s.conn.SetReadDeadline(time.Now().Add(patience))
	_, _, err := s.text.ReadResponse(code)
	return err
}

func (s *smtpSource) hangUp() {
	if s.text != nil {
		_ = s.text.Close()
	}
	s.text, s.conn = nil, nil
}

// batchSource publishes with the program's own command, twenty messages at a time.
type batchSource struct {
	program *program
	books   *books
}

func (s *batchSource) run(ctx context.Context, random *rand.Rand) {
	for n := 500_000; ctx.Err() == nil; {
		var lines bytes.Buffer
		var ids []string
		for range 20 {
			n++
			id, source := message(kinds[random.IntN(len(kinds))], n)
			s.books.publish(id, hashOf(source))
			ids = append(ids, id)
			lines.Write(append(encode(id, source), '\n'))
		}
		if _, err := s.program.command(lines.Bytes(), "queue", "publish", "outbox"); err == nil {
			s.books.confirm(ids...)
		}
		<-time.After(20 * time.Second / (2 * embeddedRate))
	}
}
