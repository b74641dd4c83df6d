package settings

import (
	"maps"
	"slices"
)

// writes are those to the table of pauses that no reload has shown yet. Each has a number; a reload shows what was written before
// it began.
type writes struct {
	last    uint64
	rows    map[hold]uint64  // may have been written: the answer, or the row, was not to be had
	deleted map[int64]uint64 // ids; never used again
}

func newWrites() writes { return writes{rows: map[hold]uint64{}, deleted: map[int64]uint64{}} }

func (w *writes) row(h hold) {
	w.last++
	w.rows[h] = w.last
}

func (w *writes) delete(ids []int64) {
	w.last++
	for _, id := range ids {
		w.deleted[id] = w.last
	}
}

// shown forgets the writes that a reload shows which began after so many of them. It returns what the pauses stop of which a row
// may have been written.
func (w *writes) shown(begun uint64) map[hold]bool {
	rows := map[hold]bool{}
	for h, n := range w.rows {
		if n <= begun {
			rows[h] = true
			delete(w.rows, h)
		}
	}
	maps.DeleteFunc(w.deleted, func(_ int64, n uint64) bool { return n <= begun })
	return rows
}

// strip takes rows out of contents that were deleted after they had been read, and says whether there were any.
func (w *writes) strip(c *contents) bool {
	before := len(c.paused)
	c.paused = slices.DeleteFunc(slices.Clone(c.paused), func(p Pause) bool { return w.deleted[p.ID] > 0 })
	return len(c.paused) < before
}
