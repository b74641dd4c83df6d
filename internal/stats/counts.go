package stats

// Counts are numbers of events (console.md section 2).
type Counts struct {
	Connects   int `json:"connects"`   // connections that were tried
	Reuses     int `json:"reuses"`     // attempts over a connection that had carried others
	Attempts   int `json:"attempts"`   // messages tried
	Deliveries int `json:"deliveries"` // of them accepted
	Errors     int `json:"errors"`     // refused by an answer
	Strange    int `json:"strange"`    // ended by a timeout, a lost connection or an invalid answer
	NotTried   int `json:"not_tried"`  // failed without a connection; these are no attempts
}

func (c *Counts) count(a *Attempt) {
	if a.Outcome == NotTried {
		c.NotTried++
		return
	}
	c.Attempts++
	if a.Reused {
		c.Reuses++
	}
	switch a.Outcome {
	case Delivered:
		c.Deliveries++
	case Refused:
		c.Errors++
	default:
		c.Strange++
	}
}

func (c *Counts) add(d *Counts) {
	c.Connects += d.Connects
	c.Reuses += d.Reuses
	c.Attempts += d.Attempts
	c.Deliveries += d.Deliveries
	c.Errors += d.Errors
	c.Strange += d.Strange
	c.NotTried += d.NotTried
}

// Gauges are numbers of one moment.
type Gauges struct {
	Memory  int `json:"memory"`  // messages in memory
	Parked  int `json:"parked"`  // messages that wait in the local queue
	Opening int `json:"opening"` // connections that are being set up
	Active  int `json:"active"`  // that carry a message, or have just done so
	Idle    int `json:"idle"`    // without work
}
