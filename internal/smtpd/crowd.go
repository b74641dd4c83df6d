package smtpd

import (
	"math"
	"time"

	"posthoorn/internal/mail"
)

const (
	patience    = 10 * time.Second       // of a full server with a client that it waits for
	mailTime    = 10 * time.Minute       // in which a client of a full server should bring a message, if that is no large one
	largeRates  = 64                     // times the least rate, at which a large one should come
	lookAgain   = 100 * time.Millisecond // after nobody was found who could go
	ourTurn     = math.MaxInt64          // the server does not wait for the client
	leavingPart = 10                     // of all sessions may be on their way out at a time
)

var errCrowded = &mail.Error{Code: 421, Status: "4.3.2", Text: "Too many connections, and you are slow; try again later"}

// makeRoom ends the session of the client that has kept a full server waiting longest, if that is too long: so slow clients cannot
// hold it, from however many addresses they come. Clients with a login and those that may relay by their address stay.
func (l *limits) makeRoom(now time.Time) bool {
	if l.leaving > l.total/leavingPart || now.Before(l.lookAt) {
		return false
	}
	var slowest *conn
	longest := now.Add(-patience).UnixNano()
	for c := range l.conns {
		if owed := c.waiting.Load(); !c.leaving && !c.known && owed <= longest {
			slowest, longest = c, owed
		}
	}
	if slowest == nil {
		l.lookAt = now.Add(lookAgain)
		return false
	}
	slowest.leaving = true
	l.leaving++
	slowest.stop(errCrowded)
	return true
}

// waitingSince is since when the client owes us something: the end of a command, data faster than the least rate, or a message at
// last.
func (s *session) waitingSince() int64 {
	if s.user != "" {
		return ourTurn
	}
	owes, size := s.asked, int64(0)
	if !s.dataStart.IsZero() {
		owes, size = s.earned(), s.dataBytes
	}
	return earlier(owes, s.since.Add(mailTime+s.timeFor(size/largeRates))).UnixNano()
}
