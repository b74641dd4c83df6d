package dmarc

import (
	"strings"

	"posthoorn/internal/mail"
	"posthoorn/internal/mailauth/authres"
	"posthoorn/internal/mime"
)

// Author is the From field of a message.
type Author struct {
	Address string // the first one, as it is written; empty: there is none
	Domain  string // of all of them, as A-labels in lower case; empty: DMARC cannot be applied

	result authres.Result // without a domain
	reason string
}

// AuthorOf reads the From field. DMARC needs one field with addresses of one domain: several fields are forbidden (RFC 5322 section
// 3.6) and permerror, since readers show one of them and checks might take another; addresses of several domains are exempt (RFC
// 9989 section 5.3.1).
func AuthorOf(header *mime.Header) Author {
	var addresses []string
	fields := 0
	for i := range header.Fields {
		if f := &header.Fields[i]; f.Is("from") {
			fields++
			addresses = append(addresses, mime.Addresses(f.Value)...)
		}
	}
	a := Author{}
	if len(addresses) > 0 {
		a.Address = addresses[0]
	}
	switch domains, ok := domainsOf(addresses); {
	case fields > 1:
		a.result, a.reason = authres.PermError, "there are several From fields"
	case fields == 0 || len(addresses) == 0:
		a.result, a.reason = authres.PermError, "there is no address in From"
	case !ok:
		a.result, a.reason = authres.PermError, "an address in From has no domain name"
	case len(domains) > 1:
		a.result, a.reason = authres.None, "From has addresses of several domains"
	default:
		for a.Domain = range domains {
		}
	}
	return a
}

// domainsOf are the different domains of addresses; false: one has none that the DNS could know.
func domainsOf(addresses []string) (domains map[string]bool, ok bool) {
	domains = map[string]bool{}
	for _, address := range addresses {
		at := strings.LastIndexByte(address, '@')
		_, ascii, err := mail.ParseDomain(address[at+1:])
		if at < 0 || err != nil || strings.HasPrefix(ascii, "[") {
			return nil, false
		}
		domains[ascii] = true
	}
	return domains, true
}
