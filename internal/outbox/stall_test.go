package outbox

import (
	"fmt"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"posthoorn/internal/localqueue"
	"posthoorn/internal/mail"
	"posthoorn/internal/schedule"
)

// stock publishes n messages and waits until the local queue has them all. more is a part of the JSON.
func (r *rig) stock(n int, more string) {
	r.t.Helper()
	before := r.store.WaitingCount()
	for i := range n {
		r.publish(`{"recipient":"a%d@receiver.test","mime":"x","id":%d%s}`, i, i, more)
	}
	soon(r.t, "messages wait", func() bool { return r.store.WaitingCount() == before+n && r.engine.inHand.Load() == 0 })
}

// Mail that pauses with tags hold back does not hold up that of others, nor does such mail that has an address left wait.
func TestTagPausesHoldUpNobodyElse(t *testing.T) {
	const both = `,"ips":["127.0.0.1","127.0.0.2"]`
	for name, c := range map[string]struct {
		before, pauses []string
		tagged         int
		tags           string
		goesOut        bool // what is tagged, too
	}{
		"beside a pause of an address":      {pauses: []string{"localip=127.0.0.2", "tag=news"}, tagged: 200, tags: `["news"]`},
		"of mail that waits already":        {before: []string{"id=1"}, pauses: []string{"tag=news"}, tagged: 600, tags: `["news"]`},
		"of one address, for what waits":    {before: []string{"id=1"}, pauses: []string{"tag=news localip=127.0.0.1"}, tagged: 600, tags: `["news"]`, goesOut: true},
		"of a server":                       {pauses: []string{"tag=news target=127.0.0.1"}, tagged: 200, tags: `["news"]`},
		"of a server, for what waits":       {before: []string{"id=1"}, pauses: []string{"tag=news target=127.0.0.1"}, tagged: 600, tags: `["news"]`},
		"two of different addresses":        {pauses: []string{"tag=news localip=127.0.0.1", "tag=olds localip=127.0.0.2"}, tagged: 200, tags: `["news","olds"]`},
		"two of different addresses, later": {before: []string{"id=1"}, pauses: []string{"tag=news localip=127.0.0.1", "tag=olds localip=127.0.0.2"}, tagged: 600, tags: `["news","olds"]`},
	} {
		t.Run(name, func(t *testing.T) {
			peer := newReceiver(t, nil)
			r, s := ruled(t, peer, nil)
			if c.before == nil {
				c.before = c.pauses
			}
			s.set(t, "paused", c.before...)
			r.stock(c.tagged, both+`,"tags":`+c.tags)
			s.set(t, "paused", c.pauses...)
			r.publish(`{"recipient":"you@receiver.test","mime":"x","id":7777%s}`, both)
			r.publish(`{"recipient":"me@receiver.test","mime":"x","id":7778,"ips":["127.0.0.1"]}`)
			want := 2
			if c.goesOut {
				want += c.tagged
			}
			for _, o := range r.read("success", want) {
				if !c.goesOut && o.ID < 7777 {
					t.Fatalf("%d went out during the pause", o.ID)
				}
			}
			s.set(t, "paused")
			r.read("success", c.tagged+2-want)
		})
	}
}

// Mail for an address that this host has no more leaves from those that are left.
func TestAnAddressIsGone(t *testing.T) {
	var gone atomic.Bool
	peer := newReceiver(t, nil)
	r, s := ruled(t, peer, func(o *Options) {
		o.Own = func() []netip.Addr {
			if gone.Load() {
				return addrs("127.0.0.1")
			}
			return addrs("127.0.0.1", "127.0.0.2")
		}
	})
	s.set(t, "paused", "id=1")
	r.stock(600, `,"ips":["127.0.0.1","127.0.0.2"]`)
	gone.Store(true)
	s.set(t, "paused")
	r.read("success", 600)
}

// Places are served by the time of what waits there.
func TestOldestFirst(t *testing.T) {
	at := func(name string, second int64) localqueue.PlaceInfo {
		p := localqueue.PlaceInfo{Place: localqueue.Place{Destination: name}}
		if second > 0 {
			p.NextDue = time.Unix(second, 0)
		}
		return p
	}
	var got []string
	for _, p := range oldestFirst([]localqueue.PlaceInfo{at("none", 0), at("third", 30), at("first", 10), at("second", 20)}) {
		got = append(got, p.Place.Destination)
	}
	if text := strings.Join(got, " "); text != "first second third none" {
		t.Error(text)
	}
}

// A pause of the address that a greylisting server knows does not keep the message from leaving from another one.
func TestPinnedToAPausedAddress(t *testing.T) {
	var times atomic.Int32
	peer := newReceiver(t, func(verb, _ string) string {
		if verb == "RCPT" && times.Add(1) == 1 {
			return "450 4.2.0 Greylisted, come again"
		}
		return ""
	})
	r, s := ruled(t, peer, nil)
	r.publish(`{"recipient":"a@receiver.test","mime":"x","retries":[3600],"ips":["127.0.0.1","127.0.0.2"],"id":1}`)
	from := r.read("retry", 1)[0].last().From
	s.set(t, "paused", "localip="+from)
	if _, err := r.engine.RetryNow(t.Context(), "receiver.test", nil); err != nil {
		t.Fatal(err)
	}
	if o := r.read("success", 1)[0]; o.last().From == from {
		t.Errorf("left from %s", from)
	}
}

// How places of greylisted mail are spelled, and were by older versions.
func TestPinnedPlaces(t *testing.T) {
	r, _ := ruled(t, newReceiver(t, nil), nil)
	for spelling, want := range map[string]string{
		"":                              "[127.0.0.1]",
		"127.0.0.2":                     "[127.0.0.2]",
		"127.0.0.2,127.0.0.3":           "[127.0.0.2 127.0.0.3]",
		"127.0.0.2,192.0.2.1":           "[127.0.0.2]",
		"192.0.2.1":                     "[192.0.2.1]",
		"127.0.0.2,127.0.0.3@127.0.0.3": "[127.0.0.3]",
		"@127.0.0.1":                    "[127.0.0.1]",
		"127.0.0.2@192.0.2.1":           "[127.0.0.2]",
	} {
		got := r.engine.poolOf(localqueue.Place{Destination: "receiver.test", Sources: spelling})
		if text := fmt.Sprint(got.Addrs()); text != want {
			t.Errorf("%q: %s", spelling, text)
		}
	}
}

// What is moved to another address does not go on to wait for the one that it was pinned to.
func TestMovedIsNotPinned(t *testing.T) {
	r, _ := ruled(t, newReceiver(t, nil), nil)
	for _, spelling := range []string{"127.0.0.1,127.0.0.2@127.0.0.1", "127.0.0.1"} { // the second by older versions
		it := &item{waiting: 1, place: localqueue.Place{Sources: spelling}}
		for _, ips := range []string{`["127.0.0.1","127.0.0.2"]`, `["127.0.0.2"]`} {
			m, err := mail.Parse(fmt.Appendf(nil, `{"recipient":"a@receiver.test","mime":"x","ips":%s}`, ips), mail.Rules{})
			if err != nil {
				t.Fatal(err)
			}
			it.m = m
			if _, refused := r.engine.route(it); refused != nil {
				t.Fatal(refused)
			}
		}
		if it.place.Sources != "127.0.0.2" {
			t.Errorf("%s: waits for %s", spelling, it.place.Sources)
		}
	}
}

// Rows for the host of a smarthost show up where its mail is explained.
func TestSmarthostExplained(t *testing.T) {
	peer := newReceiver(t, nil)
	r, s := ruled(t, peer, nil)
	s.set(t, "paused", "target=receiver.test")
	s.set(t, "delegates", "localip=127.0.0.1 domain=receiver.test delegate=127.0.0.2")
	s.set(t, "dns", "domain=receiver.test ip=127.0.0.1")
	r.publish(`{"recipient":"a@other.test","mime":"x","smarthost":{"hostname":"receiver.test","port":%d}}`, peer.port())
	soon(t, "it waits", func() bool { return r.store.WaitingCount() == 1 && r.engine.inHand.Load() == 0 })
	x, err := r.engine.Explain(t.Context(), fmt.Sprintf("receiver.test:%d", peer.port()), netip.Addr{})
	if err != nil {
		t.Fatal(err)
	}
	if len(x.Pauses) != 1 || len(x.Sources) != 1 || x.Sources[0].Pause == nil || !x.Sources[0].Delegate.IsValid() || !x.Route.Fixed ||
		x.Waits.For != "the end of a pause: domain receiver.test" {
		t.Errorf("%+v", x)
	}
}

// A connection lives as long as the plan wants to keep it, also where nobody has said how long.
func TestIdleConnectionsAreThePlans(t *testing.T) {
	r, s := ruled(t, newReceiver(t, nil), nil)
	s.set(t, "capacity", "connection_maxidletime=0")
	soon(t, "the row holds", func() bool { return r.engine.rules.Load().s == s.cache.Current() })
	d := schedule.Dial{Source: loopback, Key: "receiver.test"}
	if got := r.engine.timeouts(d).Idle; got <= 5*time.Minute {
		t.Error(got)
	}
}

// Servers that were learned of one domain make the settings new for the loop when that domain is looked up, not when others are.
func TestAliasesAreNewsForTheirOwn(t *testing.T) {
	var a aliases
	a.learn("one.test", "mx.test")
	if !a.learned() || !a.fresh("one.test") || a.fresh("two.test") {
		t.Error("one domain is news")
	}
	if got := a.groups()["mx.test"]; len(got) != 1 || a.learned() || a.fresh("one.test") {
		t.Errorf("%v", got)
	}
	a.keep(nil)
	if !a.fresh("one.test") || len(a.groups()) != 0 {
		t.Error("what is forgotten is news too")
	}
}
