package config

import (
	"fmt"
	"strings"
)

// Layer is where a value comes from; a higher one wins (config.md section 2).
type Layer int

// The layers, lowest first.
const (
	BuiltIn     Layer = iota
	DefaultFile       // /etc/posthoorn/config.txt or /etc/mailerq/config.txt
	NamedFile         // the file of --config-file
	Environment
	CommandLine
)

// Where is the place of one setting.
type Where struct {
	Layer Layer
	Name  string // path of the file, name of the environment variable, or the switch with its dashes
	Line  int    // in a file, from 1; otherwise 0
}

// String is what an operator needs to find the place.
func (w Where) String() string {
	switch w.Layer {
	case BuiltIn:
		return "built-in default"
	case Environment:
		return "environment variable " + w.Name
	case CommandLine:
		return "switch " + w.Name
	}
	if w.Line == 0 {
		return w.Name
	}
	return fmt.Sprintf("%s:%d", w.Name, w.Line)
}

// Problem is one reason not to start.
type Problem struct {
	Where   Where
	Key     string // as it was written; empty when the place as a whole is wrong
	Value   string // secrets masked; empty too where the line as a whole is wrong
	Reason  string
	Allowed string // may be empty
}

// String is the problem in one line.
func (p Problem) String() string {
	var s strings.Builder
	s.WriteString(p.Where.String())
	if p.Key != "" {
		s.WriteString(": " + p.Key)
	}
	if p.Value != "" {
		fmt.Fprintf(&s, ": %q", p.Value)
	}
	s.WriteString(": " + p.Reason)
	if p.Allowed != "" {
		s.WriteString("; allowed: " + p.Allowed)
	}
	return s.String()
}

// Invalid is the error of Load: everything that is wrong, not only the first of it.
type Invalid struct {
	Problems []Problem
}

// Error lists the problems, one a line.
func (e *Invalid) Error() string {
	lines := make([]string, 0, len(e.Problems)+1)
	lines = append(lines, "the configuration is wrong:")
	for _, p := range e.Problems {
		lines = append(lines, "  "+p.String())
	}
	return strings.Join(lines, "\n")
}

// Warning is something that does not stop the start but should be read. It never holds the value of a key that is
// unknown or secret.
type Warning struct {
	Where Where
	Key   string // as it was written; empty when it is about no key
	Text  string
}

// String is the warning in one line.
func (w Warning) String() string {
	if w.Key == "" {
		return w.Where.String() + ": " + w.Text
	}
	return w.Where.String() + ": " + w.Key + ": " + w.Text
}
