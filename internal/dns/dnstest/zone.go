package dnstest

import (
	"fmt"
	"strings"

	mdns "github.com/miekg/dns"
)

// zone holds records by lower-case name with its final dot.
type zone map[string][]mdns.RR

// parseZone reads master-file lines such as "example.test 60 MX 10 mx.example.test". Names are absolute with or without
// the final dot, the lifetime may be left out (300), "*" as the first label matches as in RFC 4592.
func parseZone(text string) (zone, error) {
	z := make(zone)
	p := mdns.NewZoneParser(strings.NewReader(text), ".", "zone")
	p.SetDefaultTTL(300)
	for rr, ok := p.Next(); ok; rr, ok = p.Next() {
		name := strings.ToLower(rr.Header().Name)
		z[name] = append(z[name], rr)
	}
	if err := p.Err(); err != nil {
		return nil, fmt.Errorf("dnstest: %w", err)
	}
	return z, nil
}

// find gives the records of a name, or those of the wildcard nearest above it. It exists if it has records or a name
// below it has.
func (z zone) find(name string) (records []mdns.RR, exists bool) {
	if rrs, ok := z[name]; ok {
		return rrs, true
	}
	for other := range z {
		if strings.HasSuffix(other, "."+name) {
			return nil, true
		}
	}
	for rest := name; rest != "."; {
		_, after, _ := strings.Cut(rest, ".")
		if rest = after; rest == "" {
			rest = "."
		}
		if rrs, ok := z["*."+strings.TrimPrefix(rest, ".")]; ok {
			return rrs, true
		}
		if _, ok := z[rest]; ok {
			return nil, false
		}
	}
	return nil, false
}

// answer fills m with what a recursive server would say: aliases within the zone are followed, up to links.
func (z zone) answer(m *mdns.Msg, q mdns.Question, links int) {
	name := strings.ToLower(q.Name)
	for range links {
		rrs, exists := z.find(name)
		if !exists {
			m.Rcode = mdns.RcodeNameError
		}
		next, found := "", false
		for _, rr := range rrs {
			if t := rr.Header().Rrtype; t != q.Qtype && t != mdns.TypeCNAME {
				continue
			}
			rr = mdns.Copy(rr)
			rr.Header().Name = name
			m.Answer = append(m.Answer, rr)
			if c, ok := rr.(*mdns.CNAME); ok && q.Qtype != mdns.TypeCNAME {
				next = strings.ToLower(c.Target)
			} else {
				found = true
			}
		}
		if next == "" {
			if !found {
				m.Ns = append(m.Ns, soa())
			}
			return
		}
		name = next
	}
}

func soa() mdns.RR {
	return &mdns.SOA{
		Hdr: mdns.RR_Header{Name: ".", Rrtype: mdns.TypeSOA, Class: mdns.ClassINET, Ttl: 120},
		Ns:  "ns.", Mbox: "postmaster.", Serial: 1, Refresh: 3600, Retry: 600, Expire: 86400, Minttl: 120,
	}
}
