package localqueue

import (
	"bytes"
	"encoding/hex"
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

// TestLayout holds the layout of keys and values still: a change needs a new format.
func TestLayout(t *testing.T) {
	queue := &group{id: 7, queue: true, name: "outbox", bytes: 300}
	l := queue.lane(5)
	l.count, l.cursor = 2, pos{due: 3, id: 4}
	queue.lane(9).count = 0
	place := &group{id: 8, place: Place{Destination: "a.example", Sources: "10.0.0.1", Hold: "tag"}, since: 1000}
	for name, c := range map[string]struct {
		got  []byte
		want string
	}{
		"body":     {numberKey(keyBody, 258), "62" + "0000000000000102"},
		"entry":    {entryKey(7, 5, pos{due: 3, id: 258}), "69" + "00000007" + "fa" + "0000000000000003" + "0000000000000102"},
		"deadline": {deadlineKey(pos{due: 3, id: 258}), "64" + "0000000000000003" + "0000000000000102"},
		"ledger":   {ledgerKey(2, [16]byte{1, 15: 2}), "6c" + "00000002" + "01000000000000000000000000000002"},
		"group":    {groupKey(keyGroup, 7), "67" + "00000007"},
		"meta":     {nameKey(keyMeta, "k"), "6d6b"},
		"value":    {entry{size: 300, stamp: 5, deadline: 6, msgID: "i"}.append(nil), "ac02" + "0a" + "0c" + "69"},
		"location": {location{group: 7, priority: 5, due: 3}.append(nil), "00000007" + "05" + "0000000000000003"},
		"queue":    {queue.appendName(nil), "71" + "06" + hex.EncodeToString([]byte("outbox"))},
		"counters": {queue.appendCounters(nil), "d804" + "05" + "02" + "06" + "04"},
		"place": {place.appendName(nil), "70" + "09" + hex.EncodeToString([]byte("a.example")) +
			"08" + hex.EncodeToString([]byte("10.0.0.1")) + "03" + hex.EncodeToString([]byte("tag")) + "d00f"},
	} {
		if got := hex.EncodeToString(c.got); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

func TestKeysSortAsPositionsDo(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	random := func() (uint8, pos) {
		return uint8(r.IntN(3)), pos{due: r.Int64() >> r.IntN(63), id: r.Uint64() >> r.IntN(64)}
	}
	for range 10_000 {
		p, a := random()
		q, b := random()
		before := p > q || p == q && a.before(b)
		if before != (bytes.Compare(entryKey(1, p, a), entryKey(1, q, b)) < 0) {
			t.Fatalf("%d %v, %d %v", p, a, q, b)
		}
		if gotP, got := splitEntryKey(entryKey(1, p, a)); gotP != p || got != a {
			t.Fatalf("%d %v became %d %v", p, a, gotP, got)
		}
		if got := splitDeadlineKey(deadlineKey(a)); got != a {
			t.Fatalf("%v became %v", a, got)
		}
	}
}

func TestTimesAsStored(t *testing.T) {
	for _, c := range []struct {
		in   time.Time
		want int64
	}{
		{time.Time{}, 0},
		{time.Unix(-5, 0), 0},
		{time.Unix(0, 7), 7},
		{time.Unix(0, math.MaxInt64), math.MaxInt64},
		{time.Date(2262, 6, 1, 0, 0, 0, 0, time.UTC), math.MaxInt64},
		{time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC), math.MaxInt64},
	} {
		if got := nanos(c.in); got != c.want {
			t.Errorf("%v: %d, want %d", c.in, got, c.want)
		}
	}
}

// FuzzRecords reads arbitrary bytes as each kind of record: an error, never a panic,
// and what is read is written as it was.
func FuzzRecords(f *testing.F) {
	f.Add([]byte{})
	f.Add(entry{size: 300, stamp: 5, deadline: 6, msgID: "i"}.append(nil))
	f.Add(location{group: 7, priority: 5, due: 3}.append(nil))
	f.Add((&group{place: Place{Destination: "a"}, since: 9}).appendName(nil))
	f.Add((&group{queue: true, name: "q"}).appendName(nil))
	f.Add([]byte("\xd8\x04\x05\x02\x06\x04\x03\x01\x02\x03"))
	f.Add([]byte("q\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"))
	f.Fuzz(func(t *testing.T, v []byte) {
		if e, err := parseEntry(v); err == nil {
			if again, err := parseEntry(e.append(nil)); err != nil || again != e {
				t.Errorf("entry %+v became %+v, %v", e, again, err)
			}
		}
		if l, rest, err := parseLocation(v); err == nil && !bytes.Equal(append(l.append(nil), rest...), v) {
			t.Errorf("location %+v", l)
		}
		if g, err := parseGroup(1, v); err == nil {
			if again, err := parseGroup(1, g.appendName(nil)); err != nil || again.name != g.name || again.place != g.place {
				t.Errorf("group %+v became %+v, %v", g, again, err)
			}
		}
		g := &group{}
		_ = g.parseCounters(v) // no panic is all that is asked
	})
}
