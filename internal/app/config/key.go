package config

import (
	"slices"
	"strings"
)

// Use says what a key is good for.
type Use int

// Uses of a key.
const (
	Active   Use = iota
	Ignored      // accepted, has no effect and needs none
	Warned       // recognised, has no effect, and Note says what to do instead
	OldNames     // of 3.0: as Warned, but rabbitmq-host and its like build an address (config.md section 4)
)

// Key describes one key of the configuration. The table of all is Keys.
type Key struct {
	Name    string
	Area    string // heading of the manual
	Type    Type
	Default string // as it would be written in a file
	Absent  string // what counts when no layer sets the key and that cannot be written down; empty: Default
	Since   string // version that names it first; "ours" when no version of the original has it
	Aliases []string
	Secret  bool // the value as a whole must never be shown; addresses with a password in them have it in their Type
	Empty   bool // an empty value has a meaning of its own, although the type has none
	Built   bool // false: the feature does not exist yet, setting the key has no effect (a warning says so)
	Use     Use
	Note    string // for Warned and OldNames: the warning
	Help    string
}

// Show returns a value of the key as it may be printed.
func (k Key) Show(raw string) string {
	switch {
	case k.Secret:
		return maskAll(raw)
	case k.Type.mask != nil:
		return k.Type.mask(raw)
	}
	return raw
}

// Keys returns the description of every key, in the order of the manual. The slice is the caller's.
func Keys() []Key {
	keys := slices.Concat(
		rabbitKeys(), stateKeys(), clusterKeys(), databaseKeys(), storageKeys(),
		logKeys(), smtpInKeys(), deliveryKeys(), dnsKeys(), dsnKeys(), spoolKeys(), consoleKeys(),
		relayKeys(), downloadKeys(), generalKeys(), oldKeys(),
	)
	for i := range keys {
		keys[i].Built = isBuilt(keys[i].Name)
	}
	return keys
}

// index finds keys by name and alias. It is filled once and never changed.
var index = func() map[string]Key {
	byName := map[string]Key{}
	for _, k := range Keys() {
		byName[k.Name] = k
		for _, a := range k.Aliases {
			byName[a] = k
		}
	}
	return byName
}()

// lookup finds a key by its name or an alias, lower case.
func lookup(name string) (Key, bool) {
	k, ok := index[name]
	return k, ok
}

func unknownKey(name string) string {
	text := "no such key, it is ignored"
	if near := nearest(name, keyNames()); near != "" {
		text += "; did you mean " + near + "?"
	}
	return text
}

func keyNames() []string {
	names := make([]string, 0, len(index))
	for name := range index {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// nearest returns the candidate that a typing error away from name, or nothing.
func nearest(name string, candidates []string) string {
	if len(name) > 100 {
		return ""
	}
	name = strings.ReplaceAll(name, "_", "-")
	best, limit := "", min(3, (len(name)+2)/4)
	for _, c := range candidates {
		if d := distance(name, c); d <= limit {
			best, limit = c, d-1
		}
	}
	return best
}

// distance counts the letters to add, drop, change or swap with a neighbour between a and b.
func distance(a, b string) int {
	before, last, row := []int(nil), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, make([]int, len(b)+1)
	}
	return last[len(b)]
}
