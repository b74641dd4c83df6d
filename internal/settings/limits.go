package settings

import "time"

// Counts are limits on what is sent to a destination, or to one remote address of it (delivery-control.md section 1).
// 0 = unlimited. Those per minute are spread over it.
type Counts struct {
	Messages    int   // attempts per minute
	Connects    int   // new connections per minute
	Bytes       int64 // per minute
	Connections int   // open, opening and closing at a time
	Starting    int   // opening at a time
	Idle        int   // open without work
}

// Limits are those in force for one of our addresses and a destination, the defaults filled in. 0 = unlimited.
type Limits struct {
	Domain, Remote Counts // to the whole destination; to each of its addresses

	ConnMessages int           // over one connection, then it is closed
	ConnBytes    int64         // likewise
	MinMessages  int           // what the newest connection must have carried before another is opened
	Spread       bool          // messages go over all open connections in turn, instead of over as few as possible
	IdleTime     time.Duration // a connection without work is closed after this

	Memory        int // messages in memory
	MemoryFirst   int // of them first attempts
	MemoryRetries int // of them retries

	Offline  time.Duration // how long a failed connect keeps a remote address offline at first
	Security Security
	Timeouts Timeouts
}

// Security is the demand for TLS where the message has none of its own (message-json.md section 5).
type Security uint8

// The values of the column secure.
const (
	Optional      Security = iota // no TLS
	Opportunistic                 // if offered
	Required                      // no mail without
	Verified                      // and the certificate must be good
)

// String is the word of the property security.
func (s Security) String() string {
	if s > Verified {
		return "unknown"
	}
	return [...]string{"optional", "opportunistic", "required", "verified"}[s]
}

// Timeouts of the SMTP dialogue; 0 = what RFC 5321 section 4.5.3.2 says.
type Timeouts struct {
	Connect, Intro, Command, Data, Message time.Duration
}

// Defaults are the limits where no row says anything.
func Defaults() Limits {
	return Limits{
		Remote:   Counts{Starting: 1},
		Memory:   500,
		IdleTime: 5 * time.Second,
		Offline:  2 * time.Minute,
		Security: Opportunistic,
	}
}
