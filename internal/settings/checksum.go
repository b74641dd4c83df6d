package settings

import (
	"encoding/binary"
	"hash/maphash"
	"maps"
	"slices"
)

var seed = maphash.MakeSeed()

// sums stand for rows, by the names of their tables: they are the same for equal rows in the same order, in the columns that count.
type sums map[string][]uint64

func sumsOf(rows map[string][]Row) sums {
	all := sums{}
	for _, t := range tables() {
		list := make([]uint64, len(rows[t.Name]))
		for i, row := range rows[t.Name] {
			list[i] = t.sum(row)
		}
		all[t.Name] = list
	}
	return all
}

func (s sums) equal(other sums) bool { return maps.EqualFunc(s, other, slices.Equal) }

// set is those of a table, in no order.
func (s sums) set(table string) map[uint64]bool {
	set := make(map[uint64]bool, len(s[table]))
	for _, sum := range s[table] {
		set[sum] = true
	}
	return set
}

func (t *Table) sum(row Row) uint64 {
	var h maphash.Hash
	h.SetSeed(seed)
	for i := range t.Columns {
		cell, ok := row[t.Columns[i].Name]
		if !ok {
			number64(&h, -1)
			continue
		}
		number64(&h, len(cell))
		_, _ = h.WriteString(cell)
	}
	return h.Sum64()
}

func number64(h *maphash.Hash, n int) {
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], uint64(n))
	_, _ = h.Write(b[:])
}
