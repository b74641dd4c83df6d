package config

import (
	"cmp"
	"slices"
)

// builder is the state of one Load.
type builder struct {
	cmd      *Command
	src      Source
	cfg      *Config
	compat   bool // the default file in use is that of the original
	set      map[string]setting
	value    map[string]any
	problems []Problem
	warnings []Warning
}

func newBuilder(cmd *Command, src Source) *builder {
	return &builder{cmd: cmd, src: src, cfg: &Config{}, set: map[string]setting{}, value: map[string]any{}}
}

func (b *builder) problem(p Problem) { b.problems = append(b.problems, p) }

func (b *builder) warn(where Where, key, text string) {
	b.warnings = append(b.warnings, Warning{where, key, text})
}

// wrong reports a cross-check about a key that is set, at its place.
func (b *builder) wrong(name, reason, allowed string) {
	s := b.set[name]
	key, _ := lookup(name)
	written := cmp.Or(s.key, name)
	b.problem(Problem{Where: s.where, Key: written, Value: key.Show(s.value), Reason: reason, Allowed: allowed})
}

// warnKey warns about a key at its place.
func (b *builder) warnKey(name, text string) {
	s := b.set[name]
	b.warn(s.where, cmp.Or(s.key, name), text)
}

// isSet says that a layer sets the key, perhaps to an empty value.
func (b *builder) isSet(name string) bool {
	_, ok := b.set[name]
	return ok
}

// isGiven says that a layer sets the key to something.
func (b *builder) isGiven(name string) bool { return b.set[name].value != "" }

// parseAll fills b.value with the value of every active key that has one.
func (b *builder) parseAll() {
	for _, key := range Keys() {
		s, set := b.set[key.Name]
		raw := s.value
		if !set || raw == "" && !key.Type.empty && !key.Empty {
			raw = key.Default
		}
		if raw == "" && !key.Type.empty {
			continue
		}
		v, err := key.Type.parse(raw)
		if err != nil {
			b.problem(Problem{Where: s.where, Key: cmp.Or(s.key, key.Name), Value: key.Show(raw), Reason: err.Error(), Allowed: key.Type.Allowed})
			continue
		}
		b.value[key.Name] = v
	}
}

// get returns a value; the zero one for a key that has none.
func get[T any](b *builder, name string) T {
	v, _ := b.value[name].(T)
	return v
}

// isFalse says that a bool is false, and not merely wrong.
func (b *builder) isFalse(name string) bool {
	v, ok := b.value[name].(bool)
	return ok && !v
}

// text returns a value of the types text, path, name, word and host.
func (b *builder) text(name string) string { return get[string](b, name) }

// Opt is a value that may have been left to another source, such as resolv.conf.
type Opt[T any] struct {
	Value T    // the default when Set is false
	Set   bool // the configuration gives it
}

func optional[T any](b *builder, name string) Opt[T] {
	return Opt[T]{get[T](b, name), b.isGiven(name)}
}

// warnAboutKeys adds the warnings that every set key of a kind gets, in the order of the table.
func (b *builder) warnAboutKeys() {
	for _, key := range Keys() {
		s, ok := b.set[key.Name]
		switch {
		case !ok:
		case key.Use == OldNames:
			b.warn(s.where, s.key, "a key of 3.0: "+key.Note)
		case key.Use == Warned:
			b.warn(s.where, s.key, key.Note)
		case key.Use == Active && !key.Built:
			b.warn(s.where, s.key, "not built yet, has no effect")
		case s.key == "max-deliver-time":
			b.warn(s.where, s.key, "a key of 3.0: it is max-delivertime now")
		}
	}
	slices.SortStableFunc(b.warnings, func(x, y Warning) int { return cmp.Compare(x.Where.Layer, y.Where.Layer) })
}
