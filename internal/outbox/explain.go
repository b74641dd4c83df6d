package outbox

import (
	"net/netip"
	"time"

	"posthoorn/internal/schedule"
	"posthoorn/internal/settings"
)

// Explanation is all that is known of one destination at one moment. Times that are zero say nothing.
type Explanation struct {
	Destination string                `json:"destination"`
	Time        time.Time             `json:"time"`
	Waits       schedule.Wait         `json:"waits"` // what it waits for, since when, and the next moment that anything happens
	Sources     []SourceExplanation   `json:"sources"`
	Domains     []string              `json:"domains,omitempty"` // of its group, with rows of their own: their limits hold together
	Pauses      []settings.Pause      `json:"pauses,omitempty"`  // that hold back some or all of its mail
	Route       RouteExplanation      `json:"route"`
	Waiting     WaitingExplanation    `json:"waiting"`
	Plan        *schedule.Explanation `json:"plan,omitempty"` // nil: nothing is in memory for it, nor was lately
}

// SourceExplanation is what holds for the mail of a destination that leaves from one address.
type SourceExplanation struct {
	Source   netip.Addr            `json:"source,omitzero"` // zero: the kernel chooses
	Name     string                `json:"name,omitempty"`  // in EHLO, where a row says so
	Delegate netip.Addr            `json:"delegate,omitzero"`
	Row      int64                 `json:"row,omitempty"` // of delegates
	Pause    *settings.Pause       `json:"pause,omitempty"`
	Limits   []settings.LimitField `json:"limits"`
}

// RouteExplanation is where mail for a destination goes.
type RouteExplanation struct {
	Targets []schedule.Target `json:"targets,omitempty"`
	Expires time.Time         `json:"expires,omitzero"` // zero: never
	Fixed   bool              `json:"fixed,omitempty"`  // by rows of the table dns, or by the configuration
	Error   string            `json:"error,omitempty"`
}

// WaitingExplanation is what stands in the local queue for a destination.
type WaitingExplanation struct {
	Count   int       `json:"count"`    // those in memory included
	InHand  int       `json:"in_hand"`  // of these, in memory
	Due     int       `json:"due"`      // of the others, due now
	AtLeast bool      `json:"at_least"` // there are more than Due says
	NextDue time.Time `json:"next_due,omitzero"`
	Since   time.Time `json:"since,omitzero"` // something has been waiting since then
	Places  []Place   `json:"places,omitempty"`
}

// Place is mail of a destination that may leave from the same addresses.
type Place struct {
	Sources string    `json:"sources,omitempty"` // empty: the usual ones
	Hold    string    `json:"hold,omitempty"`    // the paused tag that holds it
	Count   int       `json:"count"`
	NextDue time.Time `json:"next_due,omitzero"`
	Since   time.Time `json:"since,omitzero"`
}
