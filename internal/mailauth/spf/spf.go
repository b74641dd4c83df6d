// Package spf says whether a client may send mail of a domain (RFC 7208): at most 10 lookups, 2 of them void, 10 names of an MX or
// PTR answer. A DNS failure is temperror.
//
// The records are read by blitiri.com.ar/go/spf. It is laxer than the RFC in corners, none of which turns a fail of a correct
// record into a pass: errors behind the term that matches are not seen, names in a record are hardly checked, exp= is not fetched,
// and names with a slash are refused.
package spf

import (
	"context"
	"net/netip"
	"strings"
	"time"

	blitiri "blitiri.com.ar/go/spf"

	"posthoorn/internal/mail"
	"posthoorn/internal/mailauth/authres"
	"posthoorn/internal/mailauth/lookup"
)

// Query is what a client said of itself.
type Query struct {
	Remote netip.Addr
	Hello  string       // what it called itself in EHLO or HELO
	From   mail.Address // MAIL FROM; zero: <>, and then the name in EHLO is checked (RFC 7208 section 2.4)
}

// Verdict is the answer.
type Verdict struct {
	Result authres.Result
	Reason string // for people; empty when there is nothing to say
	Domain string // that was checked, as A-labels; empty: there was none
	Sender string // the address that was checked: postmaster@ the name in EHLO for <>
	Hello  bool   // the name in EHLO was checked
}

// Limits of RFC 7208 sections 4.6.4 and 11.1, and of time.
const (
	maxLookups = 10
	maxVoid    = 2
	timeLimit  = 20 * time.Second
)

// Check answers a query.
func Check(ctx context.Context, dns lookup.DNS, q Query) Verdict {
	v := verdictOn(q)
	if v.Domain == "" {
		v.Result, v.Reason = authres.None, "there is no domain to check"
		return v
	}
	ctx, cancel := context.WithTimeout(ctx, timeLimit)
	defer cancel()
	result, err := blitiri.CheckHostWithSender(q.Remote.Unmap().AsSlice(), q.Hello, q.asciiSender(v),
		blitiri.WithContext(ctx), blitiri.WithResolver(adapter{dns}),
		blitiri.OverrideLookupLimit(maxLookups), blitiri.OverrideVoidLookupLimit(maxVoid))
	v.Result = authres.Result(result)
	switch v.Result {
	case authres.TempError:
		v.Reason = "the DNS gives no answer now"
	case authres.PermError:
		v.Reason = "the SPF record cannot be used: " + err.Error()
	case authres.None:
		v.Reason = "the domain has no SPF record"
	}
	return v
}

// verdictOn chooses the identity. Only a full domain name can be checked (RFC 7208 sections 2.3 and 4.3).
func verdictOn(q Query) Verdict {
	v := Verdict{Domain: q.From.ASCIIDomain(), Sender: q.From.String()}
	if q.From.IsZero() {
		_, v.Domain, _ = mail.ParseDomain(strings.TrimSuffix(q.Hello, "."))
		v.Sender, v.Hello = "postmaster@"+v.Domain, true
	}
	if strings.HasPrefix(v.Domain, "[") || !strings.Contains(v.Domain, ".") {
		v.Domain = ""
		if v.Hello {
			v.Sender = ""
		}
	}
	return v
}

// asciiSender is the sender for macros, and for its domain: the library takes all behind the first @ for that.
func (q Query) asciiSender(v Verdict) string {
	if v.Hello {
		return v.Sender
	}
	return strings.ReplaceAll(q.From.Local, "@", "=") + "@" + v.Domain
}
