package sink

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"posthoorn/internal/mail"
	"posthoorn/internal/mime"
)

// data is DATA with its data.
func (c *session) data() error {
	if c.accepted == 0 {
		c.say("554 5.5.1 No valid recipients")
		return nil
	}
	if done, err := c.play(atDATA); done || err != nil {
		return err
	}
	c.say("354 Go ahead")
	if stop, err := c.body(); stop || err != nil {
		return err
	}
	if err := c.reader.Data(&c.content); err != nil {
		return err
	}
	defer c.reset()
	if c.content.Err() != nil {
		c.say("552 5.3.4 Message is too big")
		return nil
	}
	return c.finish()
}

// body plays the script for the middle of the data, once some of it is there. An answer there is followed by nothing more.
func (c *session) body() (stop bool, err error) {
	sc := c.pick(inBody)
	if sc == nil {
		return false, nil
	}
	if c.reader.Buffered() == 0 {
		var some [64]byte
		if _, err := c.Read(some[:]); err != nil {
			return true, err
		}
	}
	if err := c.act(sc.action); err != nil {
		return true, err
	}
	return true, errEnd
}

// finish writes the message down, then answers.
func (c *session) finish() error {
	sc := c.pick(atDot)
	decision := "accepted"
	if sc != nil {
		decision = sc.text
	}
	if err := c.write(decision); err != nil {
		c.say("452 4.3.1 Cannot be written down")
		return fmt.Errorf("ledger: %w", err)
	}
	if sc != nil {
		return c.act(sc.action)
	}
	n := c.srv.counts.messages.Add(1)
	c.srv.counts.recipients.Add(int64(c.accepted))
	c.srv.counts.bytes.Add(int64(len(c.content.Bytes())))
	c.out = strconv.AppendInt(append(c.out, "250 2.0.0 Ok: "...), n, 10)
	c.say("")
	return nil
}

// write keeps the message in all the ways that are wanted.
func (c *session) write(decision string) error {
	if c.srv.opts.Remember > 0 {
		c.srv.remember(Message{Connection: c.number, From: string(c.from), Decision: decision,
			Recipients: strings.Fields(string(c.recipients)), Source: bytes.Clone(c.content.Bytes())})
	}
	if c.srv.opts.Keep != "" {
		if err := c.keep(); err != nil {
			return err
		}
	}
	if c.srv.ledger != nil {
		return c.note(decision)
	}
	return nil
}

func (s *Server) remember(m Message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.messages) < s.opts.Remember {
		s.messages = append(s.messages, m)
	}
}

// keep writes the message to a file of its own, whole or not at all.
func (c *session) keep() error {
	name := fmt.Sprintf("%d.%d.%d.eml", time.Now().UnixNano(), os.Getpid(), c.number)
	path := filepath.Join(c.srv.opts.Keep, name)
	hidden := filepath.Join(c.srv.opts.Keep, "."+name)
	if err := os.WriteFile(hidden, c.content.Bytes(), 0o600); err != nil {
		return err
	}
	return os.Rename(hidden, path)
}

// note appends a line for every recipient to the ledger: id, sender, recipient, hash of what stands behind the header,
// connection and decision.
func (c *session) note(decision string) error {
	source := c.content.Bytes()
	sum := sha256.Sum256(bodyOf(source))
	hash := hex.EncodeToString(sum[:])
	id := headerValue(source, c.srv.opts.IDHeader)
	c.record = c.record[:0]
	now := time.Now()
	for to := range strings.FieldsSeq(string(c.recipients)) {
		c.record = mail.NewObject(c.record).Time("time", now).Text("id", id).Text("from", c.from).String("recipient", to).
			String("sha256", hash).Int("connection", c.number).String("decision", decision).Bytes()
		c.record = append(c.record, '\n')
	}
	if _, err := c.srv.ledger.Write(c.record); err != nil {
		return err
	}
	if c.srv.opts.Sync {
		return c.srv.ledger.Sync()
	}
	return nil
}

func bodyOf(source []byte) []byte {
	if i := bytes.Index(source, []byte("\r\n\r\n")); i >= 0 {
		return source[i+4:]
	}
	return nil
}

// headerValue is the first field of a name, without angle brackets.
func headerValue(source []byte, name string) []byte {
	h, err := mime.ParseHeader(source)
	if err != nil {
		return nil
	}
	for i := range h.Fields {
		if h.Fields[i].Is(name) {
			return bytes.Trim(mime.Unfold(h.Fields[i].Value), "<>")
		}
	}
	return nil
}
