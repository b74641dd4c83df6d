package schedule

// bucket spreads events: n per minute means one every minute/n, not n at once. It holds the time at which the next one
// is due by the book; one is let through up to a tolerance before that, so that a loop that wakes a little late, or
// only a few hundred times a second, does not lose rate. In any window of w there are thus at most
// (w + tolerance)/interval + 1 events.
type bucket struct {
	due int64
}

const tolerance = 10_000_000 // 10 ms

// ready is when the next event may happen; 0 per minute is unlimited.
func (b *bucket) ready(perMinute int64) int64 {
	if perMinute <= 0 {
		return 0
	}
	return b.due - tolerance
}

func (b *bucket) take(at, n, perMinute int64) {
	if perMinute > 0 {
		b.due = max(b.due, at) + spread(n, perMinute)
	}
}

// giveBack undoes a take, which must be the latest: what has been let through since was so because of it.
func (b *bucket) giveBack(n, perMinute int64) {
	if perMinute > 0 {
		b.due -= spread(n, perMinute)
	}
}

// spread is the time that n events take, without overflow for any sensible n.
func spread(n, perMinute int64) int64 {
	return int64(float64(n) * float64(minute) / float64(perMinute))
}
