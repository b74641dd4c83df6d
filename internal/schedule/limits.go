package schedule

import (
	"net/netip"

	"posthoorn/internal/settings"
)

// Snapshot is the truth about limits from one Use to the next. Its methods are called often and must be cheap.
type Snapshot interface {
	// Limits of the lane from source to the limits key of a site's Route, while the reduced limits of these flood rows hold.
	// 0 = unlimited, in all fields.
	Limits(source netip.Addr, key string, floods []int64) settings.Limits
	// PausedRemotes are the remote addresses that mail of the class may not go to from source; nil mostly.
	PausedRemotes(source netip.Addr, class Class) []netip.Addr
	// TotalConnections is the bound on all connections together, 0 = unlimited.
	TotalConnections() int
}

// unlimited is the truth before the first Use.
type unlimited struct{}

func (unlimited) Limits(netip.Addr, string, []int64) settings.Limits { return settings.Limits{} }
func (unlimited) PausedRemotes(netip.Addr, Class) []netip.Addr       { return nil }
func (unlimited) TotalConnections() int                              { return 0 }
