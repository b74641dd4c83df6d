package schedule

import (
	"net/netip"
	"testing"
	"time"

	"posthoorn/internal/settings"
)

// flooded is a script with a flood row 7 of which the reduced limit is one message a second.
func newFlooded(t *testing.T) *script {
	s := newScript(t, settings.Limits{})
	s.p.Use(s.now, fixed{floods: map[int64]settings.Limits{7: {Domain: settings.Counts{Messages: 60}}}})
	return s
}

func (s *script) floods(c ConnID, id uint64, floods ...settings.Flood) {
	s.p.Done(s.now, c, id, Outcome{Floods: floods})
}

func minutePause(id int64) settings.Flood {
	return settings.Flood{ID: id, Name: "slow down", Pause: time.Minute, Reduced: time.Minute}
}

func TestFlood(t *testing.T) {
	s := newFlooded(t)
	c := s.connect("a.test")
	for range 5 {
		s.add("a.test")
	}
	start := s.now
	s.want("pull", s.pull(c), 1)
	s.floods(c, 1, minutePause(7))
	s.want("ahead", s.nextOf(c), 0)
	s.want("pull", s.pull(c), 0)
	s.step(0)
	s.want("closed", s.todo.Close, []ConnID{c})
	s.want("parked", len(s.todo.Park), 5)
	s.want("why", []any{s.todo.Park[0].Reason, s.todo.Park[0].Ends.Sub(start)}, []any{Paused, time.Minute})
	v := s.add("a.test")
	s.want("fresh", []any{v.Kind, v.Reason, v.Ends.Sub(start)}, []any{Park, Paused, time.Minute})
	s.p.Closed(s.now, c)
	pool := s.pools.Of(src1)
	s.p.Backlog(s.now, "a.test", pool, 6)
	s.step(0)
	s.want("not yet", len(s.step(58*time.Second).Refill), 0)
	s.want("at its end", len(s.step(time.Second).Refill), 1)
	for range s.todo.Refill[0].N {
		s.next++
		s.want("taken", s.p.Add(s.now, Item{ID: s.next, Site: "a.test", Pool: pool, Waited: true}).Kind, Queued)
	}
	s.p.Refilled(s.now, "a.test", pool, 0, false)
	s.want("no dial before", len(s.step(0).Dial), 0)
	s.want("one dial", len(s.step(time.Second).Dial), 1)
	c = s.open()
	id := s.pull(c)
	s.done(c, id)
	s.want("the reduced rate", s.pull(c), 0)
	s.want("a second later", len(s.step(time.Second).Hand), 1)
	s.done(c, s.todo.Hand[0].Item.ID)
	s.pull(c)
	s.want("and so on", len(s.step(500*time.Millisecond).Hand), 0)
	s.step(time.Minute)
	s.done(c, id+2)
	x, _ := s.p.Explain(s.now, "a.test")
	s.want("over", len(x.Lanes[0].Floods), 0)
}

// An answer to a message that was on its way when the pause began starts it anew; so does one in the reduced time.
func TestFloodStartsAnew(t *testing.T) {
	s := newFlooded(t)
	c := s.connect("a.test")
	s.add("a.test")
	s.want("both", []uint64{s.pull(c), s.nextOf(c)}, []uint64{1, 2})
	s.floods(c, 1, minutePause(7))
	s.step(30 * time.Second)
	s.floods(c, 2, minutePause(7))
	x, _ := s.p.Explain(s.now, "a.test")
	f := x.Lanes[0].Floods[0]
	s.want("ends", []any{f.Name, f.Paused.Sub(s.now), f.Reduced.Sub(s.now)}, []any{"slow down", time.Minute, 2 * time.Minute})
	s.want("longest wins", x.Lanes[0].Waits.Next.Sub(s.now), time.Minute)
}

func TestSeveralFloods(t *testing.T) {
	s := newFlooded(t)
	c := s.connect("a.test")
	s.pull(c)
	s.floods(c, 1, settings.Flood{ID: 1, Pause: 10 * time.Second}, settings.Flood{ID: 2, Name: "long", Pause: 20 * time.Second}, settings.Flood{ID: 7, Reduced: time.Minute})
	s.want("verdict", s.add("a.test").Kind, Queued)
	s.step(0)
	s.want("parked until the longer ends", s.todo.Park[0].Ends.Sub(s.now), 20*time.Second)
	s.step(11 * time.Second)
	x, _ := s.p.Explain(s.now, "a.test")
	s.want("rows in force", len(x.Lanes[0].Floods), 2)
	s.want("reduced", x.Lanes[0].Limits.Domain.Messages, 60)
}

// Other sources, and other destinations, go on.
func TestFloodConcernsItsLane(t *testing.T) {
	s := newFlooded(t)
	for range 4 {
		s.add("a.test", src1, src2)
	}
	s.step(0)
	s.resolve("a.test")
	dials := s.step(0).Dial
	s.want("dials from both", len(dials), 2)
	c := s.open()
	s.pull(c)
	s.floods(c, 1, minutePause(7))
	s.pull(c)
	s.want("nothing is parked", len(s.step(0).Park), 0)
	s.p.Opened(s.now, dials[1].Conn, Opening{})
	s.want("the other source", s.pull(dials[1].Conn), 2)
	s.want("mail for the paused one alone", s.p.Add(s.now, Item{ID: 50, Site: "a.test", Pool: s.pools.Of(dials[0].Source)}).Kind, Queued)
	s.want("is parked", len(s.step(0).Park), 1)
	s.connect("b.test")
}

func TestShortPauseKeepsMailInMemory(t *testing.T) {
	s := newFlooded(t)
	c := s.connect("a.test")
	s.add("a.test")
	s.pull(c)
	s.floods(c, 1, settings.Flood{ID: 1, Pause: time.Second})
	s.want("pull", s.pull(c), 0)
	s.want("nothing", []int{len(s.step(0).Park), len(s.todo.Close), len(s.todo.Hand)}, []int{0, 0, 0})
	s.want("handed at its end", len(s.step(time.Second).Hand), 1)
}

func TestCalm(t *testing.T) {
	s := newFlooded(t)
	c := s.connect("a.test")
	s.pull(c)
	s.floods(c, 1, minutePause(7))
	s.pull(c)
	s.step(0)
	s.p.Closed(s.now, c)
	s.p.Backlog(s.now, "a.test", s.pools.Of(src1), 3)
	s.want("held", len(s.step(time.Second).Refill), 0)
	s.want("others", s.p.Calm(s.now, func(source netip.Addr, group, key string) bool { return group == "b.test" }), 0)
	s.want("lanes", s.p.Calm(s.now, func(source netip.Addr, group, key string) bool { return source == src1 && key == "a.test" }), 1)
	s.want("flows at once", len(s.step(0).Refill), 1)
	s.want("again", s.p.Calm(s.now, func(netip.Addr, string, string) bool { return true }), 0)
	x, _ := s.p.Explain(s.now, "a.test")
	s.want("limits", x.Lanes[0].Limits.Domain.Messages, 0)
}

// Absurd times of a row do no harm.
func TestFloodWithoutEnd(t *testing.T) {
	s := newFlooded(t)
	c := s.connect("a.test")
	s.add("a.test")
	s.pull(c)
	s.floods(c, 1, settings.Flood{ID: 1, Pause: 1<<63 - 1, Reduced: 1<<63 - 1}, settings.Flood{ID: 2, Pause: -time.Hour}, settings.Flood{ID: 3})
	s.pull(c)
	s.want("parked", len(s.step(0).Park), 1)
	x, _ := s.p.Explain(s.now, "a.test")
	s.want("rows", len(x.Lanes[0].Floods), 1)
}
