package schedule

// bucket spreads events: n per minute means one every minute/n, not n at once. It holds the time at which the next one
// is due by the book; one is let through up to a tolerance before that, so that a loop that wakes a little late, or
// only a few hundred times a second, does not lose rate. In any window of w there are thus at most
// (w + tolerance)/interval + 1 events. When the rate changes, what is booked ahead counts at the new one.
type bucket struct {
	due  int64
	rate int64 // per minute, by which due is reckoned
}

const tolerance = 10_000_000 // 10 ms

// ready is when the next event may happen; 0 per minute is unlimited.
func (b *bucket) ready(at, perMinute int64) int64 {
	if perMinute <= 0 {
		return 0
	}
	b.turn(at, perMinute)
	return b.due - tolerance
}

func (b *bucket) turn(at, perMinute int64) {
	if ahead := b.due - at; b.rate != perMinute && ahead > 0 {

		b.due = at + int64(min(float64(ahead)*float64(b.rate)/float64(perMinute), longest))
	}
	b.rate = perMinute
}

func (b *bucket) take(at, n, perMinute int64) {
	if perMinute > 0 {
		b.turn(at, perMinute)
		b.due = max(b.due, at) + spread(n, perMinute)
	}
}

// giveBack undoes a take, which must be the latest: what has been let through since was so because of it.
func (b *bucket) giveBack(at, n, perMinute int64) {
	if perMinute > 0 {
		b.turn(at, perMinute)
		b.due -= spread(n, perMinute)
	}
}

// longest is how far ahead anything is booked, in nanoseconds: no sum of a few of them overflows.
const longest = 10 * 366 * 24 * 60 * float64(minute)

// spread is the time that n events take.
func spread(n, perMinute int64) int64 {
	return int64(max(-longest, min(float64(n)*float64(minute)/float64(perMinute), longest)))
}
