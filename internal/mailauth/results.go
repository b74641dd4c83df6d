package mailauth

import (
	"strings"

	"posthoorn/internal/mailauth/authres"
	"posthoorn/internal/mailauth/dkim"
)

// Results is the text of an Authentication-Results field behind the authserv-id and its semicolon, folded (RFC 8601). Empty: no
// check is wanted that it tells of; there is no method for spam.
func (f *Findings) Results() string {
	list := f.findings()
	if len(list) == 0 {
		return ""
	}
	return string(authres.Append(nil, list))
}

func (f *Findings) findings() (list []authres.Finding) {
	if f.checks.SPF {
		list = append(list, f.spfFinding())
	}
	if f.checks.DKIM {
		list = append(list, f.dkimFindings()...)
	}
	if f.checks.DMARC {
		list = append(list, authres.Finding{Method: "dmarc", Result: f.DMARC.Result, Reason: f.DMARC.Reason, About: []authres.Property{
			{Name: "policy.dmarc", Value: f.appliedPolicy()}, {Name: "header.from", Value: f.DMARC.Domain}}})
	}
	if f.checks.ARC {
		list = append(list, authres.Finding{Method: "arc", Result: f.ARC.Result, Reason: f.ARC.Reason})
	}
	return list
}

// spfFinding names the identity that was checked (RFC 8601 section 2.7.2), its domain in A-labels: the field may go where UTF-8
// may not.
func (f *Findings) spfFinding() authres.Finding {
	about := authres.Property{Name: "smtp.mailfrom", Value: f.SPF.Sender}
	switch local := f.SPF.Sender[:strings.LastIndexByte(f.SPF.Sender, '@')+1]; {
	case f.SPF.Domain == "":
	case !f.SPF.Hello:
		about.Value = local + f.SPF.Domain
	default:
		about = authres.Property{Name: "smtp.helo", Value: f.SPF.Domain}
	}
	return authres.Finding{Method: "spf", Result: f.SPF.Result, Reason: f.SPF.Reason, About: []authres.Property{about}}
}

func (f *Findings) dkimFindings() (list []authres.Finding) {
	if len(f.DKIM) == 0 {
		return []authres.Finding{{Method: "dkim", Result: authres.None}}
	}
	for i, v := range f.DKIM {
		list = append(list, authres.Finding{Method: "dkim", Result: v.Result, Reason: v.Reason, About: []authres.Property{
			{Name: "header.d", Value: v.Domain}, {Name: "header.s", Value: v.Selector}, {Name: "header.i", Value: v.Identity},
			{Name: "header.a", Value: v.Algorithm}, {Name: "header.b", Value: brief(f.DKIM, i)}}})
	}
	return list
}

// appliedPolicy is what the owner asks for this mail; empty: there is no policy.
func (f *Findings) appliedPolicy() string {
	if f.DMARC.Policy == "" {
		return ""
	}
	return string(f.DMARC.Applied())
}

// brief is the beginning of b= that tells one signature from the others: eight characters, or more (RFC 6008 section 3).
func brief(list []dkim.Verdict, i int) string {
	const least, most = 8, 64
	text := list[i].Text
	for n := least; n < min(most, len(text)); n++ {
		if alone(list, i, text[:n]) {
			return text[:n]
		}
	}
	return text[:min(most, len(text))]
}

func alone(list []dkim.Verdict, i int, prefix string) bool {
	for j := range list {
		if j != i && strings.HasPrefix(list[j].Text, prefix) {
			return false
		}
	}
	return true
}
