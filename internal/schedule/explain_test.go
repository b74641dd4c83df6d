package schedule

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"posthoorn/internal/settings"
)

// Every reason to wait has its words, its beginning, and the next moment where there is one.
func TestExplainWaits(t *testing.T) {
	lane := func(l settings.Limits, then func(s *script, c ConnID)) func(s *script) {
		return func(s *script) {
			s.use(l)
			then(s, s.connect("a.test"))
		}
	}
	for _, c := range []struct {
		name string
		do   func(s *script)
		site string // what the site waits for
		lane string // what its lane waits for
		next time.Duration
	}{
		{"lookup", func(s *script) { s.add("a.test"); s.step(0) }, "the lookup of its servers", "", 0},
		{"no route", func(s *script) {
			s.add("a.test")
			s.step(0)
			s.p.ResolveFailed(s.now, "a.test", errRefused, s.now.Add(time.Minute), false)
		}, "the lookup failed: refused", "", time.Minute},
		{"nothing", lane(settings.Limits{}, func(s *script, c ConnID) { s.done(c, s.pull(c)); s.pull(c) }), "mail: there is none", nothingToSend, 0},
		{"at work", lane(settings.Limits{}, func(s *script, c ConnID) { s.pull(c) }), "nothing: all its messages are being sent", nothingToSend, 0},
		{"messages", lane(settings.Limits{Domain: settings.Counts{Messages: 60}}, func(s *script, c ConnID) {
			s.done(c, s.pull(c))
			s.pull(c)
			s.add("a.test")
		}), "the limit of messages per minute", "the limit of messages per minute", time.Second},
		{"bytes", lane(settings.Limits{Domain: settings.Counts{Bytes: 60_000}}, func(s *script, c ConnID) {
			s.pull(c)
			s.p.Done(s.now, c, 1, Outcome{Bytes: 1000})
			s.pull(c)
			s.add("a.test")
		}), "the limit of bytes per minute", "the limit of bytes per minute", time.Second},
		{"connects", lane(settings.Limits{Domain: settings.Counts{Connects: 60}}, func(s *script, c ConnID) {
			s.done(c, s.pull(c))
			s.p.Closed(s.now, c)
			s.add("a.test")
			s.step(0)
		}), "the limit of connections per minute", "the limit of connections per minute", time.Second},
		{"connections", lane(settings.Limits{Domain: settings.Counts{Connections: 1}}, func(s *script, c ConnID) {
			s.pull(c)
			s.add("a.test")
		}), "a connection: the limit of connections is reached", "a connection: the limit of connections is reached", 0},
		{"connections to its addresses", lane(settings.Limits{Remote: settings.Counts{Connections: 1}}, func(s *script, c ConnID) {
			s.pull(c)
			s.add("a.test")
		}), "a connection: the limits of its remote addresses are reached", "a connection: the limits of its remote addresses are reached", 0},
		{"rates of its addresses", lane(settings.Limits{Remote: settings.Counts{Messages: 60}}, func(s *script, c ConnID) {
			s.done(c, s.pull(c))
			s.pull(c)
			s.add("a.test")
		}), "the limits of its remote addresses per minute", "the limits of its remote addresses per minute", time.Second},
		{"dial", lane(settings.Limits{}, func(s *script, c ConnID) {
			s.pull(c)
			s.add("a.test")
			s.step(0)
		}), "a dial that is on its way", "a dial that is on its way", 0},
		{"offline", func(s *script) {
			s.add("a.test")
			s.step(0)
			s.resolve("a.test")
			s.step(0)
			s.refuse(ScopeSite)
			s.p.Backlog(s.now, "a.test", s.pools.Of(src1), 1)
		}, "offline: refused", "offline: refused", 2 * time.Minute},
		{"source", func(s *script) {
			s.add("a.test")
			s.step(0)
			s.resolve("a.test")
			s.step(0)
			s.refuse(ScopeSource)
			s.p.Backlog(s.now, "a.test", s.pools.Of(src1), 1)
		}, "the source address cannot be used: refused", "the source address cannot be used: refused", time.Minute},
		{"class", func(s *script) {
			s.add("a.test")
			s.step(0)
			s.resolve("a.test")
			s.step(0)
			s.refuse(ScopeClass)
			s.p.Backlog(s.now, "a.test", s.pools.Of(src1), 1)
		}, "what the class of the mail demands cannot be had: refused", "what the class of the mail demands cannot be had: refused", 2 * time.Minute},
		{"flood", lane(settings.Limits{}, func(s *script, c ConnID) {
			s.pull(c)
			s.floods(c, 1, minutePause(7))
			s.add("a.test")
		}), "the pause of the flood pattern “slow down”", "the pause of the flood pattern “slow down”", time.Minute},
		{"others have all connections", func(s *script) {
			s.p.Use(s.now, fixed{total: 1})
			s.pull(s.connect("b.test"))
			s.add("a.test")
			s.step(0)
			s.resolve("a.test")
			s.step(0)
		}, "a free connection: all that this program may have are in use", "", 0},
		{"stop", lane(settings.Limits{}, func(s *script, c ConnID) { s.p.Stop(s.now) }), "nothing more is sent, the program stops", "", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newScript(t, settings.Limits{})
			c.do(s)
			x, ok := s.p.Explain(s.now, "a.test")
			s.want("known", ok, true)
			s.want("site", x.Waits.For, c.site)
			if c.lane != "" {
				s.want("lane", x.Lanes[0].Waits.For, c.lane)
			}
			next := x.Waits.Next.Sub(s.now)
			if c.next == 0 && !x.Waits.Next.IsZero() || c.next > 0 && (next < c.next*8/10 || next > c.next*12/10) {
				t.Errorf("next moment after %v, want %v: %+v", next, c.next, x.Waits)
			}
			if x.Waits.Since.IsZero() && c.name != "stop" && c.name != "class" {
				t.Errorf("since when? %+v", x.Waits)
			}
			if x.Waits.Since.After(s.now) {
				t.Errorf("since %v", x.Waits.Since)
			}
		})
	}
}

// What explain prints crosses the control socket as JSON.
func TestExplanationAsJSON(t *testing.T) {
	s := newFlooded(t)
	s.two("a.test", 2)
	s.refuse(ScopeSite)
	c := s.open()
	s.pull(c)
	s.floods(c, 1, minutePause(7))
	x, _ := s.p.Explain(s.now, "a.test")
	b, err := json.Marshal(x)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"name":"slow down"`, `"addr":"198.51.100.1"`, `"error":"refused"`, `"paused":"2026-`, `"source":"192.0.2.1"`, `"for":"the pause`} {
		if !strings.Contains(string(b), want) {
			t.Errorf("%s is not in %s", want, b)
		}
	}
	var y Explanation
	if err := json.Unmarshal(b, &y); err != nil || y.Lanes[0].Remotes[0].Offline.Error != "refused" {
		t.Errorf("%v: %+v", err, y)
	}
}
