package schedule

import (
	"net/netip"
	"time"
)

// Flood is a flood pattern that matched: a pause, and after it a time of reduced limits (delivery-control.md section 2).
type Flood struct {
	ID             int64
	Name           string
	Pause, Reduced time.Duration
}

// Calm ends flood pauses and the reduced limits after them, of the lanes that match says: it gets the source address, the name of
// the group and the key of its limits. It returns how many lanes that were.
func (p *Plan) Calm(now time.Time, match func(source netip.Addr, group, key string) bool) int {
	return 0
}

// Retire has the connections from these sources end after their message, for instance because the name of the source
// for EHLO has changed.
func (p *Plan) Retire(now time.Time, match func(source netip.Addr) bool) {}

// Forget has the route of a site looked up anew by who comes next. What waits for the site comes out in Todo.Park.
func (p *Plan) Forget(now time.Time, name string) {}

// Expedite ends the outages that stop a site: of its lookup, its lanes, their classes and their sources.
func (p *Plan) Expedite(now time.Time, name string) {}
