package localqueue

import (
	"context"
	"encoding/binary"
	"errors"
	"slices"
	"time"

	"github.com/cockroachdb/pebble/v2"
)

// ledger counts its own time in buckets of a minute in which this process consumed.
// An entry lies in the bucket of its Note, its Acked or its last match; old buckets
// leave as a range. What is not acked moves on before: while somebody has its delivery
// in hand into the current bucket, else, once, into that of the day. Its delivery went to
// another instance, or will come again late; how many of these there are has no bound but
// the time.
type ledger struct {
	unacked map[[16]byte]uint32 // and the bucket it is in; as many as there are open tickets, and those of ten minutes
	inHand  func([16]byte) bool // as Age got it; nil: all may be
	bucket  uint32              // current
	oldest  uint32              // nothing lies before
	wanted  uint32              // what the next commit makes the current one
	last    time.Time           // of Age
	spent   time.Duration       // of the current bucket
}

const (
	bucketTime  = time.Minute
	keepBuckets = 10 // full minutes after the one of the ack
	longestStep = 10 * time.Second
	dayBuckets  = 24 * 60
	dayBit      = 1 << 31 // of the bucket of a day, which is kept until the end of the next one
)

// dayOf is the bucket of the day that a bucket is in.
func dayOf(bucket uint32) uint32 { return dayBit | bucket/dayBuckets }

// start goes on where the ledger was; some older bucket may still be there.
func (l *ledger) start(bucket uint32) {
	l.bucket = max(bucket, 1)
	l.wanted = l.bucket
	l.oldest = l.bucket - min(l.bucket-1, keepBuckets)
}

func (l *ledger) loadUnacked(k, v []byte) error {
	if len(k) != 17 || len(v) != 4 {
		return errCorrupt
	}
	l.unacked[[16]byte(k[1:])] = binary.BigEndian.Uint32(v)
	return nil
}

// Lookup finds the outcome that was noted for an identity of which a delivery has come
// again. It does not age then until an Acked of it, as after a Note.
func (s *Store) Lookup(identity [16]byte) (outcome []byte, ok bool) {
	if !s.use() {
		return nil, false
	}
	outcome, bucket, err := s.lookup(identity)
	s.life.leave()
	s.report("looking into the ledger", err)
	if outcome == nil {
		return nil, false
	}
	var b Batch
	b.add(op{kind: opTouch, identity: identity, id: uint64(bucket)})
	s.Commit(&b, nil)
	return outcome, true
}

// lookup asks the buckets, the newest first, in one state of the store: an entry may
// be moving.
func (s *Store) lookup(identity [16]byte) (outcome []byte, bucket uint32, err error) {
	s.mu.Lock()
	buckets := s.ledger.buckets()
	s.mu.Unlock()
	snapshot := s.db.NewSnapshot()
	defer func() { err = errors.Join(err, snapshot.Close()) }()
	for _, b := range buckets {
		v, closer, err := snapshot.Get(ledgerKey(b, identity))
		if errors.Is(err, pebble.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, 0, err
		}
		return append([]byte{}, v...), b, closer.Close()
	}
	return nil, 0, nil
}

// buckets are those in which an entry may lie, the newest first; it is called with s.mu
// held.
func (l *ledger) buckets() (list []uint32) {
	for b := l.bucket; b >= l.oldest; b-- {
		list = append(list, b)
	}
	return append(list, dayOf(l.bucket), dayOf(l.bucket)-1)
}

// Age lets ledger time pass. It is called at least every ten seconds while this
// process consumes, and not at all while it does not: a longer gap between two calls
// counts as ten seconds. Entries leave ten to eleven minutes after their Acked; those
// without one, of which inHand says that nobody has the delivery in hand, after one to
// two days. inHand is called later too, and must not call the store.
func (s *Store) Age(now time.Time, inHand func(identity [16]byte) bool) {
	if s.spend(now, inHand) {
		var b Batch
		s.Commit(&b, nil) // the committer turns the page
	}
}

func (s *Store) spend(now time.Time, inHand func([16]byte) bool) (turn bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := &s.ledger
	l.inHand = inHand
	if !l.last.IsZero() {
		l.spent += min(max(now.Sub(l.last), 0), longestStep)
	}
	l.last = now
	if l.spent < bucketTime {
		return false
	}
	l.spent -= bucketTime
	l.wanted++
	return true
}

// NoneInHand says that the deliveries of this process are all settled. Entries that are
// still open are those of one before, whose deliveries have not come again yet or went
// to another instance: they are kept for a day of consuming.
func (s *Store) NoneInHand(ctx context.Context) error {
	b := new(Batch)
	b.add(op{kind: opNoneInHand})
	return s.Do(ctx, b)
}

// advanceLedger turns to the wanted bucket and lets old ones go. It comes before all
// else in a change, so that a change knows one current bucket only.
func (c *change) advanceLedger() {
	l := &c.s.ledger
	if l.wanted == l.bucket {
		return
	}
	day := dayOf(l.bucket)
	l.bucket = l.wanted
	c.setState(stateBucket, uint64(l.bucket))
	if l.bucket <= l.oldest+keepBuckets {
		return
	}
	oldest := l.bucket - keepBuckets
	for identity, bucket := range l.unacked {
		switch {
		case bucket >= oldest:
		case l.inHand == nil || l.inHand(identity):
			c.moveEntry(identity, bucket, l.bucket)
			c.setUnacked(identity, l.bucket)
		default:
			c.keepForADay(identity, bucket)
		}
	}
	c.w.DeleteRange(ledgerKey(l.oldest, [16]byte{}), ledgerKey(oldest, [16]byte{}), nil)
	l.oldest = oldest
	if today := dayOf(l.bucket); today != day {
		c.w.DeleteRange(ledgerKey(dayBit, [16]byte{}), ledgerKey(today-1, [16]byte{}), nil)
	}
}

func (c *change) ledgerOp(o *op) {
	l := &c.s.ledger
	bucket, open := l.unacked[o.identity]
	switch o.kind {
	case opNote:
		if open && bucket != l.bucket {
			c.w.Delete(ledgerKey(bucket, o.identity), nil)
		}
		c.w.Set(ledgerKey(l.bucket, o.identity), o.outcome, nil)
		c.setUnacked(o.identity, l.bucket)
	case opAcked:
		if open {
			c.letAge(o.identity, bucket)
		}
	case opForget:
		c.endUnacked(o.identity)
		for _, b := range l.buckets() {
			c.w.Delete(ledgerKey(b, o.identity), nil)
		}
	case opTouch:
		if !open {
			c.moveEntry(o.identity, uint32(o.id), l.bucket)
			c.setUnacked(o.identity, l.bucket)
		}
	case opNoneInHand:
		for identity, bucket := range l.unacked {
			c.keepForADay(identity, bucket)
		}
	}
}

// letAge closes an open entry. Its ten minutes begin.
func (c *change) letAge(identity [16]byte, bucket uint32) {
	c.endUnacked(identity)
	c.moveEntry(identity, bucket, c.s.ledger.bucket)
}

// keepForADay closes an open entry that nobody here is to ack.
func (c *change) keepForADay(identity [16]byte, bucket uint32) {
	c.endUnacked(identity)
	c.moveEntry(identity, bucket, dayOf(c.s.ledger.bucket))
}

// moveEntry takes an entry of an earlier commit into another bucket.
func (c *change) moveEntry(identity [16]byte, from, to uint32) {
	if from == to {
		return
	}
	v, closer, err := c.s.db.Get(ledgerKey(from, identity))
	if errors.Is(err, pebble.ErrNotFound) {
		return
	}
	if err != nil {
		c.err = err
		return
	}
	c.w.Set(ledgerKey(to, identity), slices.Clone(v), nil)
	c.w.Delete(ledgerKey(from, identity), nil)
	c.err = errors.Join(c.err, closer.Close())
}

func (c *change) setUnacked(identity [16]byte, bucket uint32) {
	l := &c.s.ledger
	old, open := l.unacked[identity]
	if open && old == bucket {
		return
	}
	key := append([]byte{keyUnacked}, identity[:]...)
	if open {
		c.w.SingleDelete(key, nil)
	}
	c.w.Set(key, binary.BigEndian.AppendUint32(nil, bucket), nil)
	l.unacked[identity] = bucket
}

func (c *change) endUnacked(identity [16]byte) {
	if _, open := c.s.ledger.unacked[identity]; open {
		c.w.SingleDelete(append([]byte{keyUnacked}, identity[:]...), nil)
		delete(c.s.ledger.unacked, identity)
	}
}
