package settings

import (
	"encoding/binary"
	"hash/maphash"
)

var seed = maphash.MakeSeed()

// checksum is the same for equal rows in the same order, in the columns that count.
func checksum(rows map[string][]Row) uint64 {
	var h maphash.Hash
	h.SetSeed(seed)
	for _, t := range tables() {
		number64(&h, len(rows[t.Name]))
		for _, row := range rows[t.Name] {
			for i := range t.Columns {
				cell, ok := row[t.Columns[i].Name]
				if !ok {
					number64(&h, -1)
					continue
				}
				number64(&h, len(cell))
				_, _ = h.WriteString(cell)
			}
		}
	}
	return h.Sum64()
}

func number64(h *maphash.Hash, n int) {
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], uint64(n))
	_, _ = h.Write(b[:])
}
