package outbox

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"posthoorn/internal/dns"
	"posthoorn/internal/localqueue"
	"posthoorn/internal/settings"
)

// tables are the rows of a settings database that a test changes while mail flows.
type tables struct {
	mu    sync.Mutex
	rows  map[string][]settings.Row
	cache *settings.Cache
}

func (s *tables) Load(context.Context, []settings.Table) (map[string][]settings.Row, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := map[string][]settings.Row{}
	for name, rows := range s.rows {
		all[name] = append([]settings.Row(nil), rows...)
	}
	return all, nil
}

func (s *tables) Insert(context.Context, string, map[string]any) error { return nil }
func (s *tables) Delete(context.Context, string, []int64) error        { return nil }

// set replaces the rows of one table: each is "column=value column=value".
func (s *tables) set(t *testing.T, table string, rows ...string) {
	t.Helper()
	s.mu.Lock()
	s.rows[table] = nil
	for i, text := range rows {
		row := settings.Row{"id": fmt.Sprint(i + 1)}
		for _, c := range settings.Tables() {
			for _, column := range c.Columns {
				if c.Name == table && column.HasDefault && column.Name != "id" {
					row[column.Name] = fmt.Sprint(column.Default)
				}
			}
		}
		for cell := range strings.FieldsSeq(text) {
			name, value, _ := strings.Cut(cell, "=")
			row[name] = strings.ReplaceAll(value, "_", " ")
		}
		s.rows[table] = append(s.rows[table], row)
	}
	s.mu.Unlock()
	if err := s.cache.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// ruled is a rig with settings that can change, and three addresses to send from.
func ruled(t *testing.T, peer *receiver, change func(*Options)) (*rig, *tables) {
	t.Helper()
	s := &tables{rows: map[string][]settings.Row{}}
	s.cache = settings.NewCache(settings.CacheOptions{Store: s})
	r := newRig(t, peer.port(), func(o *Options) {
		o.Settings = s.cache.Current
		o.Own = func() []netip.Addr { return addrs("127.0.0.1", "127.0.0.2", "127.0.0.3") }
		if change != nil {
			change(o)
		}
	})
	s.cache.Subscribe(func(*settings.Snapshot) { r.engine.Changed() })
	return r, s
}

func addrs(list ...string) (ips []netip.Addr) {
	for _, a := range list {
		ips = append(ips, netip.MustParseAddr(a))
	}
	return ips
}

// What is paused waits, whatever is paused of it, and goes out as soon as it may.
func TestPausedThenResumed(t *testing.T) {
	for _, pause := range []string{"id=1", "target=receiver.test", "localip=127.0.0.1", "localip=127.0.0.1 target=RECEIVER.test", "tag=news", "target=127.0.0.1", "tag=news target=127.0.0.1"} {
		t.Run(pause, func(t *testing.T) {
			peer := newReceiver(t, nil)
			r, s := ruled(t, peer, nil)
			s.set(t, "paused", pause)
			for i := range 20 {
				r.publish(`{"recipient":"a%d@receiver.test","mime":"x","tags":["news"],"id":%d}`, i, i)
			}
			soon(t, "all of it waits", func() bool { return r.store.WaitingCount() == 20 && r.engine.inHand.Load() == 0 })
			if n := len(peer.all()); n > 0 {
				t.Fatalf("%d messages went out during the pause", n)
			}
			s.set(t, "paused")
			for _, o := range r.read("success", 20) {
				if len(o.Results) != 1 {
					t.Errorf("%+v", o)
				}
			}
		})
	}
}

// A pause holds what it names and nothing else.
func TestPauseOfOthers(t *testing.T) {
	peer := newReceiver(t, nil)
	r, s := ruled(t, peer, nil)
	s.set(t, "paused", "target=other.test", "localip=127.0.0.2", "tag=news", "tag=news target=receiver.test localip=127.0.0.1", "target=127.0.0.9", "expire=2001-01-01_00:00:00")
	r.publish(`{"recipient":"a@receiver.test","mime":"x","tags":["olds"],"ips":["127.0.0.1","127.0.0.2"],"id":1}`)
	if from := r.read("success", 1)[0].last().From; from != "127.0.0.1" {
		t.Errorf("left from %s", from)
	}
}

// Settings may change at any moment of an attempt: while its result is written, the message is the connection's alone.
func TestSettingsChangeWhileResultsAreWritten(t *testing.T) {
	peer := newReceiver(t, func(verb, _ string) string {
		if verb == "." {
			return "451 4.7.1 greylisted, come again"
		}
		return ""
	})
	r, s := ruled(t, peer, nil)
	const messages = 300
	for i := range messages {
		r.publish(`{"recipient":"a%d@receiver.test","mime":"x","tags":["news"],"id":%d}`, i, i)
	}
	changes := 0
	soon(t, "all of it waits", func() bool {
		changes++
		s.set(t, "paused", fmt.Sprintf("target=other%d.test", changes))
		return r.store.WaitingCount() == messages && r.idle()
	})
}

// A pause that begins while mail is in memory takes it back, and the connection that is at work sends nothing more.
func TestPauseWhileSending(t *testing.T) {
	var sent atomic.Int32
	shut, open := gate()
	defer open()
	peer := newReceiver(t, func(verb, _ string) string {
		if verb == "." && sent.Add(1) == 5 {
			<-shut
		}
		return ""
	})
	r, s := ruled(t, peer, func(o *Options) { o.Total = oneConnection })
	for i := range 100 {
		r.publish(`{"recipient":"a%d@receiver.test","mime":"x","id":%d}`, i, i)
	}
	soon(t, "five are on their way", func() bool { return sent.Load() == 5 })
	s.set(t, "paused", "target=receiver.test")
	open()
	soon(t, "the rest waits", func() bool { return r.store.WaitingCount() == 95 && r.engine.inHand.Load() == 0 })
	if n := sent.Load(); n != 5 {
		t.Errorf("%d messages were sent, 5 were on their way when the pause began", n)
	}
	s.set(t, "paused")
	r.read("success", 100)
}

// Delegates decide where mail leaves from, for what waits too; one that is no address of this host is an error.
func TestDelegates(t *testing.T) {
	peer := newReceiver(t, nil)
	r, s := ruled(t, peer, nil)
	s.set(t, "delegates", "localip=127.0.0.1 domain=receiver.test delegate=127.0.0.2", "localip=127.0.0.2 domain=receiver.test delegate=127.0.0.3",
		"domain=other.test delegate=192.0.2.1")
	s.set(t, "paused", "localip=127.0.0.2")
	r.publish(`{"recipient":"a@receiver.test","mime":"x","ips":["127.0.0.1"],"id":1}`)
	soon(t, "it waits for the delegate", func() bool { return r.store.WaitingCount() == 1 })
	s.set(t, "paused")
	if from := r.read("success", 1)[0].last().From; from != "127.0.0.2" {
		t.Errorf("left from %s", from)
	}
	r.publish(`{"recipient":"a@other.test","mime":"x"}`)
	if l := r.read("failure", 1)[0].last(); l.State != "bind" || l.Code != 554 {
		t.Errorf("%+v", l)
	}
}

// An answer that matches a flood pattern stops everything for the pair, ends by itself or with a resume, and stops no other domain.
func TestFloodPause(t *testing.T) {
	var refused atomic.Int32
	peer := newReceiver(t, func(verb, line string) string {
		if verb == "RCPT" && strings.Contains(line, "receiver.test") && refused.CompareAndSwap(0, 1) {
			return "450 4.7.0 Slow DOWN please"
		}
		return ""
	})
	r, s := ruled(t, peer, func(o *Options) { o.Total = oneConnection })
	s.set(t, "flood_responses", "name=slow type=fnmatch pattern=*slow_down* pause=600 duration=60 domain_maxmessages=6000")
	for i := range 20 {
		r.publish(`{"recipient":"a%d@receiver.test","mime":"x","retries":[1],"id":%d}`, i, i)
	}
	soon(t, "all of it waits", func() bool { return r.store.WaitingCount() == 20 && r.engine.inHand.Load() == 0 })
	for _, m := range peer.all() {
		if m.data != "" { // the lone dot after a refused RCPT carries nothing
			t.Errorf("accepted after the answer: %+v", m)
		}
	}
	r.publish(`{"recipient":"a@[127.0.0.1]","mime":"x","id":100}`)
	r.read("success", 1)
	if n := r.engine.Calm(settings.Pause{Domain: "other.test"}); n != 0 {
		t.Errorf("resume of another domain ended %d pauses", n)
	}
	if n := r.engine.Calm(settings.Pause{Domain: "receiver.test"}); n != 1 {
		t.Errorf("resume ended %d pauses", n)
	}
	r.read("success", 20)
}

// A server that takes no connection at all is left alone as its answer asks for.
func TestFloodInTheGreeting(t *testing.T) {
	peer := newReceiver(t, func(verb, _ string) string {
		if verb == "GREETING" {
			return "421 4.7.0 too many connections from your network"
		}
		return ""
	})
	r, s := ruled(t, peer, nil)
	s.set(t, "flood_responses", "type=regex pattern=too.many.connections pause=600")
	r.publish(`{"recipient":"a@receiver.test","mime":"x","id":1}`)
	r.read("retry", 1)
	x, err := r.engine.Explain(t.Context(), "receiver.test", netip.Addr{})
	if err != nil || x.Plan == nil || len(x.Plan.Lanes) != 1 || len(x.Plan.Lanes[0].Floods) != 1 {
		t.Errorf("%+v: %v", x.Plan, err)
	}
}

// A greylisted message leaves from the same address again.
func TestGreylistedComesFromTheSameAddress(t *testing.T) {
	var mu sync.Mutex
	seen := map[string]int{}
	peer := newReceiver(t, func(verb, line string) string {
		mu.Lock()
		defer mu.Unlock()
		if verb == "RCPT" {
			if seen[line]++; seen[line] <= 2 {
				return "450 4.2.0 Greylisted, come again"
			}
		}
		return ""
	})
	r, _ := ruled(t, peer, nil)
	for i := range 9 {
		r.publish(`{"recipient":"a%d@receiver.test","mime":"x","retries":[1],"ips":["127.0.0.1","127.0.0.2","127.0.0.3"],"id":%d}`, i, i)
	}
	for _, o := range r.read("success", 9) {
		if len(o.Results) != 3 || o.Results[0].From != o.Results[1].From || o.Results[1].From != o.Results[2].From {
			t.Errorf("%+v", o.Results)
		}
	}
}

// Rows of the table dns replace the lookup, and count at once for mail of a domain whose servers are known.
func TestFixedAddresses(t *testing.T) {
	peer := newReceiver(t, nil)
	r, s := ruled(t, peer, func(o *Options) { o.RemotePort = peer.port() })
	s.set(t, "dns", "domain=nowhere.test ip=127.0.0.1")
	r.publish(`{"recipient":"a@nowhere.test","mime":"x","id":1}`)
	r.read("success", 1)
	s.set(t, "dns")
	r.publish(`{"recipient":"a@nowhere.test","mime":"x","id":2}`)
	if l := r.read("failure", 1)[0].last(); l.State != "dns" {
		t.Errorf("%+v", l)
	}
}

// A row for one domain of a group governs the others, too.
func TestLimitsThroughTheSameServers(t *testing.T) {
	peer := newReceiver(t, nil)
	r, s := ruled(t, peer, func(o *Options) {
		o.Resolver = &dns.Fake{
			Exchangers: map[string][]dns.MX{"receiver.test": {{Host: "mx.test"}}, "other.test": {{Host: "mx.test"}}},
			A:          map[string][]netip.Addr{"mx.test": {loopback}},
		}
	})
	s.set(t, "capacity", "domain=other.test domain_maxmessages=120")
	soon(t, "the servers of the row are known", func() bool {
		return len(r.engine.rules.Load().groups) == 1
	})
	began := time.Now()
	for i := range 4 {
		r.publish(`{"recipient":"a%d@receiver.test","mime":"x","id":%d}`, i, i)
	}
	r.read("success", 4)
	if took := time.Since(began); took < 1400*time.Millisecond {
		t.Errorf("four messages in %v at two a second", took)
	}
	x, err := r.engine.Explain(t.Context(), "receiver.test", netip.Addr{})
	if err != nil || len(x.Domains) != 1 || x.Domains[0] != "other.test" {
		t.Errorf("%v: %v", x.Domains, err)
	}
}

// Mail of a paused tag stands in a place of its own, whatever place it was in before.
func TestTagsMoveIntoTheirPlace(t *testing.T) {
	peer := newReceiver(t, nil)
	r, s := ruled(t, peer, nil)
	s.set(t, "paused", "id=1")
	r.publish(`{"recipient":"a@receiver.test","mime":"x","tags":["news"],"id":1}`)
	r.publish(`{"recipient":"b@receiver.test","mime":"x","id":2}`)
	soon(t, "both wait", func() bool { return r.store.WaitingCount() == 2 && r.engine.inHand.Load() == 0 })
	waited := time.Now()
	s.set(t, "paused", "tag=news")
	if o := r.read("success", 1)[0]; o.ID != 2 {
		t.Errorf("%+v", o)
	}
	soon(t, "it stands behind its tag", func() bool {
		return r.store.Count(localqueue.Place{Destination: "receiver.test", Hold: "news"}) == 1 && r.idle()
	})
	if p := r.store.PlacesOf("receiver.test"); len(p) != 1 || p[0].NextDue.IsZero() || p[0].NextDue.After(waited) {
		t.Errorf("it has lost its place in the line of %v: %+v", waited, p)
	}
	s.set(t, "paused")
	r.read("success", 1)
}
