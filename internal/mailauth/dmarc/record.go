package dmarc

import (
	"net/url"
	"strings"
)

// Disposition is what the owner of a domain asks for mail that fails.
type Disposition string

// The dispositions. The zero value is one that is not said.
const (
	None       Disposition = "none"
	Quarantine Disposition = "quarantine"
	Reject     Disposition = "reject"
)

// Record is a DMARC record (RFC 9989 section 4.7).
type Record struct {
	Policy      Disposition // p=
	Subdomains  Disposition // sp=; zero: as Policy
	Nonexistent Disposition // np=; zero: as Subdomains
	StrictDKIM  bool        // adkim=s
	StrictSPF   bool        // aspf=s
	Testing     bool        // t=y: the policy is not to be applied
	Suffix      byte        // psd=: 'y', 'n' or 'u'
	Reports     []string    // rua=: where aggregate reports are to go
	Failures    []string    // ruf=: where failure reports are to go
	FailureWhen string      // fo=

	// Broken: a policy is there that cannot be understood, and nobody to be told of it: DMARC is not applied.
	Broken bool
}

// Limits of a record.
const (
	maxText = 8 << 10 // bytes
	maxURIs = 20
)

// ParseRecord reads a TXT record; false: it is none of DMARC1. Tags that are unknown or cannot be understood are passed over, of
// repeated ones the first counts. A missing p= is none; a policy that cannot be understood too if rua= is there (RFC 9989
// section 4.7).
func ParseRecord(txt string) (Record, bool) {
	version, rest, _ := strings.Cut(txt, ";")
	name, value, _ := strings.Cut(version, "=")
	if len(txt) > maxText || trimmed(name) != "v" || trimmed(value) != "DMARC1" {
		return Record{}, false
	}
	tags := map[string]string{}
	for part := range strings.SplitSeq(rest, ";") {
		name, value, ok := strings.Cut(part, "=")
		name = strings.ToLower(trimmed(name))
		if _, again := tags[name]; ok && !again {
			tags[name] = trimmed(value)
		}
	}
	return recordOf(tags), true
}

func recordOf(tags map[string]string) Record {
	lower := func(name string) string { return strings.ToLower(tags[name]) }
	r := Record{
		StrictDKIM: lower("adkim") == "s", StrictSPF: lower("aspf") == "s", Testing: lower("t") == "y", Suffix: 'u',
		Reports: uris(tags["rua"]), Failures: uris(tags["ruf"]), FailureWhen: lower("fo"),
	}
	if s := lower("psd"); s == "y" || s == "n" {
		r.Suffix = s[0]
	}
	broken := false
	for name, to := range map[string]*Disposition{"p": &r.Policy, "sp": &r.Subdomains, "np": &r.Nonexistent} {
		if _, ok := tags[name]; !ok {
			continue
		}
		switch d := Disposition(lower(name)); d {
		case None, Quarantine, Reject:
			*to = d
		default:
			broken = true
		}
	}
	if broken {
		r.Policy, r.Subdomains, r.Nonexistent, r.Broken = None, "", "", len(r.Reports) == 0
	}
	if r.Policy == "" {
		r.Policy = None
	}
	return r
}

// uris reads a list of URIs. The size behind an exclamation mark was of RFC 7489.
func uris(list string) (found []string) {
	for one := range strings.SplitSeq(list, ",") {
		one, _, _ = strings.Cut(trimmed(one), "!")
		if u, err := url.Parse(one); err == nil && u.Scheme != "" && u.Opaque+u.Host != "" && len(found) < maxURIs {
			found = append(found, one)
		}
	}
	return found
}

func trimmed(s string) string { return strings.Trim(s, " \t\r\n") }

// below is the policy for a name under the one that the record is of.
func (r *Record) below(exists bool) Disposition {
	switch {
	case !exists && r.Nonexistent != "":
		return r.Nonexistent
	case r.Subdomains != "":
		return r.Subdomains
	}
	return r.Policy
}
