package dns

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	mdns "github.com/miekg/dns"
)

// MX is one mail exchanger.
type MX struct {
	Preference uint16
	Host       string // lower case, without the final dot; empty = "." (null MX)
}

// Bounds of what one answer may bring (T34).
const (
	maxLinks   = 10   // CNAMEs followed
	maxRecords = 4096 // records read of one answer
	maxMX      = 100  // exchangers kept, the most preferred ones
	maxAddrs   = 100  // addresses kept
)

type key struct {
	name  string // lower case, no final dot
	qtype uint16
}

// answer is what the DNS says to one question. At most one of mx, addrs and text is set.
type answer struct {
	name    string
	mx      []MX
	addrs   []netip.Addr
	text    []string // TXT strings, PTR names
	absent  bool     // NXDOMAIN
	secure  bool     // validated by a resolver on this machine, every link
	ttl     time.Duration
	expires time.Time
	failure *Error // could not be found out
}

// err is nil for an answer with or without records; a name that does not exist is ErrNoDomain.
func (a answer) err() error {
	switch {
	case a.failure != nil:
		e := *a.failure
		e.Expires = a.expires
		return &e
	case a.absent:
		return failure(a.name, ErrNoDomain, a.expires)
	}
	return nil
}

// size is about what it costs to remember.
func (a answer) size() int {
	n := 256 + len(a.name) + 24*len(a.addrs)
	for _, m := range a.mx {
		n += 40 + len(m.Host)
	}
	for _, t := range a.text {
		n += 16 + len(t)
	}
	return n
}

var (
	errLinks    = fmt.Errorf("more than %d aliases", maxLinks)
	errTooLarge = fmt.Errorf("answer with more than %d records", maxRecords)
)

// follow asks for k and goes along aliases, those within an answer and those that need another question. An alias
// loop is a temporary failure: it is somebody's mistake of today.
func follow(k key, ask func(key) (*mdns.Msg, bool, error)) (answer, error) {
	a := answer{secure: true, ttl: 1<<63 - 1}
	at := k.name
	for links := 0; ; {
		m, secure, err := ask(key{at, k.qtype})
		if err != nil {
			return answer{}, err
		}
		if len(m.Answer) > maxRecords {
			return answer{}, errTooLarge
		}
		a.secure = a.secure && secure
		asked := at
		for to, ok := alias(m, at, &a.ttl); ok; to, ok = alias(m, at, &a.ttl) {
			if links++; links > maxLinks {
				return answer{}, errLinks
			}
			at = to
		}
		found := a.take(m, at, k.qtype)
		a.absent = m.Rcode == mdns.RcodeNameError
		if found || a.absent || asked == at || hasSOA(m) {
			if !found {
				a.ttl = min(a.ttl, negativeTTL(m))
			}
			return a, nil
		}
	}
}

func alias(m *mdns.Msg, name string, ttl *time.Duration) (string, bool) {
	for _, rr := range m.Answer {
		if c, ok := rr.(*mdns.CNAME); ok && canonical(c.Hdr.Name) == name {
			*ttl = min(*ttl, seconds(c.Hdr.Ttl))
			return canonical(c.Target), true
		}
	}
	return "", false
}

// take adds the records of name and type to a.
func (a *answer) take(m *mdns.Msg, name string, qtype uint16) bool {
	found := false
	for _, rr := range m.Answer {
		h := rr.Header()
		if h.Rrtype != qtype || h.Class != mdns.ClassINET || canonical(h.Name) != name {
			continue
		}
		found = true
		a.ttl = min(a.ttl, seconds(h.Ttl))
		a.add(rr)
	}
	return found
}

func (a *answer) add(rr mdns.RR) {
	switch rr := rr.(type) {
	case *mdns.MX:
		a.mx = append(a.mx, MX{rr.Preference, canonical(rr.Mx)})
	case *mdns.A:
		a.addAddr(rr.A)
	case *mdns.AAAA:
		a.addAddr(rr.AAAA)
	case *mdns.TXT:
		a.text = append(a.text, strings.Join(rr.Txt, ""))
	case *mdns.PTR:
		a.text = append(a.text, canonical(rr.Ptr))
	}
}

func (a *answer) addAddr(ip []byte) {
	if addr, ok := netip.AddrFromSlice(ip); ok && len(a.addrs) < maxAddrs {
		a.addrs = append(a.addrs, addr.Unmap())
	}
}

func hasSOA(m *mdns.Msg) bool {
	for _, rr := range m.Ns {
		if rr.Header().Rrtype == mdns.TypeSOA {
			return true
		}
	}
	return false
}

// negativeTTL is that of RFC 2308 section 5: the smaller of the SOA's own lifetime and its minimum, at most three
// hours; without an SOA the smallest there is.
func negativeTTL(m *mdns.Msg) time.Duration {
	for _, rr := range m.Ns {
		if soa, ok := rr.(*mdns.SOA); ok {
			return min(seconds(soa.Hdr.Ttl), seconds(soa.Minttl), 3*time.Hour)
		}
	}
	return 0
}

func seconds(n uint32) time.Duration { return time.Duration(n) * time.Second }

// canonical is a name as keys have it: lower case, no final dot. The root is empty.
func canonical(name string) string { return strings.ToLower(strings.TrimSuffix(name, ".")) }

var errName = errors.New("not a domain name")

// checked is canonical for a name that comes from outside; what could not be asked for is refused.
func checked(name string) (string, error) {
	name = canonical(name)
	if name == "" || len(name) > 253 || strings.ContainsAny(name, "\\ \t\r\n\x00@/:") {
		return "", errName
	}
	if _, ok := mdns.IsDomainName(name); !ok {
		return "", errName
	}
	return name, nil
}
