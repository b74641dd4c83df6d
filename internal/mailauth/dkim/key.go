package dkim

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"posthoorn/internal/mail"
	"posthoorn/internal/mime"
)

// Spec is a key as somebody wrote it down: in the dkim property of a message or in a row of dkim_keys.
type Spec struct {
	Domain, Selector string
	Private          string    // PEM (PKCS #1 or PKCS #8), or its base64 without armour
	Expire           time.Time // zero: never
	Headers          []string  // names of fields to sign besides the usual ones
	Report           bool      // ask for failure reports (RFC 6651)
	Oversign         bool      // list every signed name once more
	Priority         int       // the signature with the lowest stands on top
	Canonicalization string    // header/body; empty: relaxed/simple
	Algorithm        string    // what the sender asks for; the kind of the key decides
	Protocols        []string  // empty: dkim
}

// DKIM says that the key is meant for DKIM signatures. One for ARC alone is not.
func (s *Spec) DKIM() bool {
	return len(s.Protocols) == 0 || slices.ContainsFunc(s.Protocols, func(p string) bool { return is(p, "dkim") })
}

// Key is a key that can sign.
type Key struct {
	Domain, Selector string // A-labels in lower case
	Expire           time.Time
	Priority         int

	form     form
	extra    []string // names in lower case
	report   bool
	oversign bool
	private  *private
}

// Algorithm is the value of a=.
func (k *Key) Algorithm() string { return k.private.algorithm() }

// Expired says that the key is not to be used any more.
func (k *Key) Expired(now time.Time) bool { return !k.Expire.IsZero() && k.Expire.Unix() <= now.Unix() }

// same says that two keys would make the same signature.
func (k *Key) same(other *Key) bool {
	return k.Domain == other.Domain && k.Selector == other.Selector && k.private.equal(other.private)
}

// KeyError says why a key cannot be used. It names the key and shows nothing of it.
type KeyError struct {
	Domain, Selector string
	Reason           string
}

func (e *KeyError) Error() string {
	if e.Domain == "" && e.Selector == "" {
		return "DKIM key: " + e.Reason
	}
	return fmt.Sprintf("DKIM key %.100q of domain %.255q: %s", e.Selector, e.Domain, e.Reason)
}

// form is the canonicalisation (RFC 6376 section 3.4). The zero value is relaxed/simple, the default of message-json.md.
type form struct{ simpleHeader, relaxedBody bool }

func (f form) String() string {
	header, body := "relaxed", "simple"
	if f.simpleHeader {
		header = "simple"
	}
	if f.relaxedBody {
		body = "relaxed"
	}
	return header + "/" + body
}

// parseForm reads header/body; a header alone means a simple body (RFC 6376 section 3.5).
func parseForm(s string) (f form, ok bool) {
	if strings.TrimSpace(s) == "" {
		return form{}, true
	}
	header, body, _ := strings.Cut(s, "/")
	f = form{simpleHeader: is(header, "simple"), relaxedBody: is(body, "relaxed")}
	ok = (f.simpleHeader || is(header, "relaxed")) && (f.relaxedBody || is(body, "simple") || body == "")
	if !ok {
		return form{}, false
	}
	return f, true
}

// is compares a word without regard to case and white space around it.
func is(s, word string) bool { return strings.EqualFold(strings.TrimSpace(s), word) }

// Limits of what a Spec may hold.
const (
	maxExtra = 100
	maxName  = 100 // bytes
)

// key checks all but the private key. What cannot be done as asked, but can be left out, is a warning.
func (s *Spec) key() (k *Key, warnings []string, err *KeyError) {
	bad := func(reason string) (*Key, []string, *KeyError) {
		return nil, warnings, &KeyError{Domain: s.Domain, Selector: s.Selector, Reason: reason}
	}
	k = &Key{Expire: s.Expire, Priority: s.Priority, report: s.Report, oversign: s.Oversign}
	var ok bool
	if k.Domain, ok = hostname(s.Domain); !ok {
		return bad("the domain is missing or is none")
	}
	if k.Selector, ok = hostname(s.Selector); !ok {
		return bad("the selector is missing or is none (letters, digits, hyphens, dots)")
	}
	if k.form, ok = parseForm(s.Canonicalization); !ok {
		warnings = append(warnings, fmt.Sprintf("canonicalization %.40q is unknown: relaxed/simple is used", s.Canonicalization))
	}
	if a := strings.ReplaceAll(strings.ToLower(strings.TrimSpace(s.Algorithm)), "-", ""); a != "" && !strings.HasSuffix(a, "sha256") {
		warnings = append(warnings, fmt.Sprintf("algorithm %.40q is not used: sha256 is used", s.Algorithm))
	}
	for _, name := range s.Headers {
		if why := k.addExtra(strings.ToLower(strings.TrimSpace(name))); why != "" {
			warnings = append(warnings, fmt.Sprintf("header %.40q is not signed: %s", name, why))
		}
	}
	return k, warnings, nil
}

// hostname is a name for the DNS, as A-labels in lower case.
func hostname(s string) (string, bool) {
	s = strings.TrimSuffix(strings.TrimSpace(s), ".")
	_, ascii, err := mail.ParseDomain(s)
	return ascii, err == nil && ascii[0] != '['
}

// addExtra takes one more name to sign; the answer is why not.
func (k *Key) addExtra(name string) string {
	switch {
	case name == "" || slices.Contains(k.extra, name) || slices.Contains(usual, name):
		return ""
	case len(name) > maxName || !isFieldName(name):
		return "that is no name of a header"
	case slices.Contains(unstable, name):
		return "others change or add it on the way"
	case len(k.extra) == maxExtra:
		return "too many"
	}
	k.extra = append(k.extra, name)
	return ""
}

// isFieldName takes ftext of RFC 5322 without the two signs that end a name in h=.
func isFieldName(s string) bool {
	for i := 0; i < len(s); i++ {
		if c := s[i]; c <= ' ' || c >= 0x7f || c == ':' || c == ';' {
			return false
		}
	}
	return s != ""
}

// FromDomain is the domain of the first address in the From field, as A-labels in lower case; empty: there is none.
func FromDomain(source []byte) string {
	header, err := mime.ParseHeader(source)
	if err != nil {
		return ""
	}
	for i := range header.Fields {
		if f := &header.Fields[i]; f.Is("from") {
			return domainOf(mime.Addresses(f.Value))
		}
	}
	return ""
}

func domainOf(addresses []string) string {
	for _, a := range addresses {
		if at := strings.LastIndexByte(a, '@'); at >= 0 {
			if _, ascii, err := mail.ParseDomain(a[at+1:]); err == nil {
				return ascii
			}
		}
	}
	return ""
}
