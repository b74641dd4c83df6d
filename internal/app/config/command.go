package config

import (
	"net/netip"
)

// Mode is what one start of the program is for (operations.md section 1).
type Mode int

// The modes.
const (
	Daemon  Mode = iota
	Inject       // read one message from standard input and publish it
	Control      // a command word: Command.Word
	Help
	Version
	CheckConfig
	PurgeDatabase
	RepairDatabase
	ListIPs
	ListCluster
	NotifyCluster
	FetchLicense // say that no license is needed
)

// Command is a parsed command line.
type Command struct {
	Mode       Mode
	ConfigFile string // --config-file

	// Injection.
	Recipients        []string // as they were written
	Envelope          string   // --envelope
	EnvelopeSet       bool     // it was given, perhaps empty
	ExtractRecipients bool
	IgnoreDot         bool

	// Daemon.
	Paused   bool
	Loopback bool

	// A command of operations.md section 8; with Help the one to explain, empty for the overview.
	Word     string // "queue list", "explain", ...
	Target   string // its argument: a queue, a destination; empty when none was given
	IP       netip.Addr
	Tag      string
	Reason   string
	To       string // queue of evacuate
	Follow   bool
	Keep     bool // of queue read; of sink: KeepIn
	Force    bool
	Stop     bool
	Yes      bool // answers questions; of --purge-database too
	Listen   string
	KeepIn   string // directory in which the sink keeps mail; empty: it counts only
	settings []setting
}

// toleratesUnreadable: a user who may not read the default file, since it holds passwords, may still talk to the daemon.
func (c *Command) toleratesUnreadable() bool {
	return c.Mode == Inject || c.Mode == Control
}

// UsageError is a command line that means nothing. The program ends with ExitUsage.
type UsageError struct {
	Text string
}

// Error is the text for the user.
func (e *UsageError) Error() string { return e.Text }
