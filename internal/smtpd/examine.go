package smtpd

import (
	"posthoorn/internal/inject"
	"posthoorn/internal/mailauth/authres"
	"posthoorn/internal/mime"
)

// examine has the message looked at before the door changes it, and returns it as it was looked at. The lines are made good first:
// what is judged must be what is read later, and a CR or LF alone is not the same to everybody.
func (s *session) examine() []byte {
	source := s.tx.content.Bytes()
	if !s.tx.normal {
		source = inject.NormalLines(source)
	}
	s.check(source)
	s.recognise(source)
	return source
}

// check has mail of others checked, if any of it is accepted. Mail of our own clients is not: they send from addresses that no
// domain lists, and nothing has signed it yet. Of a login there is to tell that there was one (RFC 8601 section 2.7.4); the name stays
// with us.
func (s *session) check(source []byte) {
	tx, o := s.tx, &s.srv.opts
	switch {
	case s.user != "":
		tx.results = "auth=pass"
	case o.Checker != nil && tx.accepted > 0 && !o.own(s):
		tx.checks, tx.results = o.Checker.Check(s.srv.ctx, Checked{
			Remote: s.conn.remote.Addr(), Hello: s.hello, From: tx.mail.From, Source: source})
	}
}

// own says that a session without a login is from our own network: this machine, or a range that is not everybody's. Where a login
// makes the difference a range only says who may connect.
func (o *Options) own(s *session) bool {
	ip := s.conn.remote.Addr()
	if ip.IsLoopback() {
		return true
	}
	for _, p := range o.Range {
		if o.Login == nil && p.Bits() > 0 && p.Contains(ip) {
			return true
		}
	}
	return false
}

// recognise makes reports of mail for local recipients.
func (s *session) recognise(source []byte) {
	tx, o := s.tx, &s.srv.opts
	if o.Reports == nil || !o.Door.Has(inject.Reports) || !tx.anyLocal() {
		return
	}
	reported, ok := o.Reports(s.srv.ctx, source, tx.mail.From.String())
	if !ok {
		return
	}
	for i := range tx.recipients {
		if r := &tx.recipients[i]; r.Role == inject.Local {
			r.Role, r.Reported = inject.Reports, reported
		}
	}
}

func (t *transaction) anyLocal() bool {
	for i := range t.recipients {
		if t.recipients[i].Role == inject.Local {
			return true
		}
	}
	return false
}

// forgedBy tells which fields are to be taken out: where we write Authentication-Results, those that somebody else has written in our
// name (RFC 8601 section 5). Nil: none.
func (o *Options) forgedBy() func(*mime.Field) bool {
	if !o.ResultsLocal && !o.ResultsNonlocal {
		return nil
	}
	return authres.Forged(o.Hostname)
}
