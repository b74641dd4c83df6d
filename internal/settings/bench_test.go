package settings

import (
	"fmt"
	"net/netip"
	"strconv"
	"testing"
	"time"
)

func large(b testing.TB, floods int) *Snapshot {
	rows := map[string][]Row{}
	for i := range 10000 {
		rows["capacity"] = append(rows["capacity"],
			row("capacity", "id", strconv.Itoa(i+1), "domain", fmt.Sprintf("d%d.example", i), "domain_maxmessages", "60"))
	}
	for i := range 1000 {
		rows["paused"] = append(rows["paused"], Row{
			"id": strconv.Itoa(i + 1), "localip": "192.0.2.9", "target": fmt.Sprintf("d%d.example", i), "tag": fmt.Sprintf("t%d", i%100*(i%2)),
		})
	}
	for i := range floods {
		kind := []string{"substr", "fnmatch", "regex", "exact"}[i%4]
		pattern := map[string]string{
			"substr": "Too many of %d", "fnmatch": "*rate limit %d*", "regex": `(blocked|refused) by list%d\b`, "exact": "try again %d",
		}[kind]
		rows["flood_responses"] = append(rows["flood_responses"], floodRow(i+1, kind, fmt.Sprintf(pattern, i)))
	}
	return snapshotOf(b, rows)
}

func BenchmarkLimits(b *testing.B) {
	s, domains := large(b, 2000), []string{"d77.example"}
	b.ReportAllocs()
	for b.Loop() {
		if l := s.Limits(ip1, domains, nil); l.Domain.Messages != 60 {
			b.Fatal(l)
		}
	}
}

func BenchmarkLimitsOfNobody(b *testing.B) {
	s := large(b, 2000)
	b.ReportAllocs()
	for b.Loop() {
		s.Limits(ip1, nil, nil)
	}
}

func BenchmarkPaused(b *testing.B) {
	s, tags := large(b, 2000), []string{"t1", "news"}
	source := netip.MustParseAddr("192.0.2.9")
	b.ReportAllocs()
	for b.Loop() {
		if _, ok := s.Paused(source, "d5000.example", tags, noon); ok {
			b.Fatal("paused")
		}
	}
}

func BenchmarkFloodsNoMatch(b *testing.B) { benchmarkFloods(b, noSuchUser, 0) }

func BenchmarkFloodsMatch(b *testing.B) {
	benchmarkFloods(b, "4.7.0 You were Refused by list2 for now, see https://example.com/help", 1)
}

const noSuchUser = "5.1.1 The email account that you tried to reach does not exist. " +
	"Please double-check the recipient's address for typos or unnecessary spaces. For more information, go to https://example.com/mail/?p=NoSuchUser"

func benchmarkFloods(b *testing.B, text string, want int) {
	s := large(b, 2000)
	b.ReportAllocs()
	for b.Loop() {
		if got := s.Floods(text, 550, "5.1.1"); len(got) != want {
			b.Fatal(got)
		}
	}
}

func BenchmarkSnapshot(b *testing.B) {
	store := newStore()
	for i := range 100000 {
		store.add("capacity", row("capacity", "domain", fmt.Sprintf("d%d.example", i), "domain_maxmessages", "60"))
	}
	b.ReportAllocs()
	for b.Loop() {
		newSnapshot(newContents(store.rows, 1), 1, nil, time.Time{})
		sumsOf(store.rows)
	}
}

func TestHotPathAllocatesNothing(t *testing.T) {
	s, domains, tags := large(t, 4), []string{"d77.example"}, []string{"t1", "news"}
	for name, fn := range map[string]func(){
		"Limits":        func() { s.Limits(ip1, domains, nil) },
		"Paused":        func() { s.Paused(ip1, "d7.example", tags, noon) },
		"PausedRemotes": func() { s.PausedRemotes(ip1, tags, noon) },
		"Delegate":      func() { s.Delegate(ip1, "d7.example", noon) },
		"Security":      func() { s.Security(ip1, "d7.example") },
		"Override":      func() { s.Override("d7.example") },
	} {
		if n := testing.AllocsPerRun(100, fn); n > 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}
