package store

import "fmt"

// Policy says which messages are put into the store before they are published (storage.md section 3).
type Policy uint8

// The policies. None still fetches.
const (
	All  Policy = iota // everything
	In                 // incoming mail alone
	Out                // rescheduled mail alone
	None               // nothing
)

var policies = [...]string{All: "all", In: "in", Out: "out", None: "none"}

// ParsePolicy reads all, in, out or none.
func ParsePolicy(word string) (Policy, error) {
	for p, name := range policies {
		if word == name {
			return Policy(p), nil
		}
	}
	return All, fmt.Errorf("storage policy %q is none of all, in, out, none", word)
}

// String is the word.
func (p Policy) String() string { return policies[p] }

// Incoming says that mail which comes in is stored, before it goes to the inbox, local, reports or refused queue.
func (p Policy) Incoming() bool { return p == All || p == In }

// Outgoing says that mail which is rescheduled is stored. What has a key already keeps it and is not stored again.
func (p Policy) Outgoing() bool { return p == All || p == Out }
