package schedule

import (
	"net/netip"
	"time"

	"posthoorn/internal/settings"
)

// ConnID names a connection, from Todo.Dial to DialFailed or Closed. It is never used twice.
type ConnID uint64

// Target is one address of a site.
type Target struct {
	Host       string     `json:"host"`
	Addr       netip.Addr `json:"addr"`
	Preference uint16     `json:"preference"`
	Secure     bool       `json:"secure,omitempty"`
}

// Route is the answer to a lookup.
type Route struct {
	// Group is the identity of the target list whatever its order is (sorted host names or addresses). Sites with the
	// same group share limits, counters and connections. Empty = the site's own name.
	Group string
	// Limits is the key that Snapshot.Limits gets for the group; empty = the site that came first.
	Limits  string
	Targets []Target  // in the order in which they are to be tried
	Expires time.Time // after this a message asks anew; zero = never
}

// Todo is what the loop is to do now. Its slices are valid until the next call of Todo.
type Todo struct {
	Lookup []string  // sites to resolve: answer each with Resolved or ResolveFailed
	Dial   []Dial    // connections to open: answer each with Opened or DialFailed
	Hand   []Hand    // work for connections that were idle: as if they had pulled it
	Close  []ConnID  // idle connections to say QUIT to: answer each with Closed
	Park   []Parked  // items that left the plan: to the local queue
	Fail   []Failed  // items that left the plan: their site cannot be reached or found
	Refill []Refill  // places of which memory could take more: answer each with Add for each, then Refilled
	Wake   time.Time // call Todo again at this time, if not earlier; zero = only when something has happened
}

// Dial is a connection to open.
type Dial struct {
	Conn    ConnID
	Site    string // the site whose message asked for it
	Key     string // of the limits of its group
	Source  netip.Addr
	Class   Class
	Targets []Target // exactly one; when it fails, the plan dials the next
}

// Hand is an item for a connection.
type Hand struct {
	Conn ConnID
	Item Item
}

// Parked is an item that cannot start soon.
type Parked struct {
	ID     uint64
	Reason Reason
	Until  time.Time // as in Verdict
	Ends   time.Time // as in Verdict
}

// Failed is an item whose site cannot be reached or found.
type Failed struct {
	ID     uint64
	Err    error      // as it was given to ResolveFailed or DialFailed; ErrNoFamily
	Source netip.Addr // the address that tried last, if one did
}

// Refill asks for waiting items of a place.
type Refill struct {
	Site string
	Pool *Pool
	N    int // up to so many
}

// Scope is what a failed dial says something about.
type Scope uint8

// Scopes of a DialFailure.
const (
	ScopeSite   Scope = iota // no target could be reached, or none was willing
	ScopeClass               // reached, but not as the class demands: no TLS, wrong certificate, login refused
	ScopeSource              // the source address cannot be used on this machine
)

// DialFailure is how a dial ended that led to no connection.
type DialFailure struct {
	Scope  Scope
	Err    error            // handed to all whom it stops; not nil
	Failed []netip.Addr     // targets that could not be reached
	Floods []settings.Flood // patterns that an answer matched: they slow down the lane
}

// Opening is how a dial ended that led to a connection.
type Opening struct {
	Addr   netip.Addr   // the target that took it
	Failed []netip.Addr // targets that could not be reached before
}

// Outcome of an item that was attempted, as far as the plan is concerned.
type Outcome struct {
	Bytes     int64 // sent, the body included
	Delivered bool  // the final dot was answered with 2xx
	// Strange: the connection was lost or timed out in dialogue, or answers were out of step. Several in a row without
	// a delivery take the lane offline with Err.
	Strange bool
	Err     error
	// Floods are the flood patterns that its answer matched: they slow down its lane.
	Floods []settings.Flood
}
