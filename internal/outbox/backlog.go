package outbox

import "time"

// BacklogLine is what there is for one destination, or for the many that have no line of their own.
type BacklogLine struct {
	Destination string    `json:"destination"`
	Others      int       `json:"others,omitempty"` // so many destinations are summed up in this line
	Memory      int       `json:"memory"`           // in memory, in transaction included
	Waiting     int       `json:"waiting"`          // in the local queue and not in memory
	Since       time.Time `json:"since,omitzero"`   // something has been here since then; nothing is older
	Reason      string    `json:"reason,omitempty"` // why it waits; may quote the receiver
	Next        time.Time `json:"next,omitzero"`    // the next moment that anything happens
}
