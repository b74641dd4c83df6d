package smtpd

import "posthoorn/internal/smtp"

// body is the content of one message, with its share of the memory that all messages may have together.
type body struct {
	smtp.Content
	srv      *Server
	reserved int
}

// pooled is the largest buffer that is kept for the next message.
const pooled = 1 << 20

// body takes a buffer for a message out of the pool.
func (s *Server) body() *body {
	b := s.bodies.Get().(*body)
	if !b.reserve(b.Held()) {
		b.Reset(0)
	}
	return b
}

func (s *Server) newBody() any {
	b := &body{srv: s}
	b.Limit, b.Reserve = s.opts.MaxSize, b.reserve
	return b
}

// reserve asks for n more bytes.
func (b *body) reserve(n int) bool {
	if b.srv.memory.Add(int64(n)) > b.srv.opts.MaxMemory {
		b.srv.memory.Add(int64(-n))
		return false
	}
	b.reserved += n
	return true
}

// release gives everything back.
func (b *body) release() {
	b.srv.memory.Add(int64(-b.reserved))
	b.reserved = 0
	b.Reset(pooled)
	b.srv.bodies.Put(b)
}
