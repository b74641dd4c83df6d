package spool

import (
	"crypto/sha256"
	"encoding/binary"
)

// memory is what is known of files that stay where they are. A scan that has seen the whole directory makes it forget the files
// that are no longer there.
type memory struct {
	known map[fingerprint]uint8 // with the scan that saw it last
	round uint8
}

// fingerprint is of a name and what stood there. Two of them are the same by chance no sooner than after 2^64 files.
type fingerprint [16]byte

func fingerprintOf(name string, kind byte, f *facts, times ...int64) (p fingerprint) {
	var room [512]byte
	b := append(room[:0], kind)
	for _, n := range append([]int64{int64(f.dev), int64(f.ino), f.size, f.mtime.UnixNano()}, times...) {
		b = binary.BigEndian.AppendUint64(b, uint64(n))
	}
	sum := sha256.Sum256(append(b, name...))
	copy(p[:], sum[:])
	return p
}

// doneAs: a published file stays published when its mode, owner or other names change.
func doneAs(name string, f *facts) fingerprint { return fingerprintOf(name, 'd', f) }

// badAs: a bad file is looked at again when anything at all was done to it.
func badAs(name string, f *facts) fingerprint {
	return fingerprintOf(name, 'b', f, f.ctime.UnixNano(), int64(f.mode), int64(f.uid))
}

func (m *memory) keep(p fingerprint) {
	if m.known == nil {
		m.known = map[fingerprint]uint8{}
	}
	m.known[p] = m.round
}

// has also notes that the file is still there.
func (m *memory) has(p fingerprint) bool {
	_, ok := m.known[p]
	if ok {
		m.known[p] = m.round
	}
	return ok
}

func (m *memory) beginScan() { m.round++ }

// endScan forgets what the scan has not seen.
func (m *memory) endScan() {
	for p, seen := range m.known {
		if seen != m.round {
			delete(m.known, p)
		}
	}
}
