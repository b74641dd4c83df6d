package smtpd

import "posthoorn/internal/inject"

// trace appends the header fields that stand on top of a received message: Received (RFC 5321 section 4.4) and, for whom it is
// wanted, Authentication-Results (RFC 8601).
func (s *session) trace(dst []byte, r *inject.Recipient, id string) []byte {
	o := &s.srv.opts
	if s.tx.results != "" && o.wantsResults(r.Role) {
		dst = append(append(dst, "Authentication-Results: "...), o.Hostname...)
		dst = append(append(append(dst, ";\r\n\t"...), s.tx.results...), '\r', '\n')
	}
	dst = append(append(dst, "Received: from "...), s.hello...)
	dst = s.appendPeer(append(dst, " ("...))
	dst = append(append(dst, ")\r\n\tby "...), o.Hostname...)
	dst = append(append(dst, " (Posthoorn) with "...), s.protocol()...)
	dst = append(append(dst, " id "...), id...)
	dst = r.To.AppendPath(append(dst, "\r\n\tfor <"...), s.tx.mail.UTF8)
	dst = s.tx.received.UTC().AppendFormat(append(dst, ">; "...), "Mon, 2 Jan 2006 15:04:05 -0700")
	return append(dst, '\r', '\n')
}

func (o *Options) wantsResults(r inject.Role) bool {
	switch r {
	case inject.Inbox:
		return o.ResultsNonlocal
	case inject.Local, inject.Reports:
		return o.ResultsLocal
	}
	return false
}

// appendPeer writes the client's address as a literal.
func (s *session) appendPeer(dst []byte) []byte {
	ip := s.conn.remote.Addr()
	if !ip.IsValid() {
		return append(dst, "unknown"...)
	}
	if ip.Is6() {
		dst = append(dst, "[IPv6:"...)
	} else {
		dst = append(dst, '[')
	}
	return append(ip.AppendTo(dst), ']')
}

// protocol is the word after "with" (RFC 3848, RFC 6531 section 4.3).
func (s *session) protocol() string {
	if !s.extended {
		return "SMTP"
	}
	names := [...]string{"ESMTP", "ESMTPS", "ESMTPA", "ESMTPSA", "UTF8SMTP", "UTF8SMTPS", "UTF8SMTPA", "UTF8SMTPSA"}
	i := 0
	if s.secure {
		i |= 1
	}
	if s.user != "" {
		i |= 2
	}
	if s.tx.mail.UTF8 {
		i |= 4
	}
	return names[i]
}
