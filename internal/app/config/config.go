// Package config turns what the operator wrote into one typed, validated and immutable Config.
//
// It reads, key by key and later over earlier: the built-in defaults, the default file, the file of --config-file, the
// environment (POSTHOORN_ over MAILERQ_) and the command line (config.md section 2). One table, Keys, describes every
// key of the product; defaults, checks, warnings, help, --check-config and the manual page all come from it.
//
// Promises: a wrong value stops the start and all of them are named at once, each with the place it was read from and
// what is allowed; an unknown key never stops it; a secret is in no error, warning or listing, not even when its value
// is malformed. Everything it needs comes in with Source, so it is a pure function; it starts no goroutine.
package config

import (
	"slices"
)

// Config is everything that was configured. Nobody changes it after Load. Durations and sizes are Go durations and
// bytes; a zero has the meaning that config.md gives to it.
type Config struct {
	RabbitMQ  RabbitMQ
	Local     Local
	Cluster   Cluster
	Database  Database
	Storage   Storage
	Logs      Logs
	SMTPIn    SMTPIn
	Delivery  Delivery
	DNS       DNS
	DSN       DSN
	Spool     Spool
	Console   Console
	Smarthost Relay // On false: every destination has its own servers (config.md section 3.13)
	Sink      Relay // On true: connections go here instead of to the real server (config.md section 3.13)
	Downloads Downloads
	General   General

	// Warnings are what the operator should read at every start, in the order of the layers.
	Warnings []Warning
	// Files are the configuration files that were read, in that order.
	Files []string
	// Unreadable is the default file if it exists and this user may not read it: only commands and injection go on
	// without it (operations.md section 8). Empty otherwise.
	Unreadable string

	set      map[string]setting
	problems []Problem
}

// Load reads all layers. The Config is never nil; with an error (always *Invalid) it is good for CheckText and Warnings
// alone. cmd carries the layer of the command line and decides how strict a default file that may not be read is taken;
// nil is a daemon without switches.
func Load(cmd *Command, src Source) (*Config, error) {
	if cmd == nil {
		cmd = &Command{}
	}
	src = src.withDefaults()
	b := newBuilder(cmd, src)
	b.readLayers()
	b.parseAll()
	b.build()
	b.crossCheck()
	b.warnAboutKeys()
	b.cfg.set, b.cfg.problems, b.cfg.Warnings = b.set, b.problems, b.warnings
	if len(b.problems) > 0 {
		return b.cfg, &Invalid{Problems: slices.Clone(b.problems)}
	}
	return b.cfg, nil
}

// build fills the areas; every value has been checked by then, or is the zero of its type.
func (b *builder) build() {
	b.buildGeneral()
	b.buildRabbitMQ()
	b.buildCluster()
	b.buildDatabase()
	b.buildStorage()
	b.buildLogs()
	b.buildSMTPIn()
	b.buildDelivery()
	b.buildDNS()
	b.buildDSN()
	b.buildSpool()
	b.buildConsole()
	b.buildRelays()
	b.buildDownloads()
}
