package dmarc

import (
	"context"
	"strings"

	"posthoorn/internal/mailauth/lookup"
)

// maxLabels is how many labels the second name of a walk has at most, so that a walk has at most eight queries (RFC 9989
// section 4.10).
const maxLabels = 7

// walker asks for records. What it has heard it does not ask again.
type walker struct {
	dns   lookup.TXT
	known map[string]*Record // by domain; nil: it has none
}

// step is one name of a walk that has a record.
type step struct {
	domain string
	record *Record
}

// walk is the DNS Tree Walk of RFC 9989 section 4.10: the names from domain upwards that have a record.
func (w *walker) walk(ctx context.Context, domain string) (steps []step, err error) {
	for name := domain; name != ""; name = parent(name) {
		r, err := w.record(ctx, name)
		if err != nil {
			return nil, err
		}
		if r == nil {
			continue
		}
		steps = append(steps, step{name, r})
		if r.Suffix == 'n' || r.Suffix == 'y' && name != domain {
			break
		}
	}
	return steps, nil
}

// parent is the next name of a walk; empty: there is none.
func parent(name string) string {
	_, name, _ = strings.Cut(name, ".")
	for strings.Count(name, ".") >= maxLabels {
		_, name, _ = strings.Cut(name, ".")
	}
	return name
}

// record is the DMARC record of a domain. Several are none.
func (w *walker) record(ctx context.Context, domain string) (*Record, error) {
	if r, ok := w.known[domain]; ok {
		return r, nil
	}
	list, err := w.dns.TXT(ctx, "_dmarc."+domain)
	if err != nil && lookup.Temporary(err) {
		return nil, err
	}
	var found *Record
	count := 0
	for _, txt := range list {
		if r, ok := ParseRecord(txt); ok {
			found = &r
			count++
		}
	}
	if count > 1 {
		found = nil
	}
	w.known[domain] = found
	return found, nil
}

// organizational is the organisational domain of the domain that a walk began with (RFC 9989 section 4.10.2).
func organizational(domain string, steps []step) string {
	for _, s := range steps {
		switch {
		case s.record.Suffix == 'n':
			return s.domain
		case s.record.Suffix == 'y' && s.domain != domain:
			return oneBelow(domain, s.domain)
		}
	}
	if len(steps) > 0 {
		return steps[len(steps)-1].domain
	}
	return domain
}

// oneBelow is the name one label below suffix on the way to domain.
func oneBelow(domain, suffix string) string {
	rest := strings.TrimSuffix(domain, "."+suffix)
	return rest[strings.LastIndexByte(rest, '.')+1:] + "." + suffix
}
