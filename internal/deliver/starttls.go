package deliver

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"os"
	"strings"
	"time"

	"posthoorn/internal/mail"
	"posthoorn/internal/smtp"
)

// baseTLS is the configuration that every handshake starts from. The certificate is looked at in VerifyConnection, which, in
// contrast to what crypto/tls does itself, is also asked for resumed sessions.
func baseTLS(given *tls.Config, sessions int) *tls.Config {
	if sessions <= 0 {
		sessions = 4096
	}
	base := &tls.Config{}
	if given != nil {
		base = given.Clone()
	}
	if base.MinVersion == 0 {
		base.MinVersion = tls.VersionTLS12
	}
	base.InsecureSkipVerify = true
	base.ClientSessionCache = tls.NewLRUClientSessionCache(sessions)
	return base
}

// encrypt does STARTTLS as far as the server offers it and the level asks for it (RFC 3207). Broken says that it was begun.
func (c *Conn) encrypt(level Level) (broken bool, r *mail.Result) {
	missing := func(r *mail.Result) *mail.Result {
		if level == TLSMay {
			return nil
		}
		return r
	}
	if !c.ext.StartTLS {
		return false, missing(c.local(mail.StateSTARTTLS, mail.Failed, 451, "4.7.10"))
	}
	c.enter(Handshake)
	reply, r := c.say(mail.StateSTARTTLS, "STARTTLS")
	switch {
	case r != nil:
		return true, r
	case reply.Refusal() && reply.Code != 421:
		return false, missing(c.answered(mail.StateSTARTTLS, mail.Failed, reply))
	case reply.Code != 220:
		return false, c.refused(mail.StateSTARTTLS, reply)
	}
	// What came in clear after the answer would be taken for answers given inside TLS (CVE-2011-0411, the other way round).
	if r = c.inStep(mail.StateSTARTTLS); r != nil {
		return false, r
	}
	if r = c.handshake(level); r != nil {
		return true, r
	}
	if r = c.hello(false); r != nil {
		return r.Kind != mail.Failed, r // a refusal inside TLS shows that TLS works
	}
	return false, nil
}

// handshake replaces the stream by TLS over it.
func (c *Conn) handshake(level Level) *mail.Result {
	cfg := c.client.tls.Clone()
	cfg.ServerName = strings.TrimSuffix(c.target.Host, ".")
	cfg.VerifyConnection = func(s tls.ConnectionState) error {
		err := c.verify(s, level)
		c.certificate = smtp.DescribeCertificate(s, err)
		if level != TLSVerify {
			err = nil
		}
		return err
	}
	t := tls.Client(c.link.nc, cfg)
	if err := c.inbox.armBoth(c.link.nc, c.dial.Timeouts.TLS); err != nil {
		return c.trouble(mail.StateSTARTTLS, err)
	}
	if err := t.Handshake(); err != nil {
		return c.tlsTrouble(err)
	}
	c.encrypted, c.cipher = true, smtp.DescribeCipher(t.ConnectionState())
	c.link.use(t, &c.inbox)
	return nil
}

// tlsTrouble tells a handshake that failed from one that was not answered.
func (c *Conn) tlsTrouble(err error) *mail.Result {
	if errors.Is(err, os.ErrDeadlineExceeded) || isLost(err) {
		return c.trouble(mail.StateSTARTTLS, err)
	}
	return c.local(mail.StateSTARTTLS, mail.Failed, 451, "4.7.5")
}

// verify checks the chain and, for TLSVerify, that the certificate is for one of the names.
func (c *Conn) verify(s tls.ConnectionState, level Level) error {
	if len(s.PeerCertificates) == 0 {
		return errors.New("no certificate")
	}
	leaf, between := s.PeerCertificates[0], x509.NewCertPool()
	for _, x := range s.PeerCertificates[1:] {
		between.AddCert(x)
	}
	opts := x509.VerifyOptions{Roots: c.client.tls.RootCAs, Intermediates: between, CurrentTime: c.client.now()}
	if _, err := leaf.Verify(opts); err != nil || level != TLSVerify {
		return err
	}
	names := c.dial.TLS.Names
	if len(names) == 0 {
		names = []string{c.target.Host}
	}
	err := errors.New("no name to verify")
	for _, name := range names {
		if err = leaf.VerifyHostname(strings.TrimSuffix(name, ".")); err == nil {
			return nil
		}
	}
	return err
}

// armBoth sets the deadline for a handshake.
func (b *inbox) armBoth(nc net.Conn, wait time.Duration) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.aborted || b.stopped {
		return errStopped
	}
	b.afterDot = false
	return nc.SetDeadline(time.Now().Add(wait))
}
