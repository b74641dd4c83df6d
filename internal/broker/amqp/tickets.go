package amqp

import (
	"sync"
	"time"
)

// doubtTime is how long after a loss the broker may be expected to have delivered again what it did not hear of.
const doubtTime = 10 * time.Minute

// State of a delivery tag.
const (
	tagOpen     uint8 = iota // not settled, or not seen yet
	tagAcked                 // finished here, the broker does not know yet
	tagReturned              // to be given back, the broker does not know yet
	tagSettled               // the broker was told
)

// tickets is what is out of one channel: a ring of states, one byte for each delivery tag between the lowest that is open and the
// highest that was seen. Every operation on a ticket takes constant time.
type tickets struct {
	mu      sync.Mutex
	epoch   uint64 // 0: no channel
	ring    []uint8
	low     uint64 // lowest tag that is not finished
	next    uint64 // the tag after the highest seen
	open    int
	acked   []uint64 // in the order of finishing
	back    []uint64
	mark    uint64 // the first tag after the last Resume
	old     int    // open ones below mark
	missing int    // credit that no consumer has, since old tickets hold it
	spare   batch  // taken over by take

	unproven int       // acks without a synchronous call behind them
	doubt    time.Time // when such acks were last lost with their channel
}

// batch is what the broker has to be told, in this order.
type batch struct {
	back   []uint64 // each with nack
	upto   uint64   // ack with multiple=true; 0: none
	single []uint64 // each with ack
}

func (t *tickets) at(tag uint64) *uint8 { return &t.ring[tag&uint64(len(t.ring)-1)] }

// begin starts an epoch.
func (t *tickets) begin(epoch uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.epoch, t.low, t.next, t.open = epoch, 1, 1, 0
	t.mark, t.old, t.missing = 1, 0, 0
	t.acked, t.back = t.acked[:0], t.back[:0]
	clear(t.ring)
}

// end makes all tickets stale and returns the epoch that is over.
func (t *tickets) end() uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	epoch := t.epoch
	t.epoch, t.open = 0, 0
	if t.unproven > 0 {
		t.unproven, t.doubt = 0, time.Now()
	}
	return epoch
}

// out notes a delivery.
func (t *tickets) out(tag uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for tag-t.low >= uint64(len(t.ring)) {
		t.grow()
	}
	// Tags come in order but for several consumers on the channel, after a Resume; what is between counts as open.
	t.next = max(t.next, tag+1)
	t.open++
	if tag < t.mark {
		t.old++
	}
}

func (t *tickets) grow() {
	old := t.ring
	t.ring = make([]uint8, max(64, 2*len(old)))
	for tag := t.low; tag < t.next; tag++ {
		*t.at(tag) = old[tag&uint64(len(old)-1)]
	}
}

// finish settles a ticket here. It returns how many the broker has to be told of; 0: the ticket is stale or was settled before.
func (t *tickets) finish(epoch, tag uint64, state uint8) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	if epoch == 0 || epoch != t.epoch || tag < t.low || tag >= t.next || *t.at(tag) != tagOpen {
		return 0
	}
	*t.at(tag) = state
	t.open--
	if tag < t.mark {
		t.old--
	}
	if state == tagAcked {
		t.acked = append(t.acked, tag)
		t.unproven++
	} else {
		t.back = append(t.back, tag)
	}
	return len(t.acked) + len(t.back)
}

// take is what the broker has to be told now on the channel of epoch; its slices hold until the next take. Nacks go first, so that no multiple ack covers
// them. The tag of a multiple ack is one that the broker still knows: it takes any other for an error.
func (t *tickets) take(epoch uint64) batch {
	t.mu.Lock()
	defer t.mu.Unlock()
	if epoch != t.epoch {
		return batch{}
	}
	b := batch{back: append(t.spare.back[:0], t.back...), single: t.spare.single[:0]}
	for _, tag := range t.back {
		*t.at(tag) = tagSettled
	}
	for t.low < t.next && *t.at(t.low) != tagOpen {
		if *t.at(t.low) == tagAcked {
			b.upto = t.low
		}
		*t.at(t.low) = tagOpen // its place in the ring is free
		t.low++
	}
	for _, tag := range t.acked {
		if tag >= t.low {
			*t.at(tag) = tagSettled
			b.single = append(b.single, tag)
		}
	}
	t.acked, t.back = t.acked[:0], t.back[:0]
	t.spare = b
	return b
}

// current is the number of open tickets.
func (t *tickets) current() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.open
}

// resume marks what is out now as old, and returns how much that is: so much credit is missing.
func (t *tickets) resume() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.mark, t.old, t.missing = t.next, t.open, t.open
	return t.open
}

// wants reports whether half of the missing credit is back.
func (t *tickets) wants() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.returned() > 0
}

// regain is how much of the missing credit a further consumer may have now; 0: too little is back.
func (t *tickets) regain() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := t.returned()
	t.missing -= n
	return n
}

func (t *tickets) returned() int {
	if n := t.missing - t.old; n > 0 && n >= t.missing/2 {
		return n
	}
	return 0
}

// unprovenAcks is how many acks no synchronous call stands behind yet; prove takes n of them off.
func (t *tickets) unprovenAcks() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.unproven
}

func (t *tickets) prove(n int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.unproven -= n
}

// doubtful reports whether acks were under way when a channel was lost not long ago: their messages may still come again.
func (t *tickets) doubtful() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return !t.doubt.IsZero() && time.Since(t.doubt) < doubtTime
}
