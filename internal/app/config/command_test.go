package config

import (
	"errors"
	"net/netip"
	"reflect"
	"strings"
	"testing"
)

func TestParseCommand(t *testing.T) {
	ip := netip.MustParseAddr("10.0.0.1")
	for line, want := range map[string]Command{
		"":                        {},
		"--daemon":                {},
		"--daemon false --paused": {Paused: true},
		"--daemon=0 --loopback":   {Loopback: true},
		"--paused=no":             {},
		"--disable-crash-report --disable-crash-post":    {},
		"a@example.com b@example.org":                    {Mode: Inject, Recipients: []string{"a@example.com", "b@example.org"}},
		"--extract-recipients --ignore-dot":              {Mode: Inject, ExtractRecipients: true, IgnoreDot: true},
		"--envelope me@example.com --extract-recipients": {Mode: Inject, Envelope: "me@example.com", EnvelopeSet: true, ExtractRecipients: true},
		"--envelope= a@b":                                {Mode: Inject, EnvelopeSet: true, Recipients: []string{"a@b"}},
		"-- -odd@example.com":                            {Mode: Inject, Recipients: []string{"-odd@example.com"}},
		"--config-file /a":                               {ConfigFile: "/a"},
		"--check-config":                                 {Mode: CheckConfig},
		"--version":                                      {Mode: Version},
		"-h":                                             {Mode: Help},
		"queue read --help":                              {Mode: Help, Word: "queue read"},
		"--help fail":                                    {Mode: Help, Word: "fail"},
		"--purge-database --yes":                         {Mode: PurgeDatabase, Yes: true},
		"--repair-database":                              {Mode: RepairDatabase},
		"--list-ips":                                     {Mode: ListIPs},
		"--list-cluster":                                 {Mode: ListCluster},
		"--notify-cluster":                               {Mode: NotifyCluster},
		"--fetch-license abc":                            {Mode: FetchLicense},
		"queue list":                                     {Mode: Control, Word: "queue list"},
		"queue read outbox --follow --keep --force":      {Mode: Control, Word: "queue read", Target: "outbox", Follow: true, Keep: true, Force: true},
		"--config-file /a queue publish results":         {Mode: Control, Word: "queue publish", Target: "results", ConfigFile: "/a"},
		"explain example.com --ip 10.0.0.1":              {Mode: Control, Word: "explain", Target: "example.com", IP: ip},
		"explain example.com --json":                     {Mode: Control, Word: "explain", Target: "example.com", JSON: true},
		"backlog --json":                                 {Mode: Control, Word: "backlog", JSON: true},
		"pause":                                          {Mode: Control, Word: "pause"},
		"pause --tag news --ip=10.0.0.1 example.com":     {Mode: Control, Word: "pause", Target: "example.com", Tag: "news", IP: ip},
		"resume 192.0.2.1":                               {Mode: Control, Word: "resume", Target: "192.0.2.1"},
		"backlog":                                        {Mode: Control, Word: "backlog"},
		"retry-now example.com":                          {Mode: Control, Word: "retry-now", Target: "example.com"},
		"fail example.com --reason gone --yes":           {Mode: Control, Word: "fail", Target: "example.com", Reason: "gone", Yes: true},
		"move example.com --ip ::ffff:10.0.0.1":          {Mode: Control, Word: "move", Target: "example.com", IP: ip},
		"evacuate":                                       {Mode: Control, Word: "evacuate"},
		"evacuate example.com --to outbox2 --stop":       {Mode: Control, Word: "evacuate", Target: "example.com", To: "outbox2", Stop: true},
		"reload": {Mode: Control, Word: "reload"},
		"sink --listen [::1]:2525 --keep /tmp/mail": {Mode: Control, Word: "sink", Listen: "[::1]:2525", KeepIn: "/tmp/mail"},
	} {
		got, err := ParseCommand(strings.Fields(line))
		if err != nil || !reflect.DeepEqual(*got, want) {
			t.Errorf("%q: %+v, %v", line, got, err)
		}
	}
}

func TestWrongUsage(t *testing.T) {
	for line, want := range map[string]string{
		"reloaad":                           `"reloaad" is no command; did you mean reload?`,
		"queue lst":                         `queue needs one of list, read, publish behind it`,
		"qeue list":                         `"qeue" is no command; did you mean queue list?`,
		"xyzzy":                             `"xyzzy" is neither a command nor an address; see --help`,
		"--rabitmq-outbox x":                `--rabitmq-outbox is no switch; did you mean --rabbitmq-outbox?`,
		"--chekc-config":                    `--chekc-config is no switch; did you mean --check-config?`,
		"-t":                                `-t is no switch; see --help`,
		"--":                                "",
		"--ip 10.0.0.1 pause":               `--ip belongs to the command explain and stands behind it`,
		"backlog --tag x":                   `--tag is no switch; see --help`,
		"backlog example.com":               `backlog takes no argument, but there is "example.com"`,
		"explain a b":                       `explain takes one argument, but there is "b" too`,
		"explain":                           `explain needs DESTINATION`,
		"queue read":                        `queue read needs NAME`,
		"move example.com":                  `move needs --ip`,
		"fail example.com":                  `fail needs --reason`,
		"--json backlog":                    `--json belongs to the command explain and stands behind it`,
		"pause --json":                      `--json is no switch; see --help`,
		"explain a --ip b":                  `--ip: "b" is not an IP address`,
		"sink --listen 25":                  `--listen: "25" is not an IP address with a port`,
		"--smtp-port":                       `--smtp-port needs a value`,
		"--smtp-username --smtp-password x": `--smtp-username needs a value, but --smtp-password follows (write --smtp-username=… if it is meant to be the value)`,
		"--config-file=":                    `--config-file names no file`,
		"--version --list-ips":              `the command line asks for two things at once`,
		"--version backlog":                 `the command line asks for two things at once`,
		"--version a@b":                     `recipients do not go together with a command or a switch that does something else`,
		"backlog --extract-recipients":      `recipients do not go together with a command or a switch that does something else`,
		"--envelope a@b":                    `no recipient: name some, or use --extract-recipients`,
		"--ignore-dot":                      `no recipient: name some, or use --extract-recipients`,
		"--version=3":                       `--version takes no value`,
		"--user=a\x01b":                     `the value of --user holds control characters`,
	} {
		_, err := ParseCommand(strings.Fields(line))
		var u *UsageError
		if want == "" {
			if err != nil {
				t.Errorf("%q: %v", line, err)
			}
			continue
		}
		if !errors.As(err, &u) || u.Text != want {
			t.Errorf("%q:\n got %v\nwant %s", line, err, want)
		}
	}
}

// TestEverySwitch: each key and each switch is known to the parser in both spellings.
func TestEverySwitch(t *testing.T) {
	for _, name := range keyNames() {
		for _, args := range [][]string{{"--" + name, "value"}, {"--" + name + "=value"}} {
			cmd, err := ParseCommand(args)
			if err != nil || len(cmd.settings) != 1 || cmd.settings[0].key != name || cmd.settings[0].value != "value" {
				t.Errorf("%s: %v", args, err)
			}
		}
	}
	for _, s := range switches() {
		if _, isKey := lookup(s.name); isKey {
			t.Errorf("--%s is a key too", s.name)
		}
		for _, w := range words() {
			if _, twice := findFlag(w.flags, s.name); twice && s.name != "yes" {
				t.Errorf("--%s of %s is a switch too", s.name, w.name)
			}
		}
	}
}

func TestHelp(t *testing.T) {
	golden(t, "testdata/help.txt", HelpText(""))
	var all strings.Builder
	for _, w := range words() {
		all.WriteString("$ posthoorn " + w.name + " --help\n" + HelpText(w.name) + "\n")
	}
	golden(t, "testdata/help-commands.txt", all.String())
}
