package control

import "net/netip"

// Order is what an operator's command asks for. Which parts count depends on the command.
type Order struct {
	Destination string     `json:"destination,omitempty"` // a domain, host:port of a smarthost, or an IP address, in any spelling
	IP          netip.Addr `json:"ip,omitzero"`           // one of our own addresses
	Tag         string     `json:"tag,omitempty"`
	Reason      string     `json:"reason,omitempty"` // of fail
	To          string     `json:"to,omitempty"`     // queue of evacuate
	Stop        bool       `json:"stop,omitempty"`   // of evacuate
}
