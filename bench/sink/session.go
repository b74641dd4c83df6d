package main

import (
	"bufio"
	"bytes"
	"errors"
	"net"
	"strconv"
	"time"
)

// session is one connection.
type session struct {
	sink *sink
	conn net.Conn
	in   *bufio.Reader
	out  []byte // replies that were not flushed
}

func (s *sink) serve(c net.Conn) {
	s.opened()
	defer s.closed()
	defer func() { _ = c.Close() }()
	session := &session{sink: s, conn: c, in: bufio.NewReaderSize(c, 64<<10)}
	session.reply("220 sink.test ESMTP\r\n")
	for {
		if session.in.Buffered() == 0 && !session.flush() {
			return
		}
		line, err := session.in.ReadSlice('\n')
		if err != nil || !session.command(line) {
			return
		}
	}
}

func (s *session) reply(lines string) { s.out = append(s.out, lines...) }

func (s *session) flush() bool {
	if len(s.out) == 0 {
		return true
	}
	if d := s.sink.delay.Load(); d > 0 {
		time.Sleep(time.Duration(d))
	}
	s.sink.flushes.Add(1)
	_, err := s.conn.Write(s.out)
	s.out = s.out[:0]
	return err == nil
}

var ehlo = []byte("EHLO")

// command answers a command; false ends the connection.
func (s *session) command(line []byte) bool {
	verb := line[:min(len(line), 4)]
	switch {
	case bytes.EqualFold(verb, ehlo):
		s.reply("250-sink.test\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250-ENHANCEDSTATUSCODES\r\n250 SIZE 104857600\r\n")
	case bytes.EqualFold(verb, []byte("MAIL")):
		s.reply("250 2.1.0 ok\r\n")
	case bytes.EqualFold(verb, []byte("RCPT")):
		s.reply("250 2.1.5 ok\r\n")
	case bytes.EqualFold(verb, []byte("DATA")):
		s.reply("354 go\r\n")
		return s.flush() && s.data()
	case bytes.EqualFold(verb, []byte("QUIT")):
		s.reply("221 2.0.0 bye\r\n")
		s.flush()
		return false
	default: // HELO, RSET, NOOP
		s.reply("250 2.0.0 ok\r\n")
	}
	return true
}

var idField = []byte("X-Bench-Id: ")

// data reads up to the dot and counts the message.
func (s *session) data() bool {
	id, header, begin := int64(-1), true, true
	var sample []byte
	keep := !s.sink.sampling.Load() && s.sink.sampling.CompareAndSwap(false, true)
	for {
		line, err := s.in.ReadSlice('\n')
		if keep {
			sample = append(sample, line...)
		}
		if errors.Is(err, bufio.ErrBufferFull) {
			begin = false
			continue
		}
		if err != nil {
			return false
		}
		if begin && string(line) == ".\r\n" {
			break
		}
		if begin && header {
			header = len(line) > 2
			if rest, ok := bytes.CutPrefix(line, idField); ok {
				if id, err = strconv.ParseInt(string(bytes.TrimSpace(rest)), 10, 64); err != nil {
					id = -1
				}
			}
		}
		begin = true
	}
	if keep {
		s.sink.sample.Store(&sample)
	}
	s.sink.took(id)
	s.reply("250 2.0.0 queued\r\n")
	if s.in.Buffered() > 0 && s.sink.deny.Load() > 0 && s.sink.deny.Add(-1) >= 0 {
		s.flush()
		return false
	}
	return true
}
