package localqueue

import "time"

// Batch is a list of changes that become durable together, all or nothing. The zero
// value is empty and ready. It is not safe for concurrent use, and holds references
// to the bodies given to it until it is committed.
type Batch struct {
	ops   []op
	bytes int
	err   error // something was too large: the batch is refused
}

// op is one change; which fields are meant depends on its kind.
type op struct {
	kind     opKind
	priority uint8
	id       uint64 // message, or nothing
	identity [16]byte
	name     string // queue or meta key
	place    Place
	due      int64
	deadline int64
	stamp    int64 // Published
	msgID    string
	body     []byte
	outcome  []byte
}

type opKind uint8

const (
	opPublish opKind = iota
	opAck
	opWait
	opMove
	opReschedule
	opRemove
	opRelease
	opNoteWaiting
	opNote
	opAcked
	opForget
	opMeta
	opTouch      // a match opens a ledger entry again; id is its bucket
	opNoneInHand // all ledger entries age
)

// Publish puts m into a named queue, which is made on first use.
func (b *Batch) Publish(queue string, m Message) {
	b.add(messageOp(opPublish, 0, queue, m))
}

// Ack removes a message that Take gave out.
func (b *Batch) Ack(queue string, seq uint64) {
	b.add(op{kind: opAck, id: seq, name: queue})
}

// Wait puts a new waiting message; w.ID is not looked at.
func (b *Batch) Wait(w Waiting) { b.add(waitingOp(opWait, 0, w)) }

// Move turns a message that Take gave out into a waiting one; its Seq becomes its ID.
// A nil w.Body keeps the body.
func (b *Batch) Move(queue string, seq uint64, w Waiting) {
	o := waitingOp(opMove, seq, w)
	o.name = queue
	b.add(o)
}

// Reschedule gives a waiting message in hand back with everything that w says. A nil
// w.Body keeps the body; a nil w.Outcome ends the noted outcome.
func (b *Batch) Reschedule(id uint64, w Waiting) { b.add(waitingOp(opReschedule, id, w)) }

// Remove ends a waiting message in hand, and its noted outcome.
func (b *Batch) Remove(id uint64) { b.add(op{kind: opRemove, id: id}) }

// Release turns a waiting message in hand into a message of a named queue, at its end
// and with its ID as Seq, and ends its noted outcome. A nil m.Body keeps the body.
func (b *Batch) Release(id uint64, queue string, m Message) {
	b.add(messageOp(opRelease, id, queue, m))
}

// NoteWaiting keeps an outcome beside a waiting message in hand until Remove,
// Release, Reschedule or a NoteWaiting with nil.
func (b *Batch) NoteWaiting(id uint64, outcome []byte) {
	b.add(op{kind: opNoteWaiting, id: id, outcome: outcome})
}

// Note writes an outcome into the ledger; it stays until Acked or Forget.
func (b *Batch) Note(identity [16]byte, outcome []byte) {
	b.add(op{kind: opNote, identity: identity, outcome: outcome})
}

// Acked lets a ledger entry age. A batch of nothing but Acked and Forget is not
// synced: losing it keeps an entry too long, which is safe.
func (b *Batch) Acked(identity [16]byte) { b.add(op{kind: opAcked, identity: identity}) }

// Forget removes a ledger entry.
func (b *Batch) Forget(identity [16]byte) { b.add(op{kind: opForget, identity: identity}) }

// SetMeta keeps a small value; nil removes it.
func (b *Batch) SetMeta(key string, value []byte) {
	b.add(op{kind: opMeta, name: key, outcome: value})
}

// Len is the number of changes.
func (b *Batch) Len() int { return len(b.ops) }

// Reset empties the batch for another use, after done was called.
func (b *Batch) Reset() {
	clear(b.ops)
	b.ops, b.bytes, b.err = b.ops[:0], 0, nil
}

func (b *Batch) add(o op) {
	if o.tooLarge() {
		b.err = ErrTooLarge
		return
	}
	b.ops = append(b.ops, o)
	b.bytes += len(o.body) + len(o.outcome) + opOverhead
}

// Limits of what is kept in memory or in small records, and of what Pebble can carry.
const (
	maxBody  = 1 << 30
	maxName  = 1 << 10 // of a queue, a meta key, a message-id
	maxPlace = 16 << 10
)

func (o *op) tooLarge() bool {
	p := o.place
	return len(o.body) > maxBody || len(o.outcome) > maxBody ||
		len(o.name) > maxName || len(o.msgID) > maxName ||
		max(len(p.Destination), len(p.Sources), len(p.Hold)) > maxPlace
}

// opOverhead is what a change weighs beside its body in the bounds of the committer.
const opOverhead = 128

func messageOp(kind opKind, id uint64, queue string, m Message) op {
	return op{kind: kind, id: id, name: queue, priority: m.Priority, stamp: nanos(m.Published), msgID: m.ID, body: m.Body}
}

func waitingOp(kind opKind, id uint64, w Waiting) op {
	return op{kind: kind, id: id, place: w.Place, priority: w.Priority,
		due: nanos(w.Due), deadline: nanos(w.Deadline), body: w.Body, outcome: w.Outcome}
}

// nanos is a time as it is stored: nanoseconds since 1970, 0 for the zero time and for
// all before 1970, so that the bytes of the number sort as the times do.
func nanos(t time.Time) int64 {
	if t.IsZero() || t.Unix() < 0 {
		return 0
	}
	if t.Year() >= 2262 {
		return endOfTime
	}
	return t.UnixNano()
}

const endOfTime = 1<<63 - 1

func moment(n int64) time.Time {
	if n == 0 {
		return time.Time{}
	}
	return time.Unix(0, n)
}
