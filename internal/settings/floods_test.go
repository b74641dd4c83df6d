package settings

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

func floodRow(id int, kind, pattern string) Row {
	n := strconv.Itoa(id)
	return row("flood_responses", "id", n, "name", "rule "+n, "type", kind, "pattern", pattern, "pause", "60", "duration", "120")
}

func ids(floods []Flood) (list []int64) {
	for _, f := range floods {
		list = append(list, f.ID)
	}
	return list
}

func TestFloods(t *testing.T) {
	s := snapshotOf(t, map[string][]Row{"flood_responses": {
		floodRow(3, "substr", "too many"),
		floodRow(1, "fnmatch", "*slow down*"),
		floodRow(2, "substr", "421 4.7"),
		floodRow(4, "regex", `^4\d\d 4\.7\.\d+ slow`),
		floodRow(5, "exact", "450 slow down"),
		floodRow(6, "regex", "/^x?slow|q$/i"),
		floodRow(7, "fnmatch", "4?? *slow"),
		floodRow(8, "exact", "5"),
	}})
	for _, c := range []struct {
		text   string
		code   int
		status string
		want   []int64
	}{
		{"Too Many connections", 421, "", []int64{3}},
		{"please SLOW DOWN", 421, "4.7.0", []int64{1, 2}},
		{"slow", 421, "4.7.0", []int64{2, 4, 6, 7}},
		{"slow down", 450, "", []int64{1, 5, 6}},
		{"450 slow down", 0, "", []int64{1, 5}},
		{"they said 421 4.7", 0, "", []int64{2}},
		{"fine", 421, "4.2.0", nil},
		{"5", 0, "", []int64{8}},
		{"", 0, "", nil},
		{"\xff\xfe too many", 0, "", []int64{3}},
		{strings.Repeat("é", maxAnswer) + "too many", 421, "", nil},
	} {
		if got := ids(s.Floods(c.text, c.code, c.status)); !slices.Equal(got, c.want) {
			t.Errorf("%d %s %.40q: %v, want %v", c.code, c.status, c.text, got, c.want)
		}
	}
	got := s.Floods("too many", 0, "")
	if len(got) != 1 || got[0] != (Flood{ID: 3, Name: "rule 3", Pause: time.Minute, Reduced: 2 * time.Minute}) {
		t.Errorf("%+v", got)
	}
}

// The index finds what trying every pattern finds.
func TestFloodsMissNothing(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	words := []string{"rate", "limit", "BLOCKED", "4.7", "421", "ſlow", "a", " ", ".", "ü", "too", "\u212a", "Kk"}
	text := func(n int, glue string) string {
		parts := make([]string, 1+random.IntN(n))
		for i := range parts {
			parts[i] = words[random.IntN(len(words))]
		}
		return strings.Join(parts, glue)
	}
	for range 15 {
		var rows []Row
		for id := range 150 {
			switch kind := []string{"exact", "substr", "fnmatch", "regex"}[random.IntN(4)]; kind {
			case "fnmatch":
				rows = append(rows, floodRow(id, kind, "*"+text(3, "*")+"*"))
			case "regex":
				rows = append(rows, floodRow(id, kind, text(3, []string{"", ".*", "|", "+", "?"}[random.IntN(5)])))
			default:
				rows = append(rows, floodRow(id, kind, text(2, "")+"x"[:random.IntN(2)]))
			}
		}
		c := newContents(map[string][]Row{"flood_responses": rows}, 1)
		for range 20 {
			description, code, status := text(8, ""), random.IntN(2)*421, []string{"", "4.7.0"}[random.IntN(2)]
			var want []int64
			a := c.floods.answer(description, code, status)
			for i := range c.floods.rows {
				if c.floods.rows[i].matches(a) {
					want = append(want, c.floods.rows[i].ID)
				}
			}
			if got := ids(c.floods.match(description, code, status)); !slices.Equal(got, want) {
				t.Fatalf("%d %s %q: %v, want %v", code, status, description, got, want)
			}
		}
	}
}

func TestFloodsAreCheapWhereNothingMatches(t *testing.T) {
	var rows []Row
	for id := range 1000 {
		rows = append(rows, floodRow(id, "regex", fmt.Sprintf("blocked (for|by) reason %d.*again", id)))
	}
	s := snapshotOf(t, map[string][]Row{"flood_responses": rows})
	if n := testing.AllocsPerRun(100, func() { s.Floods("mailbox unavailable, no such user here", 550, "5.1.1") }); n > 1 {
		t.Errorf("%v allocations", n)
	}
	if len(s.floods.index.blind) > 0 {
		t.Errorf("%d patterns are tried on every text", len(s.floods.index.blind))
	}
	most := 0
	for _, list := range s.floods.index.grams {
		most = max(most, len(list))
	}
	if most > 100 {
		t.Errorf("%d of 1000 patterns stand under the same four bytes", most)
	}
}
