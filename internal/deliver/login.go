package deliver

import (
	"posthoorn/internal/mail"
	"posthoorn/internal/smtp"
)

// maxCommand is the longest command line without its end (RFC 5321 section 4.5.3.1.4).
const maxCommand = 510

// login authenticates, if there is anything to do it with (RFC 4954).
func (c *Conn) login() *mail.Result {
	a := c.dial.Auth
	if a.Username == "" {
		return nil
	}
	c.enter(LogIn)
	if !c.encrypted && (!a.Clear || c.ext.StartTLS) {
		return c.local(mail.StateAuthPlain, mail.Failed, 451, "4.7.11")
	}
	m := c.ext.Auth.Choose(c.encrypted)
	c.mechanism = m.String()
	switch m {
	case smtp.Plain:
		return c.loginPlain(smtp.PlainResponse(a.Username, a.Password))
	case smtp.Login:
		return c.loginLogin()
	case smtp.CRAMMD5:
		return c.loginCRAM()
	}
	return c.local(mail.StateAuthPlain, mail.Failed, 451, "4.7.0")
}

// loginPlain sends the response with the command if it fits.
func (c *Conn) loginPlain(response string) *mail.Result {
	line := "AUTH PLAIN " + response
	if len(line) > maxCommand {
		if _, r := c.ask(mail.StateAuthPlain, "AUTH PLAIN", 334); r != nil {
			return r
		}
		line = response
	}
	_, r := c.ask(mail.StateAuthPlain, line, 235)
	return r
}

func (c *Conn) loginLogin() *mail.Result {
	if _, r := c.ask(mail.StateAuthLogin, "AUTH LOGIN", 334); r != nil {
		return r
	}
	if _, r := c.ask(mail.StateAuthUsername, smtp.LoginResponse(c.dial.Auth.Username), 334); r != nil {
		return r
	}
	_, r := c.ask(mail.StateAuthPassword, smtp.LoginResponse(c.dial.Auth.Password), 235)
	return r
}

func (c *Conn) loginCRAM() *mail.Result {
	challenge, r := c.ask(mail.StateAuthCRAM, "AUTH CRAM-MD5", 334)
	if r != nil {
		return r
	}
	response, err := smtp.CRAMResponse(challenge, c.dial.Auth.Username, c.dial.Auth.Password)
	if err != nil {
		return c.trouble(mail.StateAuthCRAM, err)
	}
	_, r = c.ask(mail.StateAuthResponse, response, 235)
	return r
}

// ask says a line and wants one code for an answer.
func (c *Conn) ask(state mail.State, line string, code int) (smtp.Reply, *mail.Result) {
	reply, r := c.say(state, line)
	if r == nil && reply.Code != code {
		r = c.refused(state, reply)
	}
	if r == nil {
		r = c.inStep(state)
	}
	return reply, r
}
