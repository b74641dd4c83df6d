package schedule

import (
	"slices"

	"posthoorn/internal/settings"
)

// tide is the floods that hold for a lane.
type tide struct {
	lane  *lane
	list  []flooding
	timer timer
}

// flooding is a flood pattern that has matched: nothing is sent until pause ends, and reduced limits hold until the end.
type flooding struct {
	id         int64
	name       string
	since      int64
	pause, end int64
}

// end is when the last of them is over.
func (t *tide) end() int64 {
	end := int64(0)
	for _, f := range t.list {
		end = max(end, f.end)
	}
	return end
}

// maxFloods bounds the patterns that hold for a lane at a time.
const maxFloods = 64

func (t *tide) ids() []int64 {
	if t == nil || len(t.list) == 0 {
		return nil
	}
	list := make([]int64, len(t.list))
	for i := range t.list {
		list[i] = t.list[i].id
	}
	return list
}

// flood starts a pattern's pause and reduced limits, or starts them anew.
func (p *Plan) flood(at int64, l *lane, f settings.Flood) {
	if f.Pause <= 0 && f.Reduced <= 0 {
		return
	}
	if l.tide == nil {
		l.tide = &tide{lane: l}
	}
	t := l.tide
	x := flooding{id: f.ID, name: f.Name, since: at}
	x.pause = at + clamp(int64(f.Pause))
	x.end = x.pause + clamp(int64(f.Reduced))
	switch i := slices.IndexFunc(t.list, func(o flooding) bool { return o.id == f.ID }); {
	case i >= 0:
		t.list[i] = x
	case len(t.list) < maxFloods:
		t.list = append(t.list, x)
	default:
		return
	}
	p.ebb(at, l)
	if l.silent > at {
		p.recall(at, l)
		l.window = 1 // when it ends, carefully
	}
	p.trim(at, l)
	p.wantAll(l)
}

func clamp(d int64) int64 { return max(0, min(d, int64(longest))) }

// ebb drops what is over and has the limits read again.
func (p *Plan) ebb(at int64, l *lane) {
	l.silent = 0
	next := never
	t := l.tide
	t.list = slices.DeleteFunc(t.list, func(f flooding) bool { return f.end <= at })
	for _, f := range t.list {
		next = min(next, f.end)
		if f.pause > at {
			l.silent = max(l.silent, f.pause)
			next = min(next, f.pause)
		}
	}
	if next != never {
		p.timers.arm(&t.timer, t, next)
	} else {
		l.tide = nil
		p.timers.disarm(&t.timer)
	}
	l.version = 0
	l.group.events++
	p.touch(l)
}

// due is called when a pause or a reduced time ends.
func (t *tide) due(p *Plan, at int64) { p.relieve(at, t.lane) }

// relieve lets go what other limits allow.
func (p *Plan) relieve(at int64, l *lane) {
	p.ebb(at, l)
	for _, b := range l.berths {
		for _, st := range b.streams {
			st.held = NoReason
		}
	}
	p.trim(at, l)
	p.wantAll(l)
	for _, s := range l.group.members {
		p.reopenPlaces(s.site)
	}
}

// wantAll has the streams of a lane looked at.
func (p *Plan) wantAll(l *lane) {
	for _, b := range l.berths {
		for _, st := range b.streams {
			if st.queue.n > 0 {
				p.want(st)
			}
		}
	}
}
