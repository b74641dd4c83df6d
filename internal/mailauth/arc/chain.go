package arc

import (
	"fmt"
	"strconv"
	"strings"

	"posthoorn/internal/mailauth/dkim"
	"posthoorn/internal/mime"
)

// Which field of a set.
const (
	results = iota
	message
	seal
)

var names = [...]string{
	results: "arc-authentication-results",
	message: "arc-message-signature",
	seal:    "arc-seal",
}

// set is what one handler added.
type set struct {
	fields  [len(names)]*mime.Field
	message *dkim.Signature
	seal    *dkim.Signature
}

// chain are the sets in their order: that of instance 1 first.
type chain []set

// collect finds the sets of a message; bad says why they are no chain: one field of each kind for every instance from 1 on (RFC 8617
// section 5.2, steps 1 and 3).
func collect(s *dkim.Signed) (c chain, bad string) {
	for kind, name := range names {
		list := s.Fields(name)
		switch {
		case len(list) > MaxSets:
			return nil, fmt.Sprintf("it has more than %d sets", MaxSets)
		case kind == 0:
			c = make(chain, len(list))
		case len(list) != len(c):
			return nil, "a set is not whole"
		}
		for _, f := range list {
			if bad := c.add(kind, f); bad != "" {
				return nil, bad
			}
		}
	}
	return c, c.read()
}

// add puts a field into its set.
func (c chain) add(kind int, f *mime.Field) (bad string) {
	i := instance(f.Value)
	switch {
	case i == 0:
		return "a field has no instance (i=)"
	case i > len(c):
		return "a set is missing"
	case c[i-1].fields[kind] != nil:
		return "a set is there twice"
	}
	c[i-1].fields[kind] = f
	return ""
}

// instance is the number of the set that a field belongs to; 0: it has none. The tag may stand anywhere in a signature, and stands in
// front of results.
func instance(value []byte) int {
	for tag := range strings.SplitSeq(string(value), ";") {
		name, text, ok := strings.Cut(tag, "=")
		if !ok || strings.TrimSpace(name) != "i" {
			continue
		}
		n, err := strconv.ParseUint(strings.TrimSpace(text), 10, 8)
		if err != nil || n > MaxSets {
			return 0
		}
		return int(n)
	}
	return 0
}

// read reads the signatures of all sets.
func (c chain) read() (bad string) {
	for i := range c {
		var why string
		if c[i].message, why = dkim.ParseARCMessage(c[i].fields[message]); why != "" {
			return fmt.Sprintf("the ARC-Message-Signature of set %d: %s", i+1, why)
		}
		if c[i].message.Covers(names[seal]) {
			return fmt.Sprintf("the ARC-Message-Signature of set %d covers seals", i+1)
		}
		if c[i].seal, why = dkim.ParseARCSeal(c[i].fields[seal]); why != "" {
			return fmt.Sprintf("the seal of set %d: %s", i+1, why)
		}
	}
	return ""
}
