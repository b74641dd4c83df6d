package smtpd

// Sessions is how many sessions are open now.
func (s *Server) Sessions() int { return s.limits.count() }
