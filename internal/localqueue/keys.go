package localqueue

import (
	"encoding/binary"
	"errors"
)

// The first byte of a key says what it holds. Bodies lie apart from the small index
// entries, so that a delay, a park or a move rewrites a few dozen bytes only.
//
//	b id                           body
//	c group                        counters and low-water marks
//	d deadline id                  where the entry of that message is
//	g group                        name of a queue or place
//	i group ^priority due id       entry of a message
//	l bucket identity              ledger: outcome
//	m key                          a value of the caller
//	o id                           where the entry is, and the noted outcome
//	s name                         a number of our own
//	u identity                     ledger: bucket of an entry that is not acked
//
// b, d, g, i, o and u are removed by SingleDelete, so they are never set twice
// without one between. In a named queue "due" is the order of publishing.
const (
	keyBody     = 'b'
	keyCounters = 'c'
	keyDeadline = 'd'
	keyGroup    = 'g'
	keyEntry    = 'i'
	keyLedger   = 'l'
	keyMeta     = 'm'
	keyOutcome  = 'o'
	keyState    = 's'
	keyUnacked  = 'u'
)

// Our own numbers.
const (
	stateNext   = "next"   // no message has this number or a higher one
	stateDead   = "dead"   // no deadline lies before
	stateBucket = "bucket" // current bucket of the ledger
)

// pos is a place in the order of a lane, or in the deadline index.
type pos struct {
	due int64
	id  uint64
}

// end is behind every position.
func end() pos { return pos{due: endOfTime, id: 1<<64 - 1} }

func (p pos) before(q pos) bool {
	return p.due < q.due || p.due == q.due && p.id < q.id
}

func (p pos) next() pos { return pos{due: p.due, id: p.id + 1} }

func numberKey(kind byte, n uint64) []byte {
	return binary.BigEndian.AppendUint64([]byte{kind}, n)
}

func numberOf(key []byte) uint64 { return binary.BigEndian.Uint64(key[1:]) }

func groupKey(kind byte, group uint32) []byte {
	return binary.BigEndian.AppendUint32([]byte{kind}, group)
}

func nameKey(kind byte, name string) []byte {
	return append([]byte{kind}, name...)
}

func entryKey(group uint32, priority uint8, at pos) []byte {
	return appendEntryKey(make([]byte, 0, entryKeyLen), group, priority, at)
}

const entryKeyLen = 1 + 4 + 1 + 8 + 8

func appendEntryKey(k []byte, group uint32, priority uint8, at pos) []byte {
	k = append(k, keyEntry)
	k = binary.BigEndian.AppendUint32(k, group)
	k = append(k, ^priority)
	k = binary.BigEndian.AppendUint64(k, uint64(at.due))
	return binary.BigEndian.AppendUint64(k, at.id)
}

// splitEntryKey reads what follows the group.
func splitEntryKey(k []byte) (priority uint8, at pos) {
	at.due = int64(binary.BigEndian.Uint64(k[6:]))
	at.id = binary.BigEndian.Uint64(k[14:])
	return ^k[5], at
}

func deadlineKey(at pos) []byte {
	k := binary.BigEndian.AppendUint64([]byte{keyDeadline}, uint64(at.due))
	return binary.BigEndian.AppendUint64(k, at.id)
}

func splitDeadlineKey(k []byte) pos {
	return pos{due: int64(binary.BigEndian.Uint64(k[1:])), id: binary.BigEndian.Uint64(k[9:])}
}

func ledgerKey(bucket uint32, identity [16]byte) []byte {
	k := binary.BigEndian.AppendUint32([]byte{keyLedger}, bucket)
	return append(k, identity[:]...)
}

// entry is the value of an index entry: what must be known of a message without its
// body.
type entry struct {
	size     uint32
	stamp    int64 // Published
	deadline int64
	msgID    string
}

func (e entry) append(v []byte) []byte {
	v = binary.AppendUvarint(v, uint64(e.size))
	v = binary.AppendVarint(v, e.stamp)
	v = binary.AppendVarint(v, e.deadline)
	return append(v, e.msgID...)
}

var errCorrupt = errors.New("localqueue: a stored record makes no sense")

func parseEntry(v []byte) (entry, error) {
	r := reader{rest: v}
	e := entry{size: uint32(r.uvarint()), stamp: r.varint(), deadline: r.varint()}
	if r.bad {
		return entry{}, errCorrupt
	}
	e.msgID = string(r.rest)
	return e, nil
}

// location says where the entry of a waiting message is.
type location struct {
	group    uint32
	priority uint8
	due      int64
}

func (l location) append(v []byte) []byte {
	v = binary.BigEndian.AppendUint32(v, l.group)
	v = append(v, l.priority)
	return binary.BigEndian.AppendUint64(v, uint64(l.due))
}

func parseLocation(v []byte) (l location, rest []byte, err error) {
	if len(v) < 13 {
		return l, nil, errCorrupt
	}
	l = location{group: binary.BigEndian.Uint32(v), priority: v[4], due: int64(binary.BigEndian.Uint64(v[5:]))}
	return l, v[13:], nil
}

// reader takes numbers and strings off the front of a record.
type reader struct {
	rest []byte
	bad  bool
}

func (r *reader) uvarint() uint64 {
	n, l := binary.Uvarint(r.rest)
	r.take(l)
	return n
}

func (r *reader) varint() int64 {
	n, l := binary.Varint(r.rest)
	r.take(l)
	return n
}

func (r *reader) byte() byte {
	if len(r.rest) == 0 {
		r.bad = true
		return 0
	}
	b := r.rest[0]
	r.rest = r.rest[1:]
	return b
}

func (r *reader) string() string {
	n := r.uvarint()
	if r.bad || n > uint64(len(r.rest)) {
		r.bad = true
		return ""
	}
	s := string(r.rest[:n])
	r.rest = r.rest[n:]
	return s
}

func (r *reader) take(l int) {
	if l <= 0 {
		r.bad, r.rest = true, nil
		return
	}
	r.rest = r.rest[l:]
}

func appendString(v []byte, s string) []byte {
	v = binary.AppendUvarint(v, uint64(len(s)))
	return append(v, s...)
}
