package config

import (
	"fmt"
	"strings"
)

// HelpText is the text of --help for a command of ours, or the overview for an empty or unknown one.
func HelpText(command string) string {
	for _, w := range words() {
		if w.name == command {
			return wordHelp(w)
		}
	}
	return overview()
}

const introduction = `posthoorn, a mail server for very large senders

  posthoorn [switches]                            run: consume, deliver, listen
  posthoorn [switches] RECIPIENT... < message     hand in one message
  posthoorn --extract-recipients < message        the same, recipients from its headers
  posthoorn [switches] COMMAND                    steer a running daemon, read queues

A first plain argument without an @ is a command.

`

func overview() string {
	var out strings.Builder
	out.WriteString(introduction)
	out.WriteString("Commands (COMMAND --help tells more):\n")
	for _, w := range words() {
		fmt.Fprintf(&out, "  %-26s %s\n", strings.TrimSpace(w.name+" "+w.argument), w.help)
	}
	out.WriteString("\nSwitches:\n")
	writeFlags(&out, switches())
	out.WriteString("\nEvery key of the configuration is a switch too, as --key value or --key=value:\n")
	for _, k := range Keys() {
		if k.Use == Active && k.Built {
			fmt.Fprintf(&out, "  %-26s %s\n", "--"+k.Name, strings.ReplaceAll(k.Help, "`", ""))
		}
	}
	fmt.Fprintf(&out, "\nExit codes: %d good, %d usage, %d bad message or address, %d broker or database unreachable, %d temporary, %d configuration\n",
		ExitOK, ExitUsage, ExitData, ExitUnavailable, ExitTemporary, ExitConfig)
	return out.String()
}

func wordHelp(w word) string {
	var out strings.Builder
	line := "posthoorn " + strings.TrimSpace(w.name+" "+w.argument)
	for _, f := range w.flags {
		text := strings.TrimSpace("--" + f.name + " " + f.value)
		if !strings.Contains(" "+strings.Join(w.needs, " ")+" ", " "+f.name+" ") {
			text = "[" + text + "]"
		}
		line += " " + text
	}
	fmt.Fprintf(&out, "%s\n\n%s\n", line, w.help)
	if len(w.flags) > 0 {
		out.WriteString("\n")
		writeFlags(&out, w.flags)
	}
	if w.alone {
		return out.String()
	}
	out.WriteString("\nIt finds the daemon through the lock of its configuration: give it the same --config-file.\n")
	return out.String()
}

func writeFlags(out *strings.Builder, flags []option) {
	for _, f := range flags {
		fmt.Fprintf(out, "  %-26s %s\n", strings.TrimSpace("--"+f.name+" "+f.value), f.help)
	}
}
