package deliver

import (
	"bytes"
	"fmt"
	"net/netip"
	"time"

	"posthoorn/internal/mail"
	"posthoorn/internal/monitor"
	"posthoorn/internal/smtp"
)

// watched says that somebody watches the traffic.
func (c *Conn) watched() bool { return c.client.monitor.Watched() }

// show tells those who watch a line.
func (c *Conn) show(who monitor.Who, line []byte) {
	s := monitor.Session{ID: c.number, Direction: monitor.Out, Remote: c.target.Addr, Domain: c.dial.Domain}
	if local, err := netip.ParseAddr(c.localIP); err == nil {
		s.Local = netip.AddrPortFrom(local, 0)
	}
	if c.current != nil {
		s.Domain = c.current.Envelope.To.ASCIIDomain()
	}
	c.client.monitor.Say(&s, who, line)
}

func (c *Conn) note(format string, args ...any) {
	if c.watched() {
		c.show(monitor.Note, fmt.Appendf(nil, format, args...))
	}
}

// speak sends commands. What belongs to a login is not shown.
func (c *Conn) speak(commands []byte) (int, error) {
	if c.watched() {
		c.showCommands(commands)
	}
	return c.write(commands)
}

func (c *Conn) showCommands(commands []byte) {
	if c.Phase() == LogIn {
		c.show(monitor.Us, []byte("AUTH …"))
		return
	}
	for line := range bytes.Lines(commands) {
		c.show(monitor.Us, bytes.TrimRight(line, "\r\n"))
	}
}

// reply reads the next reply within wait.
func (c *Conn) reply(wait time.Duration, dot bool) (smtp.Reply, error) {
	r, err := c.link.reply(wait, dot)
	if c.watched() {
		c.showReply(r, err)
	}
	return r, err
}

func (c *Conn) showReply(r smtp.Reply, err error) {
	if err != nil {
		c.note("no reply: %v", err)
		return
	}
	for line := range r.Lines() {
		c.show(monitor.Them, fmt.Appendf(nil, "%d %s", r.Code, line))
	}
}

// showContent stands for the content of a message, with the envelope that goes with its end.
func (c *Conn) showContent(j *Job) {
	if !c.watched() {
		return
	}
	c.note("content of %d bytes, and its final dot", len(j.body.Data))
	if c.upcoming != nil {
		c.showCommands(c.command.buf)
	}
}

// showFailure tells how opening a connection failed.
func (c *Conn) showFailure(r *mail.Result) {
	c.note("no connection to %s: %s/%s", c.target.Host, r.State, r.Kind)
}
