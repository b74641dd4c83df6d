package dkim

import (
	"slices"

	"posthoorn/internal/mime"
)

// usual are the fields that are signed where they are: those of RFC 6376 section 5.4.1 and the ones that receivers expect today
// (RFC 8058 for List-Unsubscribe-Post).
var usual = []string{
	"from", "sender", "reply-to", "to", "cc", "subject", "date", "message-id", "in-reply-to", "references",
	"mime-version", "content-type", "content-transfer-encoding",
	"resent-date", "resent-from", "resent-sender", "resent-to", "resent-cc", "resent-message-id",
	"list-id", "list-help", "list-unsubscribe", "list-unsubscribe-post", "list-subscribe", "list-post", "list-owner", "list-archive",
}

// guarded are listed once more than they are there, so that nobody can add a second one that a reader would show (RFC 6376
// section 8.15). No honest server adds a second one.
var guarded = []string{"from", "reply-to", "to", "cc", "subject", "date"}

// unstable are added or taken away by every server on the way: a signature over them would not last (RFC 6376 section 5.4).
var unstable = []string{"return-path", "received", "dkim-signature", "authentication-results", "bcc"}

// selection is what a signature covers: the names of h= and the fields they stand for, in the same order. A name without a field
// is one that must not be there.
type selection struct {
	names  []string
	fields []*mime.Field // nil: none
}

// choose selects what k signs. Of repeated fields the last comes first (RFC 6376 section 5.4.2). From is in any case listed
// (section 5.4).
func choose(header *mime.Header, k *Key) selection {
	s := selection{names: make([]string, 0, 32), fields: make([]*mime.Field, 0, 32)}
	for _, name := range usual {
		s.add(header, name, k.oversign || slices.Contains(guarded, name))
	}
	for _, name := range k.extra {
		s.add(header, name, k.oversign)
	}
	return s
}

func (s *selection) add(header *mime.Header, name string, guard bool) {
	before := len(s.names)
	for i := len(header.Fields) - 1; i >= 0; i-- {
		if f := &header.Fields[i]; f.Is(name) {
			s.names, s.fields = append(s.names, name), append(s.fields, f)
		}
	}
	if guard && len(s.names) > before || name == "from" {
		s.names, s.fields = append(s.names, name), append(s.fields, nil)
	}
}
