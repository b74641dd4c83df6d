package sink

import (
	"context"
	"fmt"
	"io"
	"sync/atomic"
	"time"
)

// Stats are the counts since the start.
type Stats struct {
	Connections int64 // opened
	Open        int64 // now
	Encrypted   int64 // that changed to TLS
	Messages    int64 // accepted
	Recipients  int64 // of these
	Bytes       int64 // of their sources
	Deferred    int64 // replies of 4xx and 421 by script or chance
	Refused     int64 // replies of 5xx by script or chance
	Rude        int64 // connections that were dropped, reset, hung, cut or given garbage
}

func (s Stats) String() string {
	return fmt.Sprintf("connections %d open %d tls %d messages %d recipients %d bytes %d deferred %d refused %d rude %d",
		s.Connections, s.Open, s.Encrypted, s.Messages, s.Recipients, s.Bytes, s.Deferred, s.Refused, s.Rude)
}

type counts struct {
	connections, open, encrypted, messages, recipients, bytes, deferred, refused, rude atomic.Int64
}

func (c *counts) count(a action) {
	switch a {
	case deferIt, closeIt:
		c.deferred.Add(1)
	case refuse:
		c.refused.Add(1)
	default:
		c.rude.Add(1)
	}
}

// Stats tells the counts.
func (s *Server) Stats() Stats {
	c := &s.counts
	return Stats{Connections: c.connections.Load(), Open: c.open.Load(), Encrypted: c.encrypted.Load(), Messages: c.messages.Load(),
		Recipients: c.recipients.Load(), Bytes: c.bytes.Load(), Deferred: c.deferred.Load(), Refused: c.refused.Load(), Rude: c.rude.Load()}
}

// Print writes a line a second while there is anything new, until ctx ends, and then the total.
func (s *Server) Print(ctx context.Context, w io.Writer) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for last := (Stats{}); ; {
		select {
		case <-ctx.Done():
			_, _ = fmt.Fprintln(w, "total:", s.Stats())
			return
		case <-tick.C:
		}
		if now := s.Stats(); now != last {
			_, _ = fmt.Fprintf(w, "%d/s %s\n", now.Messages-last.Messages, now)
			last = now
		}
	}
}
