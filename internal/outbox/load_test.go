package outbox

import (
	"testing"
	"time"

	"posthoorn/internal/stats"
)

// Everything that becomes of mail is counted, once, where it belongs.
func TestCounts(t *testing.T) {
	peer := newReceiver(t, func(verb, line string) string {
		if verb == "RCPT" && line == "RCPT TO:<bad@receiver.test>" {
			return "550 5.1.1 no such user"
		}
		return ""
	})
	board := stats.New(stats.Options{})
	r := newRig(t, peer.port(), func(o *Options) { o.Stats = board })
	for range 3 {
		r.publish(`{"recipient":"you@receiver.test","mime":"x","tags":["bulk"]}`)
	}
	r.publish(`{"recipient":"bad@receiver.test","mime":"x"}`)
	r.publish(`{"recipient":"a@nowhere.test","mime":"x"}`)
	r.publish(`not json`)
	r.read("results", 6)
	now := time.Now()
	all := board.Counts(stats.Selection{}, now)
	if all.Attempts != 4 || all.Deliveries != 3 || all.Errors != 1 || all.NotTried != 2 || all.Strange != 0 || all.Connects == 0 || all.Reuses > 3 {
		t.Errorf("all: %+v", all)
	}
	if c := board.Counts(stats.Selection{Source: loopback}, now); c.Attempts != 4 || c.Connects != all.Connects {
		t.Errorf("source: %+v", c)
	}
	if c := board.Counts(stats.Selection{Domain: "receiver.test"}, now); c.Deliveries != 3 || c.Errors != 1 {
		t.Errorf("domain: %+v", c)
	}
	if c := board.Counts(stats.Selection{Tag: "bulk"}, now); c.Deliveries != 3 {
		t.Errorf("tag: %+v", c)
	}
	if a := board.Answers("receiver.test"); len(a) != 1 || a[0].Code != 550 || a[0].Text != "no such user" || a[0].Recipient != "bad@receiver.test" {
		t.Errorf("answers: %+v", a)
	}
	if a := board.Answers("nowhere.test"); len(a) != 1 || a[0].State != "dns" {
		t.Errorf("answers of a domain that does not exist: %+v", a)
	}
}

// What waits and what is sent is told where it belongs.
func TestLoad(t *testing.T) {
	shut, open := gate()
	defer open()
	peer := newReceiver(t, func(verb, _ string) string {
		if verb == "." {
			<-shut
		}
		return ""
	})
	r, s := ruled(t, peer, nil)
	s.set(t, "paused", "target=other.test")
	for range 5 {
		r.publish(`{"recipient":"you@receiver.test","mime":"x"}`)
	}
	for range 3 {
		r.publish(`{"recipient":"you@other.test","mime":"x"}`)
	}
	soon(t, "all is told", func() bool {
		all, sources, destinations, err := r.engine.Load(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		got, parked := destinations["receiver.test"], destinations["other.test"]
		return all.Memory == 5 && all.Parked == 3 && all.Active > 0 && got.Memory == 5 && got.Active == all.Active && parked == (stats.Gauges{Parked: 3}) &&
			sources[loopback].Active == all.Active && sources[loopback].Memory > 0 && sources[loopback].Parked == 3
	})
	if all, _, err := r.engine.Gauges(t.Context()); err != nil || all.Memory != 5 || all.Parked != 3 {
		t.Errorf("gauges %+v %v", all, err)
	}
	open()
	r.read("results", 5)
	soon(t, "the connections stay, and are seen where they lead", func() bool {
		all, _, destinations, err := r.engine.Load(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return all.Idle > 0 && destinations["receiver.test"] == (stats.Gauges{Idle: all.Idle})
	})
}

// Who cannot be reached is named, as soon as there is enough mail for it.
func TestUnreachable(t *testing.T) {
	r := newRig(t, 1, nil) // nobody listens there
	for range 3 {
		r.publish(`{"recipient":"you@receiver.test","mime":"x","retries":[3600]}`)
	}
	r.read("retry", 3)
	soon(t, "it is named", func() bool {
		names, err := r.engine.Unreachable(t.Context(), 0)
		if err != nil {
			t.Fatal(err)
		}
		return len(names) == 1 && names[0] == "receiver.test"
	})
	if names, err := r.engine.Unreachable(t.Context(), 100); err != nil || len(names) > 0 {
		t.Errorf("with little mail: %v %v", names, err)
	}
}
