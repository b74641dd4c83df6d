package config

import (
	"fmt"
	"slices"
	"strings"
)

// ParseCommand reads the command line, without the name of the program. Every error is a *UsageError.
func ParseCommand(args []string) (*Command, error) {
	p := &argParser{args: args, cmd: &Command{}}
	for len(p.args) > 0 {
		if err := p.next(); err != nil {
			return nil, err
		}
	}
	if p.cmd.Mode == Help {
		return p.cmd, nil
	}
	return p.cmd, p.finish()
}

type argParser struct {
	args  []string // not read yet
	plain bool     // a lone -- was read: no switches any more
	cmd   *Command
	word  word
	given []string // names of the switches that were read
}

func usage(format string, args ...any) error {
	return &UsageError{fmt.Sprintf(format, args...)}
}

func (p *argParser) next() error {
	arg := p.args[0]
	p.args = p.args[1:]
	switch {
	case p.plain || !strings.HasPrefix(arg, "-"):
		return p.addPlain(arg)
	case arg == "--":
		p.plain = true
		return nil
	case arg == "-h":
		arg = "--help"
	}
	return p.addSwitch(arg)
}

// addPlain takes a command, its argument, or a recipient.
func (p *argParser) addPlain(arg string) error {
	c := p.cmd
	switch {
	case c.Word == "" && len(c.Recipients) == 0 && !strings.Contains(arg, "@"):
		return p.startWord(arg)
	case c.Word == "":
		c.Recipients = append(c.Recipients, arg)
	case p.word.argument == "":
		return usage("%s takes no argument, but there is %q", c.Word, arg)
	case c.Target != "":
		return usage("%s takes one argument, but there is %q too", c.Word, arg)
	case arg == "":
		return usage("the argument of %s is empty", c.Word)
	default:
		c.Target = arg
	}
	return nil
}

func (p *argParser) startWord(arg string) error {
	w, used, ok := findWord(append([]string{arg}, p.args...))
	if !ok {
		return unknownWord(arg, p.args)
	}
	p.args, p.word, p.cmd.Word = p.args[used-1:], w, w.name
	return p.cmd.oneShot(Control)
}

func unknownWord(arg string, rest []string) error {
	var names []string
	for _, w := range words() {
		names = append(names, w.name)
		if strings.HasPrefix(w.name, arg+" ") && arg != "" {
			return usage("%s needs one of list, read, publish behind it", arg)
		}
	}
	try := arg
	if len(rest) > 0 && !strings.HasPrefix(rest[0], "-") && strings.HasPrefix(arg, "q") {
		try += " " + rest[0]
	}
	if near := nearest(try, names); near != "" {
		return usage("%q is no command; did you mean %s?", arg, near)
	}
	return usage("%q is neither a command nor an address; see --help", arg)
}

// addSwitch takes --name, --name=value or --name value.
func (p *argParser) addSwitch(arg string) error {
	name, value, hasValue := strings.Cut(strings.TrimPrefix(arg, "--"), "=")
	name = strings.ToLower(name)
	f, ok := findFlag(p.word.flags, name)
	if !ok {
		f, ok = findFlag(switches(), name)
	}
	key, isKey := lookup(name)
	if !ok && !isKey || !strings.HasPrefix(arg, "--") {
		return p.unknownSwitch(strings.SplitN(arg, "=", 2)[0], name)
	}
	p.given = append(p.given, name)
	if ok && f.value == "" {
		return p.setBool(f, value, hasValue)
	}
	if !hasValue {
		var err error
		if value, err = p.takeValue(name); err != nil {
			return err
		}
	}
	if hasControl(value) {
		return usage("the value of --%s holds control characters", name)
	}
	if ok {
		return f.set(p.cmd, value)
	}
	where := Where{Layer: CommandLine, Name: "--" + name}
	value = strings.Trim(value, " \t")
	p.cmd.settings = append(p.cmd.settings, setting{key: keyAsWritten(key, name), value: value, where: where})
	return nil
}

// keyAsWritten keeps an alias, so that warnings speak of what the operator wrote.
func keyAsWritten(key Key, name string) string {
	if slices.Contains(key.Aliases, name) {
		return name
	}
	return key.Name
}

// takeValue takes the next argument, unless it is a switch itself: then the value was forgotten.
func (p *argParser) takeValue(name string) (string, error) {
	if len(p.args) == 0 {
		return "", usage("--%s needs a value", name)
	}
	value := p.args[0]
	if rest, ok := strings.CutPrefix(value, "--"); ok {
		next, _, _ := strings.Cut(rest, "=")
		_, isKey := lookup(next)
		if _, isSwitch := findFlag(switches(), next); isKey || isSwitch {
			return "", usage("--%s needs a value, but --%s follows (write --%s=… if it is meant to be the value)", name, next, name)
		}
	}
	p.args = p.args[1:]
	return value, nil
}

// setBool sets a switch without a value. It may say so itself (--paused=true); --daemon may in two words too.
func (p *argParser) setBool(f option, value string, hasValue bool) error {
	if f.name == "daemon" && !hasValue && len(p.args) > 0 && slices.Contains([]string{"true", "false", "yes", "no", "on", "off", "0", "1"}, p.args[0]) {
		p.args = p.args[1:]
	}
	if hasValue {
		on, err := parseBool(value)
		if err != nil {
			return usage("--%s takes no value", f.name)
		}
		if !on.(bool) {
			return nil
		}
	}
	return f.set(p.cmd, value)
}

func (p *argParser) unknownSwitch(arg, name string) error {
	for _, w := range words() {
		if _, ok := findFlag(w.flags, name); ok && p.word.name == "" {
			return usage("%s belongs to the command %s and stands behind it", arg, w.name)
		}
	}
	names := keyNames()
	for _, f := range slices.Concat(switches(), p.word.flags) {
		names = append(names, f.name)
	}
	if near := nearest(strings.TrimLeft(name, "-"), names); near != "" {
		return usage("%s is no switch; did you mean --%s?", arg, near)
	}
	return usage("%s is no switch; see --help", arg)
}

// finish checks what can be judged only when everything was read.
func (p *argParser) finish() error {
	c := p.cmd
	inject := len(c.Recipients) > 0 || c.ExtractRecipients
	switch {
	case c.Mode == Daemon && inject:
		c.Mode = Inject
	case inject:
		return usage("recipients do not go together with a command or a switch that does something else")
	case c.EnvelopeSet || c.IgnoreDot:
		return usage("no recipient: name some, or use --extract-recipients")
	}
	if c.Mode == Control {
		return p.finishWord()
	}
	return nil
}

func (p *argParser) finishWord() error {
	w := p.word
	if p.cmd.Target == "" && w.argument != "" && w.argument[0] != '[' {
		return usage("%s needs %s", w.name, w.argument)
	}
	for _, name := range w.needs {
		if !slices.Contains(p.given, name) {
			return usage("%s needs --%s", w.name, name)
		}
	}
	return nil
}
