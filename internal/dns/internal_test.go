package dns

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	mdns "github.com/miekg/dns"
)

func TestCacheIsBounded(t *testing.T) {
	c := newCache(10_000)
	now := time.Unix(1000, 0)
	for i := range 1000 {
		k := key{fmt.Sprintf("n%d", i), mdns.TypeTXT}
		c.put(k, answer{name: k.name, text: []string{strings.Repeat("x", 100)}, expires: now.Add(time.Hour)})
		c.get(key{"n0", mdns.TypeTXT}, now) // used all the time: stays
	}
	if c.size > c.max || len(c.items) != c.order.Len() || len(c.items) > 40 {
		t.Errorf("%d bytes, %d items", c.size, len(c.items))
	}
	if _, ok := c.get(key{"n0", mdns.TypeTXT}, now); !ok {
		t.Error("the one that is used was dropped")
	}
	if _, ok := c.get(key{"n0", mdns.TypeTXT}, now.Add(time.Hour)); ok {
		t.Error("expired answer given")
	}
	c.put(key{"huge", mdns.TypeTXT}, answer{text: []string{strings.Repeat("x", 20_000)}})
	if c.size != 0 || len(c.items) != 0 {
		t.Errorf("larger than the cache: %d bytes, %d items", c.size, len(c.items))
	}
}

func TestGateGivesUpTheOldest(t *testing.T) {
	g := newGate(1)
	g.patience = time.Millisecond
	var leaves []func()
	var ctxs []context.Context
	for range 11 { // one place, nine slow, so the eleventh pushes the first out
		ctx, leave, err := g.enter(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		leaves, ctxs = append(leaves, leave), append(ctxs, ctx)
	}
	<-ctxs[0].Done()
	if cause := context.Cause(ctxs[0]); !errors.Is(cause, errCrowded) {
		t.Error(cause)
	}
	if ctxs[5].Err() != nil {
		t.Error("a younger one was given up")
	}
	for _, leave := range leaves {
		leave()
	}
	if len(g.places) != 0 || g.slow.Len() != 0 {
		t.Errorf("%d places, %d slow left", len(g.places), g.slow.Len())
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	g.places <- struct{}{}
	if _, _, err := g.enter(ended); err == nil {
		t.Error("entered a full gate")
	}
}

func TestADOnlyFromHere(t *testing.T) {
	m := new(mdns.Msg)
	for _, ad := range []bool{true, false} {
		m.AuthenticatedData = ad
		for server, here := range map[string]bool{"127.0.0.1:53": true, "[::1]:53": true, "192.0.2.1:53": false} {
			if got := validated(m, netip.MustParseAddrPort(server)); got != (ad && here) {
				t.Errorf("AD %v from %s: %v", ad, server, got)
			}
		}
	}
}

func TestNegativeTTL(t *testing.T) {
	m := new(mdns.Msg)
	if negativeTTL(m) != 0 {
		t.Error("without SOA")
	}
	m.Ns = []mdns.RR{&mdns.SOA{Hdr: mdns.RR_Header{Rrtype: mdns.TypeSOA, Ttl: 900}, Minttl: 60}}
	if got := negativeTTL(m); got != time.Minute {
		t.Error(got)
	}
	m.Ns = []mdns.RR{&mdns.SOA{Hdr: mdns.RR_Header{Rrtype: mdns.TypeSOA, Ttl: 900000}, Minttl: 800000}}
	if got := negativeTTL(m); got != 3*time.Hour {
		t.Error(got)
	}
}

// A chain over several answers is followed to ten links and no further.
func TestFollow(t *testing.T) {
	chain := func(n int) func(key) (*mdns.Msg, bool, error) {
		return func(k key) (*mdns.Msg, bool, error) {
			m := new(mdns.Msg)
			var i int
			_, _ = fmt.Sscanf(k.name, "l%d", &i)
			h := mdns.RR_Header{Name: k.name + ".", Class: mdns.ClassINET, Ttl: uint32(100 - i)}
			if i < n {
				h.Rrtype = mdns.TypeCNAME
				m.Answer = []mdns.RR{&mdns.CNAME{Hdr: h, Target: fmt.Sprintf("l%d.", i+1)}}
			} else {
				h.Rrtype = mdns.TypeTXT
				m.Answer = []mdns.RR{&mdns.TXT{Hdr: h, Txt: []string{"end"}}}
			}
			return m, i != 3, nil
		}
	}
	a, err := follow(key{"l0", mdns.TypeTXT}, chain(10))
	if err != nil || len(a.text) != 1 || a.ttl != 90*time.Second || a.secure {
		t.Errorf("%+v, %v", a, err)
	}
	if a, err := follow(key{"l0", mdns.TypeTXT}, chain(2)); err != nil || !a.secure {
		t.Errorf("%+v, %v", a, err)
	}
	if _, err := follow(key{"l0", mdns.TypeTXT}, chain(11)); !errors.Is(err, errLinks) {
		t.Error(err)
	}
}

func FuzzRead(f *testing.F) {
	q := query(key{"x.test", mdns.TypeMX}, true)
	q.Id = 7
	packet, err := new(mdns.Msg).SetReply(q).Pack()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(packet)
	f.Add(packet[:11])
	f.Fuzz(func(t *testing.T, p []byte) {
		m, ok := read(p, q)
		if ok && m.Id != q.Id {
			t.Error("foreign id taken")
		}
		if ok {
			_, _ = follow(key{"x.test", mdns.TypeMX}, func(key) (*mdns.Msg, bool, error) { return m, false, nil })
		}
	})
}

func FuzzLiteral(f *testing.F) {
	for _, s := range []string{"[192.0.2.1]", "[IPv6:::1]", "[", "[]", "[IPv6:]", "[IPv6:1.2.3.4]"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if a, ok := literal(s); ok && (!a.IsValid() || a.Zone() != "") {
			t.Errorf("%q gave %v", s, a)
		}
	})
}
