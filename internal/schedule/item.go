package schedule

import (
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"
)

// Item is one message that wants to go out.
type Item struct {
	ID       uint64 // unique among what the plan holds
	Site     string // destination: recipient domain in A-labels, or host:port of a smarthost
	Pool     *Pool  // addresses it may leave from; interned, at least one
	Class    Class  // what a connection must be like to carry it
	Priority uint8  // higher goes first within its site
	Retry    bool   // it has been attempted before; for the bounds on memory
	Size     int64  // bytes on the wire as far as known, 0 = unknown; counted for Domain.Bytes until Done says better
	Waited   bool   // it comes from the local queue: it is the backlog, it does not queue behind it
	Fed      *Pool  // of Waited: the pool of the Refill that brought it, if the item may now leave from others; nil = Pool
}

// Class is what must be equal between an item and the connection that carries it (T43). The plan compares and passes
// it on; what the fields say is the caller's.
type Class struct {
	Security string `json:"security,omitempty"` // TLS demand, and the policy that it comes from
	Auth     string `json:"auth,omitempty"`     // identity to log in with; never a secret
	Helo     string `json:"helo,omitempty"`     // EHLO name, if it is not that of the source address
	Tags     string `json:"tags,omitempty"`     // sorted, separated by spaces: those that a pause of a remote address may name; mostly empty
	Other    string `json:"other,omitempty"`    // anything else, such as a client certificate or an inbound hook
}

// Pool is a set of source addresses. Pools are equal when their pointers are: get them from Pools.
type Pool struct {
	addrs []netip.Addr
}

// Addrs are the addresses, sorted. They must not be changed.
func (p *Pool) Addrs() []netip.Addr { return p.addrs }

func (p *Pool) has(a netip.Addr) bool { return slices.Contains(p.addrs, a) }

// Pools interns sets of addresses. It is safe for use by many goroutines, so that receivers can use it. The zero
// value is ready.
type Pools struct {
	mu    sync.Mutex
	known map[string]*Pool
}

// maxPools bounds what is interned. When there are more, interning starts anew: equal sets may then have two
// pointers for a while, which costs a second queue and nothing else.
const maxPools = 65536

// Of gives the pool of the addresses; order and repetitions do not matter.
func (ps *Pools) Of(addrs ...netip.Addr) *Pool {
	sorted := slices.Clone(addrs)
	slices.SortFunc(sorted, netip.Addr.Compare)
	sorted = slices.Compact(sorted)
	var name strings.Builder
	for _, a := range sorted {
		b, _ := a.MarshalBinary() // never fails
		name.WriteByte(byte(len(b)))
		name.Write(b)
	}
	ps.mu.Lock()
	defer ps.mu.Unlock()
	if p := ps.known[name.String()]; p != nil {
		return p
	}
	if ps.known == nil || len(ps.known) >= maxPools {
		ps.known = make(map[string]*Pool)
	}
	p := &Pool{addrs: sorted}
	ps.known[name.String()] = p
	return p
}

// Reason says why an item waits, or went back.
type Reason uint8

// Why an item is parked.
const (
	NoReason Reason = iota
	NoRoom          // memory holds as many of its site as it should
	Behind          // mail of its place waits in the local queue already, it queues up behind
	Rate            // a limit lets it start only at Until
	Paused          // every address that it may leave from is paused
	Lookup          // its site's lookup is not answered
	Crowded         // no connection could be had: all are in use by others
	Stopping        // the plan hands out nothing more
)

// String is the word for logs and the console.
func (r Reason) String() string {
	return [...]string{"", "no room", "behind", "rate", "paused", "lookup", "crowded", "stopping"}[r]
}

// Kind of a Verdict.
type Kind uint8

// What Add says.
const (
	Queued  Kind = iota // the plan holds it, it will come out of Pull, Next or Todo
	Park                // the plan does not hold it: to the local queue, until Until, for Reason
	Offline             // the plan does not hold it: its site cannot be reached or found, Err is its result
)

// Verdict is the answer to Add.
type Verdict struct {
	Kind   Kind
	Reason Reason    // of Park
	Ends   time.Time // of Park for Rate and Paused: when that is over by what is known now; zero = open
	Until  time.Time // of Park: due then; a time that is not after now means "when there is room" (Refill tells)
	Err    error     // of Offline: as it was given to ResolveFailed or DialFailed
	Source netip.Addr
}
