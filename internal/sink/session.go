package sink

import (
	"bytes"
	"crypto/tls"
	"errors"
	"net"
	"time"

	"posthoorn/internal/smtp"
)

// session is one connection. Everything in it is used again for the next message.
type session struct {
	srv     *Server
	number  int64
	raw     net.Conn
	wire    net.Conn
	reader  *smtp.ServerReader
	content smtp.Content
	out     []byte

	inTx       bool
	from       []byte
	recipients []byte // accepted ones, each with an LF behind it
	accepted   int
	playing    []playing // scripts of this transaction
	record     []byte    // for the ledger
}

// playing is a script with the address that it counts for.
type playing struct {
	script  script
	address string
}

// errEnd ends a session.
var errEnd = errors.New("end of the session")

// keptBuffer is the largest buffer that a connection keeps between messages.
const keptBuffer = 1 << 20

func (s *Server) serve(raw net.Conn) {
	defer func() { _ = raw.Close() }()
	s.counts.connections.Add(1)
	if !s.enter(raw) {
		_ = raw.SetWriteDeadline(time.Now().Add(time.Second))
		_, _ = raw.Write([]byte("421 4.3.2 Too many connections\r\n"))
		return
	}
	s.counts.open.Add(1)
	defer s.counts.open.Add(-1)
	defer s.leave(raw)
	c := &session{srv: s, number: s.serial.Add(1), raw: raw, wire: raw}
	c.content.Limit = s.opts.MaxSize
	c.reader = smtp.NewServerReader(c)
	if c.greet() == nil {
		for c.next() == nil {
		}
	}
	_ = c.flush()
}

// Read sends the replies so far and reads on.
func (c *session) Read(p []byte) (int, error) {
	if err := c.flush(); err != nil {
		return 0, err
	}
	_ = c.raw.SetReadDeadline(time.Now().Add(c.srv.opts.Timeout))
	return c.wire.Read(p)
}

func (c *session) flush() error {
	if len(c.out) == 0 {
		return nil
	}
	if c.srv.opts.Latency > 0 {
		c.srv.sleep(c.srv.opts.Latency)
	}
	_ = c.raw.SetWriteDeadline(time.Now().Add(c.srv.opts.Timeout))
	_, err := c.wire.Write(c.out)
	c.out = c.out[:0]
	return err
}

func (c *session) say(line string) { c.out = append(append(c.out, line...), '\r', '\n') }

func (c *session) greet() error {
	if done, err := c.play(atGreeting); done || err != nil {
		return err
	}
	c.out = append(append(append(c.out, "220 "...), c.srv.opts.Hostname...), " ESMTP sink\r\n"...)
	return nil
}

// next takes one command. An error ends the session.
func (c *session) next() error {
	line, err := c.reader.Line(smtp.MaxCommandLine)
	if errors.Is(err, smtp.ErrLineTooLong) {
		c.say("500 5.5.2 Line too long")
		return nil
	}
	if err != nil {
		return err
	}
	cmd, err := smtp.ParseCommand(line)
	if err != nil {
		c.say("500 5.5.2 Command not known")
		return nil
	}
	switch cmd.Verb {
	case smtp.EHLO, smtp.HELO:
		return c.hello(cmd.Verb == smtp.EHLO)
	case smtp.MAIL:
		return c.mail(cmd.Arg)
	case smtp.RCPT:
		return c.rcpt(cmd.Arg)
	case smtp.DATA:
		return c.data()
	case smtp.STARTTLS:
		return c.startTLS()
	case smtp.QUIT:
		return c.quit()
	case smtp.RSET:
		c.reset()
		c.say("250 2.0.0 Ok")
	case smtp.NOOP:
		c.say("250 2.0.0 Ok")
	default:
		c.say("502 5.5.1 Command not implemented")
	}
	return nil
}

func (c *session) hello(extended bool) error {
	c.reset()
	if done, err := c.play(atEHLO); done || err != nil {
		return err
	}
	if !extended {
		c.say("250 " + c.srv.opts.Hostname)
		return nil
	}
	if c.wire == c.raw {
		c.out = append(c.out, c.srv.clear...)
	} else {
		c.out = append(c.out, c.srv.encrypted...)
	}
	return nil
}

func (c *session) startTLS() error {
	if c.srv.tls == nil || c.wire != c.raw {
		c.say("502 5.5.1 TLS is not available")
		return nil
	}
	if done, err := c.play(atSTARTTLS); done || err != nil {
		return err
	}
	if c.reader.Buffered() > 0 {
		return errEnd
	}
	c.say("220 2.0.0 Ready to start TLS")
	if err := c.flush(); err != nil {
		return err
	}
	_ = c.raw.SetDeadline(time.Now().Add(c.srv.opts.Timeout))
	t := tls.Server(c.raw, c.srv.tls)
	if err := t.Handshake(); err != nil {
		return err
	}
	c.reset()
	c.wire = t
	c.reader.Forget(c)
	c.srv.counts.encrypted.Add(1)
	return nil
}

func (c *session) quit() error {
	if done, err := c.play(atQUIT); done || err != nil {
		return err
	}
	c.say("221 2.0.0 Bye")
	return errEnd
}

// reset ends the transaction. Its scripts stay up to the next one: QUIT may be meant.
func (c *session) reset() {
	c.inTx, c.accepted = false, 0
	c.from, c.recipients = c.from[:0], c.recipients[:0]
	c.content.Reset(keptBuffer)
}

// address is what stands between the angle brackets.
func address(arg []byte) ([]byte, bool) {
	start := bytes.IndexByte(arg, '<')
	end := bytes.LastIndexByte(arg, '>')
	if start < 0 || end < start {
		return nil, false
	}
	return arg[start+1 : end], true
}

func localPart(address []byte) []byte {
	if at := bytes.LastIndexByte(address, '@'); at >= 0 {
		return address[:at]
	}
	return address
}

func (c *session) mail(arg []byte) error {
	from, ok := address(arg)
	switch {
	case c.inTx:
		c.say("503 5.5.1 Bad sequence of commands")
		return nil
	case !ok:
		c.say("501 5.1.7 Bad address")
		return nil
	}
	c.playing = c.playing[:0]
	c.addScript(from, atMAIL)
	if done, err := c.play(atMAIL); done || err != nil {
		return err
	}
	c.inTx, c.from = true, append(c.from[:0], from...)
	c.say("250 2.1.0 Ok")
	return nil
}

// addScript notes the script of an address: of a sender only for the state of MAIL, of a recipient for all others.
func (c *session) addScript(address []byte, only state) {
	sc, ok := parseScript(localPart(address))
	if !ok || (sc.state == atMAIL) != (only == atMAIL) {
		return
	}
	c.playing = append(c.playing, playing{sc, string(address)})
}

func (c *session) rcpt(arg []byte) error {
	to, ok := address(arg)
	switch {
	case !c.inTx:
		c.say("503 5.5.1 Bad sequence of commands")
		return nil
	case !ok:
		c.say("501 5.1.3 Bad address")
		return nil
	}
	before := len(c.playing)
	c.addScript(to, atRCPT)
	if done, err := c.play(atRCPT); done || err != nil {
		c.playing = c.playing[:before]
		return err
	}
	if a := c.srv.chance(); a != "" {
		c.playing = c.playing[:before]
		return c.act(a)
	}
	c.recipients = append(append(c.recipients, to...), '\n')
	c.accepted++
	c.say("250 2.1.5 Ok")
	return nil
}

// play does what a script wants at this state; done means that it was the answer.
func (c *session) play(at state) (done bool, err error) {
	if sc := c.pick(at); sc != nil {
		return true, c.act(sc.action)
	}
	return false, nil
}

// pick finds the script that is due at this state.
func (c *session) pick(at state) *script {
	for i := range c.srv.scripts {
		if sc := &c.srv.scripts[i]; sc.state == at && c.srv.due(sc, sc.text) {
			return sc
		}
	}
	for i := range c.playing {
		if p := &c.playing[i]; p.script.state == at && c.srv.due(&p.script, p.address) {
			return &p.script
		}
	}
	return nil
}

// act plays one action.
func (c *session) act(a action) error {
	c.srv.counts.count(a)
	switch a {
	case deferIt:
		c.say("451 4.7.1 Try again later")
		return nil
	case refuse:
		c.say("550 5.1.1 No such user here")
		return nil
	case garbage:
		c.say("the quick brown fox")
		return nil
	case closeIt:
		c.say("421 4.3.2 Closing connection")
		return errEnd
	case cut:
		c.out = append(c.out, "250 2.0"...)
		return errEnd
	}
	if err := c.flush(); err != nil {
		return err
	}
	switch tcp, ok := c.raw.(*net.TCPConn); {
	case a == hang:
		c.srv.sleep(c.srv.opts.Timeout)
	case a == reset && ok:
		_ = tcp.SetLinger(0)
	}
	return errEnd
}
