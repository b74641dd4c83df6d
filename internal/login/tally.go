package login

import (
	"hash/maphash"
	"math"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// scope is what failures are counted for.
type scope int

const (
	ofNetwork scope = iota // an IPv4 address or an IPv6 /64, which one customer has
	ofPair                 // an account, from one network
	ofAccount              // an account, from everywhere
)

// rule says how many failures a scope may have, and as many tries at the same time. Then nobody is listened to for the time of
// block, or, where that is zero, the tries take turns.
type rule struct {
	most  float64
	block time.Duration
}

// reached says that there have been as many failures as there may be, of which a part of one may have faded.
func (r rule) reached(failures float64) bool { return failures > r.most-1 }

var rules = [...]rule{ofNetwork: {10, 10 * time.Minute}, ofPair: {6, 5 * time.Minute}, ofAccount: {20, 0}}

const (
	fading  = time.Minute     // in which one failure is forgotten
	turn    = 2 * time.Second // of an account with too many failures
	longest = 10 * time.Second
)

// tally is what has happened in one scope lately.
type tally struct {
	failures float64 // at the time of at
	at       time.Time
	told     float64   // of a pair: how many of its failures its network and its account know, at the time of at
	blocked  time.Time // until then
	next     time.Time // of an account, and of what many share: its next turn
	running  int
	freed    chan struct{} // closed when one of running has ended; nil: nobody waits for it
	seen     [4]uint64     // of a network: the failed tries, so that one that is only repeated counts once
}

// fade takes away what has been forgotten meanwhile.
func (t *tally) fade(now time.Time) {
	lost := float64(now.Sub(t.at)) / float64(fading)
	t.failures, t.told, t.at = math.Max(0, t.failures-lost), math.Max(0, t.told-lost), now
}

// idle is when there will be nothing left to know.
func (t *tally) idle() time.Time {
	end := t.at.Add(time.Duration(t.failures * float64(fading)))
	if t.blocked.After(end) {
		end = t.blocked
	}
	return end
}

// room says that all who are counted as running may run. Failures make room smaller, so that tries at the same time are not more
// than tries one after the other.
func (t *tally) room(most float64) bool { return float64(t.running) <= math.Max(1, most-t.failures) }

// wake is closed when there may be room again.
func (t *tally) wake() <-chan struct{} {
	if t.freed == nil {
		t.freed = make(chan struct{})
	}
	return t.freed
}

func (t *tally) free() {
	if t.freed != nil {
		close(t.freed)
		t.freed = nil
	}
}

// repeated says whether the same try has failed before, and remembers it. A mail program with an old password asks for ever with the
// same one: that is no guessing, and must not close the door to its whole office.
func (t *tally) repeated(try uint64) bool {
	if slices.Contains(t.seen[:], try) {
		return true
	}
	copy(t.seen[1:], t.seen[:])
	t.seen[0] = try
	return false
}

// keys are the scopes of one try, as hashes with a secret seed: of the same size whatever a client says, and nobody can choose them.
type keys struct {
	scopes [3]uint64
	try    uint64 // with its password; 0: there was none
	shared bool
	known  bool // it has shown that it has logged in before
}

func (g *Guard) keysOf(t *Try) keys {
	from := network(t.From).String()
	if t.Client != "" {
		from = "client " + t.Client
	}
	user := strings.ToLower(strings.TrimSpace(t.User)) // checkers may not care
	hash := func(parts ...string) uint64 {
		var h maphash.Hash
		h.SetSeed(g.seed)
		for _, p := range parts {
			_, _ = h.WriteString(p)
			_ = h.WriteByte(0)
		}
		return h.Sum64()
	}
	k := keys{scopes: [...]uint64{ofNetwork: hash("n", from), ofPair: hash("p", user, from), ofAccount: hash("a", user)},
		shared: t.Shared && t.Client == "", known: t.Client != ""}
	if t.Answer == nil {
		k.try = hash("t", t.User, t.Password)
	}
	return k
}

// network is what an address counts as.
func network(a netip.Addr) netip.Prefix {
	a = a.Unmap().WithZone("")
	bits := a.BitLen()
	if a.Is6() {
		bits = 64
	}
	p, _ := a.Prefix(bits)
	return p
}
