package stats

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"
	"time"
)

var (
	start = time.Date(2031, 5, 4, 9, 0, 0, 0, time.UTC)
	own   = netip.MustParseAddr("192.0.2.1")
)

func attempt(at time.Time, domain string, o Outcome) *Attempt {
	return &Attempt{Time: at, Source: own, Domain: domain, Tags: []string{"bulk"}, Outcome: o}
}

func TestEveryoneCounts(t *testing.T) {
	b := New(Options{})
	b.Connected(start, own, "a.test")
	for _, o := range []Outcome{Delivered, Delivered, Refused, Strange, NotTried} {
		a := attempt(start, "a.test", o)
		a.Reused = o == Refused
		b.Attempted(a)
	}
	want := Counts{Connects: 1, Reuses: 1, Attempts: 4, Deliveries: 2, Errors: 1, Strange: 1, NotTried: 1}
	for _, s := range []Selection{{}, {Source: own}, {Domain: "a.test"}} {
		if got := b.Counts(s, start); got != want {
			t.Errorf("%+v: %+v, want %+v", s, got, want)
		}
	}
	want.Connects = 0 // a connection has no tags
	if got := b.Counts(Selection{Tag: "bulk"}, start); got != want {
		t.Errorf("tag: %+v, want %+v", got, want)
	}
	for _, s := range []Selection{{Domain: "b.test"}, {Tag: "a"}, {Source: netip.MustParseAddr("192.0.2.2")}} {
		if got := b.Counts(s, start); got != (Counts{}) {
			t.Errorf("%+v: %+v, want nothing", s, got)
		}
	}
}

func TestWindowSlides(t *testing.T) {
	b := New(Options{})
	b.Attempted(attempt(start, "a.test", Delivered))
	b.Attempted(attempt(start.Add(30*time.Second), "a.test", Delivered))
	for _, c := range []struct {
		after time.Duration
		want  int
	}{{0, 2}, {30 * time.Second, 2}, {59 * time.Second, 2}, {60 * time.Second, 1}, {89 * time.Second, 1}, {90 * time.Second, 0}, {time.Hour, 0}} {
		if got := b.Counts(Selection{Domain: "a.test"}, start.Add(c.after)).Attempts; got != c.want {
			t.Errorf("after %s: %d attempts, want %d", c.after, got, c.want)
		}
	}
}

// Whatever the order of the times that are a little in the past: nothing is lost or counted twice in the hours.
func TestHistoryLosesNothing(t *testing.T) {
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 1))
		b, now, total := New(Options{}), start, 0
		for now.Before(start.Add(50 * time.Minute)) {
			now = now.Add(time.Duration(r.IntN(40_000)) * time.Millisecond)
			for range r.IntN(5) {
				b.Attempted(attempt(now.Add(-time.Duration(r.IntN(5))*time.Second), "a.test", Delivered))
				total++
			}
			b.Sample(now, Gauges{Memory: 7}, map[netip.Addr]Gauges{own: {Memory: 3}})
		}
		now = now.Add(time.Minute)
		for _, s := range []Selection{{}, {Source: own}} {
			for _, span := range []Span{Hour, Day} {
				h, ok := b.History(s, span, now)
				if !ok {
					t.Fatal("not kept")
				}
				sum := 0
				for _, p := range h.Points {
					sum += p.Deliveries
				}
				if sum != total {
					t.Errorf("seed %d, %+v, span %d: %d deliveries, want %d", seed, s, span, sum, total)
				}
			}
		}
	}
}

func TestHistoryTimes(t *testing.T) {
	b := New(Options{})
	at := start.Add(17 * time.Second)
	b.Sample(at, Gauges{Parked: 9}, nil)
	for span, want := range map[Span]struct {
		start time.Time
		step  time.Duration
		n     int
	}{
		Minute: {at.Add(-59 * time.Second), time.Second, 60},
		Hour:   {start.Add(-59 * time.Minute), time.Minute, 60},
		Day:    {start.Add(-143 * 10 * time.Minute), 10 * time.Minute, 144},
	} {
		h, ok := b.History(Selection{}, span, at)
		if !ok || !h.Start.Equal(want.start) || h.Step != want.step || len(h.Points) != want.n {
			t.Errorf("span %d: %v %s %s %d", span, ok, h.Start, h.Step, len(h.Points))
		}
	}
	h, _ := b.History(Selection{}, Minute, at)
	if last := h.Points[59]; !last.Known || last.Parked != 9 || h.Points[58].Known {
		t.Errorf("gauges: %+v", h.Points[58:])
	}
	if _, ok := b.History(Selection{Domain: "a.test"}, Hour, at); ok {
		t.Error("a domain has no hours")
	}
	if h, ok := b.History(Selection{Domain: "a.test"}, Minute, at); !ok || len(h.Points) != 60 {
		t.Error("a domain without mail has an empty minute")
	}
}

// The last second that is over is whole, whatever the one that goes on has counted already.
func TestHistoryEndsBeforeTheSecondThatGoesOn(t *testing.T) {
	b := New(Options{})
	for i := range 70 {
		at := start.Add(time.Duration(i) * time.Second)
		for range i + 1 {
			b.Attempted(attempt(at, "a.test", Delivered))
		}
		b.Sample(at, Gauges{Memory: i + 1}, map[netip.Addr]Gauges{own: {Memory: i + 1}})
		for _, s := range []Selection{{}, {Source: own}, {Domain: "a.test"}, {Tag: "bulk"}} {
			h, _ := b.History(s, Minute, at.Add(-time.Second))
			last := h.Points[len(h.Points)-1]
			if len(h.Points) != 60 || last.Attempts != i || s.Domain == "" && s.Tag == "" && last.Memory != i {
				t.Fatalf("%+v, second %d: %d points, the last is %+v", s, i, len(h.Points), last)
			}
			if want := at.Add(-60 * time.Second); !h.Start.Equal(want) || h.Points[0].Attempts != max(0, i-59) {
				t.Fatalf("%+v, second %d: %d attempts in the first point, at %s, want %s", s, i, h.Points[0].Attempts, h.Start, want)
			}
		}
	}
	if got, want := b.Counts(Selection{}, start.Add(69*time.Second)).Attempts, (11+70)*60/2; got != want {
		t.Errorf("%d attempts in the last minute, want %d", got, want)
	}
}

func TestClockSetBack(t *testing.T) {
	b := New(Options{})
	b.Attempted(attempt(start, "a.test", Delivered))
	earlier := start.Add(-time.Hour)
	for i := range 3 {
		b.Attempted(attempt(earlier.Add(time.Duration(i)*time.Second), "a.test", Delivered))
	}
	if got := b.Counts(Selection{}, earlier.Add(2*time.Second)).Attempts; got != 3 {
		t.Errorf("%d attempts, want 3", got)
	}
	if got := b.Counts(Selection{}, earlier.Add(time.Hour)).Attempts; got != 0 {
		t.Errorf("%d attempts an hour later", got)
	}
}

func TestNamesAreBounded(t *testing.T) {
	b := New(Options{Domains: 10, Tags: 10, Sources: 10, Answers: 10})
	for i := range 1000 {
		a := attempt(start.Add(time.Duration(i)*time.Second), fmt.Sprintf("d%d.test", i), Refused)
		a.Source, a.Tags = netip.AddrFrom4([4]byte{192, 0, byte(i >> 8), byte(i)}), []string{fmt.Sprint("t", i)}
		b.Attempted(a)
	}
	if n := len(b.domains.rows) + len(b.tags.rows) + len(b.sources.rows) + len(b.answers.rows); n != 40 || b.domains.order.Len() != 10 {
		t.Errorf("%d names, want 40", n)
	}
	if b.Counts(Selection{Domain: "d999.test"}, start.Add(999*time.Second)).Attempts != 1 {
		t.Error("the newest is gone")
	}
}

func TestLists(t *testing.T) {
	b := New(Options{})
	b.Attempted(attempt(start, "old.test", Delivered))
	later := start.Add(2 * time.Minute)
	b.Attempted(attempt(later, "new.test", Refused))
	if got := b.Domains(later); len(got) != 1 || got[0].Name != "new.test" || got[0].Errors != 1 {
		t.Errorf("domains %+v", got)
	}
	if got := b.Sources(later); len(got) != 1 || got[0].Attempts != 1 {
		t.Errorf("sources %+v", got)
	}
	if got := b.Tags(later.Add(time.Hour)); got != nil {
		t.Errorf("tags an hour later: %+v", got)
	}
}

func TestAnswersAreGrouped(t *testing.T) {
	b := New(Options{})
	for i := range 50 {
		a := attempt(start.Add(time.Duration(i)*time.Second), "a.test", Refused)
		a.State, a.Result, a.Code, a.Status = "rcptto", "error", 550, "5.1.1"
		a.Text = fmt.Sprintf("<u%d@a.test>: no such user, id %d", i, i)
		a.Recipient = fmt.Sprintf("u%d@a.test", i)
		b.Attempted(a)
	}
	other := attempt(start, "a.test", Strange)
	other.State, other.Result = "message", "timeout"
	b.Attempted(other)
	got := b.Answers("a.test")
	if len(got) != 2 || got[0].Count != 50 || got[0].Recipient != "u49@a.test" || !strings.HasSuffix(got[0].Text, "id 49") || got[1].Result != "timeout" {
		t.Errorf("answers %+v", got)
	}
	for i := range 100 {
		a := attempt(start.Add(time.Hour+time.Duration(i)*time.Second), "a.test", Refused)
		a.Code, a.Text = 400+i, strings.Repeat("é", 400)
		b.Attempted(a)
	}
	got = b.Answers("a.test")
	if len(got) != maxAnswers || got[0].Code != 499 || len(got[0].Text) > maxText || strings.ToValidUTF8(got[0].Text, "") != got[0].Text {
		t.Errorf("%d groups, the first %+v", len(got), got[0])
	}
	if b.Answers("b.test") != nil {
		t.Error("answers of a domain without any")
	}
}

func BenchmarkAttempted(b *testing.B) {
	board := New(Options{})
	domains := make([]string, 1000)
	for i := range domains {
		domains[i] = fmt.Sprintf("d%d.test", i)
	}
	b.ReportAllocs()
	a := attempt(start, "", Delivered)
	for i := range b.N {
		a.Time, a.Domain = start.Add(time.Duration(i)*100*time.Microsecond), domains[i%len(domains)]
		board.Attempted(a)
	}
}

// A clock that begins at 1970, or a time that is missing, is counted like any other.
func TestTimesBeforeThereWasTime(t *testing.T) {
	b := New(Options{})
	for _, at := range []time.Time{start, time.Unix(90_000, 0), time.Unix(10, 0), {}, time.Unix(5, 0), start} {
		b.Attempted(attempt(at, "a.test", Refused))
		b.Sample(at, Gauges{Memory: 1}, map[netip.Addr]Gauges{own: {}})
		for _, span := range []Span{Minute, Hour, Day} {
			h, ok := b.History(Selection{}, span, at)
			if last := len(h.Points) - 1; !ok || last < 0 || h.Points[last].Attempts == 0 && span == Minute {
				t.Errorf("at %v, span %d: %+v", at, span, h.Points)
			}
		}
	}
}

// Who writes messages may give them any tags.
func TestTagsAreBounded(t *testing.T) {
	b := New(Options{})
	a := attempt(start, "a.test", Delivered)
	a.Tags = []string{"first", strings.Repeat("x", maxName+1)}
	for i := range 100_000 {
		a.Tags = append(a.Tags, fmt.Sprint(i))
	}
	b.Attempted(a)
	list := b.Tags(start)
	if len(list) != maxTags-1 || list[len(list)-1].Name != "first" {
		t.Errorf("%d tags: %+v", len(list), list)
	}
}
