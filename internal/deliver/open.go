package deliver

import (
	"context"
	"fmt"
	"net/netip"
	"runtime/debug"
	"strings"

	"posthoorn/internal/mail"
	"posthoorn/internal/smtp"
)

// run is the goroutine of the connection.
func (c *Conn) run() {
	release := context.AfterFunc(c.ctx, c.inbox.stop)
	defer release()
	defer c.cancel()
	defer func() { c.client.metrics.phases[c.Phase()].Add(-1) }()
	results, ok := c.open()
	switch {
	case ok:
		c.client.metrics.opened.Inc()
		c.serve()
		c.events.Closed(c)
	case c.inbox.ending():
		c.enter(Closing)
		c.events.Closed(c)
	default:
		c.client.metrics.failed.Inc()
		c.enter(Closing)
		c.events.Failed(c, results)
	}
}

// open finds a target that can be used.
func (c *Conn) open() (results []mail.Result, ok bool) {
	for _, t := range c.dial.Targets {
		r := c.try(t)
		if r == nil {
			return nil, true
		}
		if c.inbox.ending() {
			return nil, false
		}
		results = append(results, *r)
		if ours(r) {
			break
		}
	}
	if len(results) == 0 {
		results = append(results, *c.local(mail.StateConnect, mail.Failed, 451, "4.4.1"))
	}
	return results, false
}

// ours says that another target would not help: it is our login that is wrong.
func ours(r *mail.Result) bool { return r.Code == 535 && r.Authentication != "" }

// try opens a target; a nil result means that it can be used. Where encryption is not demanded and breaks, the target gets
// a second chance in clear.
func (c *Conn) try(t Target) *mail.Result {
	level := c.dial.TLS.Level
	if level == TLSNone && c.dial.Auth.Username != "" {
		level = TLSMay
	}
	broken, r := c.greet(t, level)
	if r == nil || !broken || level != TLSMay || c.inbox.ending() {
		return r
	}
	if _, again := c.greet(t, TLSNone); again != nil {
		return again
	}
	return nil
}

// greet goes from dialing to the login. Broken says that encryption was begun and did not come about. A panic on the way
// fails the target and nothing else.
func (c *Conn) greet(t Target, level Level) (broken bool, r *mail.Result) {
	defer func() {
		if v := recover(); v != nil {
			broken, r = false, c.failed(v)
		} else if r != nil {
			c.showFailure(r)
			c.leave(r)
		}
	}()
	if r = c.connect(t); r != nil {
		return false, r
	}
	if r = c.welcome(); r != nil {
		return false, r
	}
	if r = c.hello(true); r != nil {
		return false, r
	}
	if level > TLSNone {
		if broken, r = c.encrypt(level); r != nil {
			return broken, r
		}
	}
	c.describe()
	return false, c.login()
}

// leave gives up on a target, with a QUIT where the peer has only refused.
func (c *Conn) leave(r *mail.Result) {
	if c.link.nc == nil {
		return
	}
	if r.Kind == mail.Failed && r.State != mail.StateSTARTTLS && c.inbox.farewell(c.link.nc, c.dial.Timeouts.Quit) {
		_, _ = c.link.nc.Write([]byte("QUIT\r\n"))
	}
	c.cutSocket()
}

// failed is what comes of a target when the program failed at it: who knows what went over the socket, so no word goes after.
func (c *Conn) failed(v any) *mail.Result {
	c.client.log.Error("opening a connection failed", "remote", c.remote, "error", recovered(v))
	if c.link.nc != nil {
		c.cutSocket()
	}
	return c.local(mail.StateUnknown, mail.Failed, 451, "4.3.0")
}

// connect opens the socket and forgets all that was known of the target before.
func (c *Conn) connect(t Target) *mail.Result {
	c.enter(Dialing)
	c.session = session{target: t, remote: t.Addr.Addr().Unmap().String(), odd: c.client.peers.get(t.Addr, c.client.now())}
	if c.dial.Source.IsValid() {
		c.localIP = c.dial.Source.Unmap().String()
	}
	c.info.sent.Store(0)
	c.link.nc = nil
	c.number = c.client.monitor.NewSession()
	c.describe()
	ctx, cancel := context.WithTimeout(c.ctx, c.dial.Timeouts.Connect)
	defer cancel()
	nc, err := c.client.connect(ctx, c.dial.Source, t.Addr)
	if err != nil {
		return c.dialTrouble(err)
	}
	c.link.use(nc, &c.inbox)
	if !c.inbox.attach(nc) {
		return c.local(mail.StateConnect, mail.Lost, 451, "4.4.2")
	}
	if a, err := netip.ParseAddrPort(nc.LocalAddr().String()); err == nil {
		c.localIP = a.Addr().Unmap().String()
	}
	return nil
}

// welcome waits for the greeting.
func (c *Conn) welcome() *mail.Result {
	c.enter(Greeting)
	reply, err := c.reply(c.dial.Timeouts.Greeting, false)
	if err != nil {
		return c.trouble(mail.StateIntro, err)
	}
	if name := serverName(reply); reply.Code == 220 || strings.Contains(name, ".") {
		c.mta = name
	}
	if reply.Code != 220 {
		return c.refused(mail.StateIntro, reply)
	}
	return c.inStep(mail.StateIntro)
}

// serverName is the first word of the greeting, which should be a host name; in a refusal it often is none.
func serverName(r smtp.Reply) string {
	text := r.Text()
	for i, ch := range text {
		if ch == ' ' || i > 255 {
			return text[:i]
		}
	}
	return text
}

// inStep wants that the peer has not said more than it was asked.
func (c *Conn) inStep(state mail.State) *mail.Result {
	if c.link.replies.Buffered() > 0 {
		return c.invalid(state)
	}
	return nil
}

// hello says EHLO, or HELO to a server that does not know it (RFC 5321 section 3.2). After STARTTLS all that the server
// said before is forgotten.
func (c *Conn) hello(fallback bool) *mail.Result {
	c.enter(Hello)
	c.ext = smtp.Extensions{}
	state := mail.StateEHLO
	name := c.name()
	reply, r := c.say(state, "EHLO "+name)
	if r == nil && reply.Code/100 == 5 && fallback {
		state = mail.StateHELO
		reply, r = c.say(state, "HELO "+name)
	}
	if r != nil {
		return r
	}
	if reply.Code != 250 { // a greeting of two replies would show here
		return c.refused(state, reply)
	}
	if state == mail.StateEHLO {
		c.ext = smtp.ParseExtensions(reply)
	}
	c.info.limit.Store(0)
	c.limit(c.odd.limit)
	c.limit(c.ext.MailMax)
	return c.inStep(state)
}

// name is what we call ourselves: the address, where the name given is none (RFC 5321 section 4.1.3).
func (c *Conn) name() string {
	name := c.dial.Name
	if name != "" && !strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
		return name
	}
	if strings.Contains(c.localIP, ":") {
		return "[IPv6:" + c.localIP + "]"
	}
	return "[" + c.localIP + "]"
}

// say sends a line and waits for its answer.
func (c *Conn) say(state mail.State, line string) (smtp.Reply, *mail.Result) {
	if err := c.send(append([]byte(line), "\r\n"...)); err != nil {
		return smtp.Reply{}, c.trouble(state, err)
	}
	wait := c.dial.Timeouts.Hello
	if c.Phase() == LogIn {
		wait = c.dial.Timeouts.Auth
	}
	reply, err := c.reply(wait, false)
	if err != nil {
		return smtp.Reply{}, c.trouble(state, err)
	}
	return reply, nil
}

// send writes a command.
func (c *Conn) send(line []byte) error {
	_, err := c.speak(line)
	return err
}

// write sends p and counts.
func (c *Conn) write(p []byte) (int, error) {
	n, err := c.link.write(p, c.dial.Timeouts.Block)
	c.info.sent.Add(int64(n))
	c.client.metrics.writes.Inc()
	c.client.metrics.bytes.Add(float64(n))
	return n, err
}

// limit takes a limit on the number of messages into account.
func (c *Conn) limit(messages int) {
	if old := int(c.info.limit.Load()); messages > 0 && (old == 0 || messages < old) {
		c.info.limit.Store(int64(messages))
	}
}

// describe shows others who is at the other end.
func (c *Conn) describe() {
	p := &peerInfo{local: c.localIP, remote: c.target.Addr.String(), host: c.target.Host, mta: c.mta}
	if c.cipher != nil {
		p.cipher = c.cipher.Name
	}
	c.info.peer.Store(p)
}

// recovered turns a panic into an error with its stack.
func recovered(v any) error { return fmt.Errorf("panic: %v\n%s", v, debug.Stack()) }
