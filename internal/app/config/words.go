package config

import (
	"slices"
	"strings"
)

// word is one command of operations.md section 8.
type word struct {
	name     string // one or two words
	argument string // NAME or DESTINATION; in brackets when it may be left out; empty: none
	flags    []option
	needs    []string // flags that must be given
	alone    bool     // needs no daemon
	help     string
}

// option is one switch of a command, or of the program beside the keys.
type option struct {
	name  string // without dashes
	value string // what follows; empty: nothing
	help  string
	set   func(c *Command, value string) error
}

func words() []word {
	ip := option{"ip", "IP", "one of our sending addresses", (*Command).setIP}
	tag := option{"tag", "TAG", "mail with this tag only", func(c *Command, v string) error { c.Tag = v; return nil }}
	yes := option{"yes", "", "do not ask", func(c *Command, _ string) error { c.Yes = true; return nil }}
	machine := option{"json", "", "print JSON, for programs", func(c *Command, _ string) error { c.JSON = true; return nil }}
	return []word{
		{name: "queue list", help: "Lists the configured queues and the local queue, with their numbers of messages."},
		{name: "queue read", argument: "NAME", help: "Prints the messages of a queue, one JSON object a line, and removes each after it was written.", flags: []option{
			{"follow", "", "wait for more", func(c *Command, _ string) error { c.Follow = true; return nil }},
			{"keep", "", "leave the messages in the queue", func(c *Command, _ string) error { c.Keep = true; return nil }},
			{"force", "", "take messages even from the outbox, away from delivery", func(c *Command, _ string) error { c.Force = true; return nil }},
		}},
		{name: "queue publish", argument: "NAME", help: "Publishes JSON objects from standard input, one a line, and ends when they are safe."},
		{name: "explain", argument: "DESTINATION", flags: []option{ip, machine}, help: "Shows what the mail for a domain or smarthost waits for, the limits in force and the row each came from, and the counters."},
		{name: "pause", argument: "[DESTINATION]", flags: []option{ip, tag}, help: "Pauses deliveries to a domain or remote IP, from an address, with a tag. Nothing given: all. Mail waits, none is lost."},
		{name: "resume", argument: "[DESTINATION]", flags: []option{ip, tag}, help: "Ends a pause, with the arguments that it was made with."},
		{name: "backlog", flags: []option{machine}, help: "Shows the messages per destination, in memory and waiting, and what they wait for."},
		{name: "retry-now", argument: "DESTINATION", help: "Tries what waits for a destination now, as far as limits and pauses allow."},
		{name: "fail", argument: "DESTINATION", needs: []string{"reason"}, help: "Makes what waits for a destination a final failure. Asks first.", flags: []option{
			{"reason", "TEXT", "the text of the failure", func(c *Command, v string) error { c.Reason = v; return nil }}, yes,
		}},
		{name: "move", argument: "DESTINATION", needs: []string{"ip"}, flags: []option{ip}, help: "Lets what waits for a destination leave from another address."},
		{name: "evacuate", argument: "[DESTINATION]", help: "With RabbitMQ: gives what waits, for one destination or all, back to the outbox. A kill in the middle may double a few messages.", flags: []option{
			{"to", "QUEUE", "to this queue instead", func(c *Command, v string) error { c.To = v; return nil }},
			{"stop", "", "end the daemon afterwards", func(c *Command, _ string) error { c.Stop = true; return nil }},
		}},
		{name: "reload", help: "Opens the log files again and reads the database again, as SIGHUP does."},
		{name: "trial", alone: true, help: "Tries everything out in the folder var: a daemon with an embedded queue and a built-in receiver; nothing leaves this machine."},
		{name: "sink", alone: true, help: "Runs an SMTP server for trials, which accepts and counts.", flags: []option{
			{"listen", "IP:PORT", "where to listen", (*Command).setListen},
			{"keep", "DIRECTORY", "keep the mail there", func(c *Command, v string) error { c.KeepIn = v; return nil }},
		}},
	}
}

// switches are those of the program that are no keys (operations.md section 1).
func switches() []option {
	mode := func(m Mode) func(*Command, string) error {
		return func(c *Command, _ string) error { return c.oneShot(m) }
	}
	nothing := func(*Command, string) error { return nil }
	return []option{
		{"config-file", "PATH", "a further file, over the default one", (*Command).setConfigFile},
		{"check-config", "", "print the effective values, each with its place, and what is wrong with them", mode(CheckConfig)},
		{"envelope", "ADDRESS", "injection: envelope address", func(c *Command, v string) error { c.Envelope, c.EnvelopeSet = v, true; return nil }},
		{"extract-recipients", "", "injection: recipients from the headers", func(c *Command, _ string) error { c.ExtractRecipients = true; return nil }},
		{"ignore-dot", "", "injection: a lone dot is data", func(c *Command, _ string) error { c.IgnoreDot = true; return nil }},
		{"purge-database", "", "drop all tables of the settings and make new ones; asks first", mode(PurgeDatabase)},
		{"yes", "", "do not ask", func(c *Command, _ string) error { c.Yes = true; return nil }},
		{"repair-database", "", "make missing tables and columns of the settings", mode(RepairDatabase)},
		{"version", "", "print the version", mode(Version)},
		{"help", "", "print this text; after a command, about that command", func(c *Command, _ string) error { c.Mode = Help; return nil }},
		{"list-ips", "", "print the addresses of this machine", mode(ListIPs)},
		{"list-cluster", "", "print who answers in the cluster", mode(ListCluster)},
		{"notify-cluster", "", "tell the cluster to read the database again", mode(NotifyCluster)},
		{"paused", "", "start with all deliveries paused", func(c *Command, _ string) error { c.Paused = true; return nil }},
		{"loopback", "", "offer loopback addresses as sending addresses too", func(c *Command, _ string) error { c.Loopback = true; return nil }},
		{"daemon", "", "accepted, has no effect", nothing},
		{"disable-crash-report", "", "accepted, has no effect", nothing},
		{"disable-crash-post", "", "accepted, has no effect", nothing},
		{"fetch-license", "KEY", "accepted: no license is needed", mode(FetchLicense)},
	}
}

// findWord resolves the words at the beginning of args.
func findWord(args []string) (w word, used int, ok bool) {
	for _, w := range words() {
		parts := strings.Fields(w.name)
		if len(args) >= len(parts) && slices.Equal(args[:len(parts)], parts) {
			return w, len(parts), true
		}
	}
	return word{}, 0, false
}

func findFlag(list []option, name string) (option, bool) {
	i := slices.IndexFunc(list, func(f option) bool { return f.name == name })
	if i < 0 {
		return option{}, false
	}
	return list[i], true
}
