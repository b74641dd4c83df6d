// Package dmarc says whether the author of a mail, the domain in its From field, stands behind it (RFC 9989): whether SPF or DKIM
// has passed for a domain that is aligned with it, and what its owner asks for if not. Where a domain ends is found by walking the
// DNS tree, at most eight queries for each domain.
package dmarc

import (
	"context"
	"strings"

	"posthoorn/internal/mailauth/authres"
	"posthoorn/internal/mailauth/lookup"
)

// Mail is what the checks before found. Domains are A-labels in lower case.
type Mail struct {
	From Author
	SPF  Identifier // of MAIL FROM
	DKIM []Identifier
}

// Identifier is a domain with what a check said of it.
type Identifier struct {
	Domain string
	Result authres.Result
}

// Verdict is the outcome.
type Verdict struct {
	Result         authres.Result // pass, fail, none, temperror or permerror
	Reason         string         // for people; empty when there is nothing to say
	Domain         string         // of From; empty: there was none to check
	Organizational string         // the organisational domain of it, where it was looked for
	Policy         Disposition    // what the owner asks for mail that fails; zero: there is no record
	Record         *Record        // the one that applies; nil: none
	RecordDomain   string         // of which Record is
	Aligned        string         // the domain that passed and is aligned
}

// Applied is what the owner asks for this mail: none unless it fails, and none while the policy is being tested (t=y).
func (v *Verdict) Applied() Disposition {
	if v.Result != authres.Fail || v.Record == nil || v.Record.Testing {
		return None
	}
	return v.Policy
}

// Check finds the policy of the author and looks for a domain that passed and is aligned.
func Check(ctx context.Context, dns lookup.TXT, m Mail) Verdict {
	if m.From.Domain == "" {
		return Verdict{Result: m.From.result, Reason: m.From.reason}
	}
	c := &check{walker: walker{dns, map[string]*Record{}}, mail: m}
	c.Domain = m.From.Domain
	if err := c.discover(ctx); err != nil {
		c.Result, c.Reason = authres.TempError, "its policy could not be looked up"
		return c.Verdict
	}
	switch {
	case c.Record == nil:
		c.Result, c.Reason = authres.None, "the domain has no DMARC record"
	case c.Record.Broken:
		c.Result, c.Reason, c.Policy = authres.PermError, "the policy in its DMARC record cannot be understood", ""
	default:
		c.align(ctx)
	}
	return c.Verdict
}

// check is one mail while it is checked.
type check struct {
	walker
	Verdict
	mail Mail
}

// discover finds the record that applies: of the author's domain, of its organisational domain, or of the public suffix above (RFC
// 9989 section 4.10.1).
func (c *check) discover(ctx context.Context) error {
	steps, err := c.walk(ctx, c.Domain)
	if err != nil {
		return err
	}
	c.Organizational = organizational(c.Domain, steps)
	s := applicable(c.Domain, c.Organizational, steps)
	if s == nil {
		return nil
	}
	c.Record, c.RecordDomain, c.Policy = s.record, s.domain, s.record.Policy
	if s.domain == c.Domain {
		return nil
	}
	exists, err := c.exists(ctx)
	c.Policy = s.record.below(exists)
	return err
}

func applicable(domain, organizational string, steps []step) *step {
	var suffix *step
	for i := range steps {
		switch s := &steps[i]; {
		case s.domain == domain, s.domain == organizational:
			return s
		case s.record.Suffix == 'y':
			suffix = s
		}
	}
	return suffix
}

// exists says that the author's domain is there: the DNS does not deny its name (RFC 9989 section 3.2, RFC 8020).
func (c *check) exists(ctx context.Context) (bool, error) {
	_, err := c.dns.TXT(ctx, c.Domain)
	if err != nil && lookup.Temporary(err) {
		return true, err
	}
	return err == nil, nil
}

// align looks for a domain that passed and is aligned. While one that could be is not known the mail has not failed.
func (c *check) align(ctx context.Context) {
	unknown := false
	try := func(id Identifier, strict bool) bool {
		if id.Result != authres.Pass && id.Result != authres.TempError {
			return false
		}
		aligned, err := c.aligned(ctx, id.Domain, strict)
		unknown = unknown || err != nil || aligned && id.Result == authres.TempError
		if !aligned || id.Result != authres.Pass {
			return false
		}
		c.Result, c.Aligned = authres.Pass, id.Domain
		return true
	}
	for _, id := range c.mail.DKIM {
		if try(id, c.Record.StrictDKIM) {
			return
		}
	}
	switch {
	case try(c.mail.SPF, c.Record.StrictSPF):
	case unknown:
		c.Result, c.Reason = authres.TempError, "whether it passes could not be found out"
	default:
		c.Result, c.Reason = authres.Fail, "neither SPF nor DKIM passed for an aligned domain"
	}
}

// aligned compares a domain with the author's: the same or, relaxed, of the same organisation (RFC 9989 section 4.4). Only a domain
// within that needs a walk.
func (c *check) aligned(ctx context.Context, domain string, strict bool) (bool, error) {
	switch {
	case domain == c.Domain:
		return true, nil
	case strict, domain == "", domain != c.Organizational && !strings.HasSuffix(domain, "."+c.Organizational):
		return false, nil
	}
	steps, err := c.walk(ctx, domain)
	return err == nil && organizational(domain, steps) == c.Organizational, err
}
