package schedule

import (
	"net/netip"
	"time"
)

// Limits of one lane: a source address and a site, or the sites that share its servers (delivery-control.md section 1).
// 0 = unlimited, except where a default is named.
type Limits struct {
	Connections         int           // open, opening and closing at a time
	StartingConnections int           // opening at a time; 0 = one until a dial has succeeded, then twice as many with each round
	IdleConnections     int           // open without work; more are closed
	MessagesPerMinute   int           // spread, not in bursts
	ConnectsPerMinute   int           // dials, spread
	BytesPerMinute      int64         // spread
	MessagesPerConn     int           // then it is closed
	BytesPerConn        int64         // then it is closed
	MinimumMessages     int           // what the newest connection must have carried before another is opened
	IdleTime            time.Duration // an idle connection is closed after this; 0 = 5 s
	MemoryQueue         int           // hard cap for messages in memory; 0 = about 500
	Offline             time.Duration // how long a failed connect keeps the lane offline at first; 0 = 2 min
	Paused              bool          // nothing may start; what waits in memory is parked

	// The same per remote address of the site.
	AddrConnections       int
	AddrConnectsPerMinute int
}

// Snapshot is the truth about limits from one Use to the next. Its methods are called often and must be cheap.
type Snapshot interface {
	// Limits of the lane from source to the limits key of a site's Route.
	Limits(source netip.Addr, key string) Limits
	// TotalConnections is the bound on all connections together, 0 = unlimited.
	TotalConnections() int
}

// unlimited is the truth before the first Use.
type unlimited struct{}

func (unlimited) Limits(netip.Addr, string) Limits { return Limits{} }
func (unlimited) TotalConnections() int            { return 0 }
