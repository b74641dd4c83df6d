package smtpd

import (
	"errors"
	"strconv"
	"time"

	"posthoorn/internal/inject"
	"posthoorn/internal/mail"
	"posthoorn/internal/smtp"
)

var (
	errEndless  = &mail.Error{Code: 421, Status: "4.3.4", Text: "Message is far too big, closing connection"}
	errEager    = &mail.Error{Code: 421, Status: "4.5.0", Text: "Content came without a 354, closing connection"}
	errBadChunk = &mail.Error{Code: 421, Status: "4.5.4", Text: "BDAT cannot be understood, closing connection"}
)

// data is the DATA command with its data.
func (s *session) data(arg []byte) error {
	if e := s.noData(arg); e != nil {
		return s.refuseData(e)
	}
	s.say("354 End data with <CR><LF>.<CR><LF>")
	s.tx.content = s.srv.body()
	s.startData()
	if err := s.reader.Data(&s.tx.content.Content); err != nil {
		if s.tx.content.Err() == err {
			return errEndless
		}
		return err
	}
	return s.finish()
}

// noData says why no data may come now.
func (s *session) noData(arg []byte) *mail.Error {
	switch tx := s.tx; {
	case len(arg) > 0:
		return errNoArgs
	case tx == nil, tx.chunks:
		return errSequence
	case len(tx.recipients) == 0:
		return errNoRecipient
	}
	return nil
}

// refuseData refuses DATA. Nothing may stand behind it before its answer (RFC 2920 section 3.1): if something does, it is content,
// whose lines must not be taken for commands.
func (s *session) refuseData(e *mail.Error) error {
	if s.reader.Buffered() == 0 {
		return e
	}
	s.fail(e)
	return errEager
}

// startData makes reads keep to a rate, all chunks of a message together.
func (s *session) startData() {
	s.inData = true
	if s.dataStart.IsZero() {
		s.dataStart, s.dataBytes = time.Now(), 0
	}
}

// bdat is one chunk (RFC 3030). Whatever is wrong with it, its bytes are read, so that they are never taken for commands; where
// their number is not known or beyond reason the session ends.
func (s *session) bdat(arg []byte) error {
	size, last, err := smtp.ParseBDAT(arg)
	if err != nil {
		return errBadChunk
	}
	if size > 3*s.srv.opts.MaxSize {
		return errEndless
	}
	if size == 0 && !last {
		s.idle++
	}
	s.startData()
	if err := s.noChunk(); err != nil {
		return s.skipChunk(size, err)
	}
	tx := s.tx
	if tx.content == nil {
		tx.content, tx.chunks = s.srv.body(), true
	}
	if err := s.reader.Chunk(&tx.content.Content, size); err != nil {
		return err
	}
	switch {
	case last:
		return s.finish()
	case tx.content.Dropped() > 3*s.srv.opts.MaxSize:
		return errEndless
	case tx.content.Err() != nil:
		return contentError(tx.content.Err())
	case s.idle > idleCommands:
		return errSequence
	}
	s.say(chunkReply(size))
	return nil
}

// noChunk says why no chunk may come now.
func (s *session) noChunk() error {
	switch {
	case s.tx == nil:
		return errSequence
	case len(s.tx.recipients) == 0:
		return errNoRecipient
	}
	return nil
}

func (s *session) skipChunk(size int64, why error) error {
	b := s.srv.body()
	defer b.release()
	b.Drop(why)
	if err := s.reader.Chunk(&b.Content, size); err != nil {
		return err
	}
	return why
}

func contentError(err error) *mail.Error {
	if errors.Is(err, smtp.ErrContentRoom) {
		return errMemory
	}
	return errSize
}

// finish hands the message to the door and answers. The transaction is over then, however it went.
func (s *session) finish() error {
	defer s.reset()
	tx := s.tx
	if s.watched() {
		s.note("content of %d bytes", len(tx.content.Bytes()))
	}
	if err := tx.content.Err(); err != nil {
		return contentError(err)
	}
	if err := tx.reserve(s.srv.opts.MaxSize); err != nil {
		return err
	}
	if err := s.srv.opts.Door.Ready(); err != nil {
		return s.doorError(err)
	}
	source := s.examine()
	if s.srv.ctx.Err() != nil { // what was found out is not all
		return errStopping
	}
	tx.received = time.Now()
	ids, err := s.srv.opts.Door.Accept(s.srv.ctx, inject.Submission{
		From: tx.mail.From, Recipients: tx.recipients, Source: source, Normal: true, Extract: s.srv.opts.Extract, Stranger: !s.mayRelay(),
		Origin: s.origin(), Received: tx.received, IPs: s.ips(), Checks: tx.checks, Trace: s.trace, Drop: s.srv.forged,
		Published: s.srv.opts.Received,
	})
	if err != nil {
		return s.doorError(err)
	}
	s.idle = 0
	if tx.accepted == 0 {
		return s.relayError()
	}
	s.errors, s.since = 0, time.Now()
	s.srv.metrics.messages.Inc()
	s.notePartly(tx)
	s.confirm(ids)
	return nil
}

// reserve asks for the memory that the message takes on its way through the door. Its lines are made good there, which can make it
// larger.
func (t *transaction) reserve(most int64) error {
	var size int
	size, t.normal = inject.NormalSize(t.content.Bytes())
	need := inject.InFlight(size, len(t.recipients))
	if !t.normal {
		need += size
	}
	switch {
	case int64(size) > most:
		return errSize
	case !t.content.reserve(need):
		return errMemory
	}
	return nil
}

// doorError makes a reply of what the door says. The cause is for the log.
func (s *session) doorError(err error) error {
	var e *mail.Error
	if !errors.As(err, &e) {
		e = &mail.Error{Code: 451, Status: "4.3.0", Text: "Local error", Cause: err}
	}
	if e.Code < 500 {
		s.srv.opts.Log.Error("message is not accepted", "peer", s.conn.remote.String(), "envelope", s.tx.mail.From.String(), "error", err)
	}
	return e
}

// Clients keep only so much of a reply, some of them 4096 bytes.
const (
	mostNamed  = 50 // recipients
	namedBytes = 3 << 10
)

// confirm names the ids (incoming-json.md section 3). Where there are too many for one reply it tells how many more there are.
func (s *session) confirm(ids []string) {
	const first = "250-Ok, queued under these identifiers:"
	tx := s.tx
	s.say(first)
	left, size := tx.accepted, len(first)
	for i := range tx.recipients {
		r := &tx.recipients[i]
		if r.Role == inject.Refused {
			continue
		}
		if tx.accepted-left >= mostNamed || size > namedBytes {
			s.say("250 Ok, " + strconv.Itoa(left) + " more recipients queued")
			return
		}
		sign := byte('-')
		if left--; left == 0 {
			sign = ' '
		}
		before := len(s.out)
		s.out = append(append(append(s.out, "250"...), sign), ids[i]...)
		s.out = r.To.AppendPath(append(s.out, " for "...), tx.mail.UTF8)
		size += len(s.out) - before + len("\r\n")
		s.say("")
	}
}
