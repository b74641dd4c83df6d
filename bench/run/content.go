package main

import (
	"fmt"
	"strconv"
	"strings"
)

// content is what the messages of a row are. In its texts place stands where the number of the message belongs.
type content struct {
	source string         // MIME, as SMTP brings it and the message store keeps it; empty: the JSON says how to make it
	json   string         // members of the JSON message: its mime or key, and what is to be done with it
	signed bool           // the JSON brings keys
	stored bool           // the source is in the message store, under the key of the JSON
	proof  map[string]int // how often these texts stand in a message that has arrived, each in one piece
}

// place is no text of a message.
const place = "@N@"

func numbered(text string, id int) string { return strings.ReplaceAll(text, place, strconv.Itoa(id)) }

// keyOf is where the store has the source of a message.
func keyOf(id string) string { return "bench-" + id }

// check looks at one of the messages that have arrived, so that a row which did only half of the work does not count.
func (c content) check(arrived string) error {
	header, body, _ := strings.Cut(arrived, "\r\n\r\n")
	text := "\r\n" + header + strings.NewReplacer("=\r\n", "", "=3D", "=").Replace(body) // quoted-printable
	for want, n := range c.proof {
		if got := strings.Count(text, want); got != n {
			return fmt.Errorf("a message at the sink has %q %d times instead of %d", want, got, n)
		}
	}
	return nil
}
