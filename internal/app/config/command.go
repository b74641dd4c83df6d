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
	JSON     bool // print for programs
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

// oneShot chooses what to do; only one thing may be chosen.
func (c *Command) oneShot(m Mode) error {
	if c.Mode == Help || c.Mode == m && m != Control {
		return nil
	}
	if c.Mode != Daemon {
		return usage("the command line asks for two things at once")
	}
	c.Mode = m
	return nil
}

func (c *Command) setConfigFile(value string) error {
	if value == "" {
		return usage("--config-file names no file")
	}
	c.ConfigFile = value
	return nil
}

func (c *Command) setIP(value string) error {
	ip, err := netip.ParseAddr(value)
	if err != nil {
		return usage("--ip: %q is not an IP address", value)
	}
	c.IP = ip.Unmap()
	return nil
}

func (c *Command) setListen(value string) error {
	if _, err := netip.ParseAddrPort(value); err != nil {
		return usage("--listen: %q is not an IP address with a port", value)
	}
	c.Listen = value
	return nil
}
