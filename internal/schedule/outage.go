package schedule

import "time"

// outage is a time in which something cannot be used, and why. It doubles while it goes on failing.
type outage struct {
	until int64
	last  time.Duration
	since int64 // of the first of a row
	err   error
	part  bool // some addresses could not be tried: they were paused
}

// reconsider ends an outage that came of trying only some addresses.
func (o *outage) reconsider() {
	if o.part {
		*o = outage{}
	}
}

func (o *outage) active(at int64) bool { return at < o.until }

// extend starts the next outage: the first lasts d, each after that twice as long, up to ten minutes or d. Jitter of a
// quarter keeps many from coming back together.
func (o *outage) extend(p *Plan, at int64, d time.Duration, err error) {
	if o.last > 0 {
		d = max(d, min(2*o.last, 10*time.Minute))
	} else {
		o.since = at
	}
	o.last, o.err = d, err
	o.until = at + int64(float64(d)*(0.875+p.options.Random()/4))
}
