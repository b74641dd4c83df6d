package settle

import (
	"encoding/binary"
	"errors"

	"posthoorn/internal/broker"
)

// outcomeVersion is the first byte of an outcome on disk.
const outcomeVersion = 1

// The flags of a publication on disk.
const (
	flagOverride = 1 << iota
	flagWhole
)

var errOutcome = errors.New("outcome in the ledger cannot be read")

// Encode writes publications as they are kept in the ledger.
func Encode(ps []Publication) []byte {
	size := 2
	for i := range ps {
		size += len(ps[i].Queue) + len(ps[i].ID) + len(ps[i].Fallback) + len(ps[i].Body) + 24
	}
	dst := append(make([]byte, 0, size), outcomeVersion)
	for i := range ps {
		p := &ps[i]
		flags := byte(0)
		if p.Override {
			flags |= flagOverride
		}
		if p.Whole {
			flags |= flagWhole
		}
		dst = append(dst, flags, p.Priority)
		dst = appendChunk(dst, p.Queue)
		dst = appendChunk(dst, p.ID)
		dst = appendChunk(dst, p.Fallback)
		dst = appendChunk(dst, p.Body)
	}
	return dst
}

func appendChunk[T string | []byte](dst []byte, s T) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(s))), s...)
}

// Decode reads what Encode wrote.
func Decode(b []byte) ([]Publication, error) {
	if len(b) == 0 || b[0] != outcomeVersion {
		return nil, errOutcome
	}
	var ps []Publication
	for b = b[1:]; len(b) > 0; {
		if len(b) < 2 {
			return nil, errOutcome
		}
		p := Publication{Override: b[0]&flagOverride != 0, Whole: b[0]&flagWhole != 0, Publishing: broker.Publishing{Priority: b[1]}}
		b = b[2:]
		var chunks [4][]byte
		for i := range chunks {
			n, used := binary.Uvarint(b)
			if used <= 0 || n > uint64(len(b)-used) {
				return nil, errOutcome
			}
			chunks[i], b = b[used:used+int(n)], b[used+int(n):]
		}
		p.Queue, p.ID, p.Fallback, p.Body = string(chunks[0]), string(chunks[1]), string(chunks[2]), chunks[3]
		ps = append(ps, p)
	}
	return ps, nil
}
