// Package template is the template language of personalization.md: it merges data into mails and
// formats log lines.
//
// A template is compiled once into an immutable [Template] that any number of goroutines may use.
// The package is pure: it starts no goroutine, reads no clock and opens nothing. It is bounded:
// size and nesting of the source, loop steps, work, and output have limits, regular expressions run
// in linear time (RE2), and whatever goes over a limit ends with an [Error], never with a crash.
// Values are data and never become templates.
//
// Output is raw unless the template asks for a mode. What a place demands on top of that (a header
// field, an address, a log line) is known by the caller only: [Env.Printed] sees every printed value,
// and [Split] takes a source apart into text and tags without rendering it.
package template

import (
	"sync"
	"time"
)

const (
	maxSource  = 32 << 20  // bytes of one template
	maxNodes   = 500_000   // texts, tags, operands and modifiers of one template
	maxNesting = 500       // {if} and {foreach} inside each other
	maxDepth   = 200       // parentheses, brackets, calls and signs inside each other
	maxSteps   = 1_000_000 // bodies that loops run in one rendering
	maxOutput  = 64 << 20  // bytes of one rendering
	maxWork    = 1 << 30   // one rendering; a unit is about a nanosecond
)

// A Template is compiled and immutable; it is safe for concurrent use.
type Template struct {
	src   string
	nodes []node
	mode  mode
	names []name // of the variables; the index is the slot of a variable
	pool  sync.Pool
}

// Env is what one rendering sees. The zero value is usable: every variable is unset.
type Env struct {
	// Vars are objects. A variable is looked for in each of them, in order.
	Vars []Value
	// Now is the moment that relative dates ("tomorrow") start from: for a mail that of its first
	// attempt, so that every attempt prints the same.
	Now time.Time
	// MaxOutput bounds the rendering in bytes; 0 means 64 MB.
	MaxOutput int
	// Work, if set, is what this rendering and all others with the same pointer may take together, in nanoseconds or so. Each
	// takes off what it took. One rendering never takes more than a second.
	Work *int
	// Printed, if set, may rewrite every printed value, which is out[from:], where it stands; it
	// returns the whole of out. Text of the template does not pass through it.
	Printed func(out []byte, from int) []byte
}

// Compile translates a template. The error is an [*Error] of kind [Syntax].
func Compile(src string) (*Template, error) {
	p := &parser{src: src, slots: map[string]int{}}
	t := &Template{src: src}
	if len(src) > maxSource {
		return nil, p.fail(0, "template is larger than 32 MB")
	}
	t.mode = p.leadingMode()
	nodes, err := p.template()
	if err != nil {
		return nil, err
	}
	t.nodes, t.names = nodes, p.names
	return t, nil
}

// Static reports whether the template holds no tag at all, so that it always renders as its source.
func (t *Template) Static() bool {
	if len(t.nodes) == 0 {
		return t.src == ""
	}
	only, ok := t.nodes[0].(textNode)
	return ok && len(only) == len(t.src)
}

// Append renders the template behind dst. The error is an [*Error] of kind [Runtime]; what was
// rendered until then is in the result also in that case.
func (t *Template) Append(dst []byte, env *Env) ([]byte, error) {
	if t.Static() {
		return append(dst, t.src...), nil
	}
	s := t.begin(dst, env)
	err := s.run(t.nodes)
	return s.end(), err
}

// Render is [Template.Append] for a text of its own.
func (t *Template) Render(env *Env) (string, error) {
	out, err := t.Append(nil, env)
	if err != nil {
		return "", err
	}
	return string(out), nil
}
