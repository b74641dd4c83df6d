package spool

import "time"

// hear takes in what the kernel says.
func (f *feeder) hear(e event) {
	switch e.kind {
	case closed:
		delete(f.writing, e.name)
		f.arrived(task{name: e.name, whole: true}, f.s.o.Delay)
	case created:
		f.arrived(task{name: e.name}, f.s.rhythm.still)
	case modified:
		if len(f.writing) < maxWriting {
			f.writing[e.name] = time.Now()
		}
	case gone:
		delete(f.writing, e.name)
	case overflow:
		clear(f.writing)
		f.rescan = time.Now()
	case deaf:
		f.events = nil
		f.rescan = time.Now()
	}
}

func (f *feeder) arrived(t task, wait time.Duration) {
	if now := f.inHand[t.name]; now != nil {
		now.again = true
		return
	}
	f.postpone(t, wait)
}

// settle notes what became of a file.
func (f *feeder) settle(t *task) {
	delete(f.inHand, t.name)
	switch t.verdict {
	case isDone:
		f.strikes, f.pause = 0, time.Time{}
		if t.left {
			f.memory.keep(doneAs(t.name, &t.file))
		}
	case isBad:
		if t.left {
			f.memory.keep(badAs(t.name, &t.file))
		}
	case isRefused:
		f.refused(t)
		return
	case isUnsure:
		t.again = true
	}
	if t.again {
		f.postpone(task{name: t.name}, f.s.rhythm.still)
	}
}

// refused lets the file wait, longer each time. When nothing at all goes through, everything waits.
func (f *feeder) refused(t *task) {
	r := &f.s.rhythm
	f.postpone(task{name: t.name, tries: t.tries + 1, whole: t.whole}, doubled(r.first, t.tries, r.most))
	f.strikes++
	if rounds := f.strikes / f.s.o.OpenFiles; rounds > 0 && f.strikes%f.s.o.OpenFiles == 0 {
		f.pause = time.Now().Add(doubled(r.first, rounds-1, min(maxPause, r.most)))
	}
}

func doubled(d time.Duration, times int, most time.Duration) time.Duration {
	for ; times > 0 && d < most; times-- {
		d *= 2
	}
	return min(d, most)
}
