package app

import (
	"context"
	"net"
	"strconv"

	"posthoorn/internal/mailauth"
	"posthoorn/internal/mailauth/spamd"
	"posthoorn/internal/smtpd"
)

// checker is package mailauth as the SMTP server asks it.
type checker struct{ checks *mailauth.Checker }

// newChecker is nil if nothing is to be checked. Half of the sessions may wait for checks, so that a slow DNS never holds them all.
func (d *Daemon) newChecker() smtpd.Checker {
	in := &d.cfg.SMTPIn
	if len(in.Check) == 0 {
		return nil
	}
	checks, _ := mailauth.ParseChecks(in.Check) // the configuration knows the words
	return checker{mailauth.New(mailauth.Options{
		Checks: checks, DNS: d.resolver, AtOnce: max(1, sessions(in.Connections)/2), Log: d.named("checks"), Metrics: d.metrics,
		Spamd: spamd.New(spamd.Options{Address: net.JoinHostPort(in.SpamAssassinHost, strconv.Itoa(int(in.SpamAssassinPort)))}),
	})}
}

// Check returns what was found out, as JSON and as the text of a header field.
func (c checker) Check(ctx context.Context, m smtpd.Checked) (checks []byte, results string) {
	f := c.checks.Check(ctx, mailauth.Mail{Remote: m.Remote, Hello: m.Hello, From: m.From, Source: m.Source})
	return f.JSON(), f.Results()
}
