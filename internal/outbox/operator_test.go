package outbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"posthoorn/internal/localqueue"
	"posthoorn/internal/mail"
	"posthoorn/internal/settings"
)

var loopback2 = netip.MustParseAddr("127.0.0.2")

// patient is how long is waited for what has to come, on a machine that is busy with other things too.
const patient = time.Minute

// soon tries again until a deadline.
func soon(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patient); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not in time: %s", what)
		}
	}
}

// arrives waits for what comes through a channel.
func arrives[T any](t *testing.T, from <-chan T) (what T) {
	t.Helper()
	select {
	case what = <-from:
	case <-time.After(patient):
		t.Fatal("not in time: nothing arrives")
	}
	return what
}

// delayed publishes n messages that wait for an hour, and waits until they do.
func (r *rig) delayed(n int, domain, more string) {
	r.t.Helper()
	before := r.store.WaitingCount()
	due := time.Now().Add(time.Hour).UTC().Format(time.DateTime)
	for i := range n {
		r.publish(`{"recipient":"a%d@%s","mime":"x","id":%d,"delayed":%q%s}`, i, domain, i, due, more)
	}
	soon(r.t, "messages wait", func() bool { return r.store.WaitingCount() == before+n && r.idle() })
}

// idle says that the engine has nothing in memory, by all of its numbers.
func (r *rig) idle() bool {
	f := r.engine.feeder
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.taken == 0 && r.engine.inHand.Load() == 0 && r.engine.bytes.Load() == 0
}

// known counts what the loop has of a destination, and what waits for it and is on no way to the loop.
func (r *rig) known(destination string) int {
	n := 0
	if err := r.engine.inLoop(r.t.Context(), func(time.Time) { n = len(r.engine.loop.items) }); err != nil {
		r.t.Fatal(err)
	}
	for _, p := range r.store.PlacesOf(destination) {
		n += p.Count - p.InHand
	}
	return n
}

// What an action would find is counted, and stays where it is.
func TestMailIsCounted(t *testing.T) {
	r := newRig(t, 1, nil)
	begun := time.Now().Add(-time.Second)
	r.delayed(5, "receiver.test", "")
	r.delayed(2, "other.test", "")
	for range 2 {
		got, err := r.engine.Mail(t.Context(), "receiver.test")
		if err != nil || got.Waiting != 5 || got.Memory != 0 || got.Since.Before(begun) || got.Since.After(time.Now()) {
			t.Errorf("%+v, %v", got, err)
		}
	}
	if got, err := r.engine.Mail(t.Context(), "nobody.test"); err != nil || got != (BacklogLine{Destination: "nobody.test"}) {
		t.Errorf("%+v, %v", got, err)
	}
	if n := r.store.WaitingCount(); n != 7 {
		t.Errorf("%d wait", n)
	}
}

func TestFailReportsAllThatWaits(t *testing.T) {
	var logged atomic.Int32
	r := newRig(t, 1, func(o *Options) { o.Journal = func(_, _ []byte, _ *mail.Result) { logged.Add(1) } })
	const n = 2*actionBatch + 3
	r.delayed(n, "receiver.test", "")
	r.delayed(1, "other.test", "")
	var told []int
	done, err := r.engine.Fail(t.Context(), "receiver.test", "  no\r\nlonger\x1b[2J \u202ewanted\xff ", func(n int) { told = append(told, n) })
	if err != nil || done != n {
		t.Fatalf("%d, %v", done, err)
	}
	if len(told) < 3 || told[len(told)-1] != n {
		t.Errorf("progress: %v", told)
	}
	for _, o := range r.read("failure", n) {
		l := o.last()
		if l.State != "process" || l.Result != "error" || l.Code != 554 || l.Attempt != 1 || l.Description != "no longer [2J wanted" || o.Mime != nil {
			t.Fatalf("%+v", o)
		}
	}
	r.read("results", n)
	if left := r.store.WaitingCount(); left != 1 || logged.Load() != n {
		t.Errorf("%d left, %d in the send log", left, logged.Load())
	}
	soon(t, "nothing in hand", r.idle)
}

// A receiver that does not answer leaves mail in memory: that fails too, but not what is in transaction.
func TestFailReachesMemoryAndNoTransaction(t *testing.T) {
	shut, open := gate()
	defer open()
	var once sync.Once
	reached := make(chan struct{})
	peer := newReceiver(t, func(verb, _ string) string {
		if verb == "." {
			once.Do(func() { close(reached) })
			<-shut
		}
		return ""
	})
	r := newRig(t, peer.port(), func(o *Options) { o.Total = oneConnection })
	const n = 20
	for i := range n {
		r.publish(`{"recipient":"a%d@receiver.test","mime":"x","id":%d}`, i, i)
	}
	arrives(t, reached)
	soon(t, "all are known to the loop or wait", func() bool { return r.known("receiver.test") == n })
	would, err := r.engine.Mail(t.Context(), "receiver.test")
	if err != nil {
		t.Fatal(err)
	}
	done, err := r.engine.Fail(t.Context(), "receiver.test", "enough", nil)
	if err != nil || done == 0 || done >= n || done != would.Memory+would.Waiting {
		t.Fatalf("%d, %v; foretold: %+v", done, err, would)
	}
	open()
	if got := r.read("results", n); len(got) != n {
		t.Errorf("%d results", len(got))
	}
	r.read("failure", done)
	r.read("success", n-done)
	if len(peer.all()) != n-done {
		t.Errorf("%d sent, %d failed", len(peer.all()), done)
	}
	soon(t, "nothing in hand", r.idle)
}

func oneConnection() int { return 1 }

func TestDescribed(t *testing.T) {
	for _, c := range []struct{ in, out string }{
		{"", "failed by the operator"},
		{"\r\n\x00", "failed by the operator"},
		{"closed\r\n.\r\nQUIT", "closed . QUIT"},
		{"schön \U0001F600", "schön \U0001F600"},
		{strings.Repeat("é", 400), strings.Repeat("é", 250)},
		{"a" + strings.Repeat("é", 400), "a" + strings.Repeat("é", 249)},
	} {
		if got := described(c.in); got != c.out {
			t.Errorf("%q: %q", c.in, got)
		}
	}
}

func TestMoveChangesTheAddress(t *testing.T) {
	peer := newReceiver(t, nil)
	r := newRig(t, peer.port(), func(o *Options) { o.Own = func() []netip.Addr { return []netip.Addr{loopback, loopback2} } })
	const n = 300
	r.delayed(n, "receiver.test", "")
	r.delayed(1, "receiver.test", `,"ips":["127.0.0.1","127.0.0.2"]`)
	r.delayed(1, "receiver.test", `,"ips":["127.0.0.2"]`) // is there already
	r.delayed(1, "other.test", "")
	if _, err := r.engine.Move(t.Context(), "receiver.test", netip.MustParseAddr("192.0.2.1"), nil); !errors.Is(err, ErrNotOwn) {
		t.Errorf("%v", err)
	}
	before := r.store.PlacesOf("receiver.test")
	done, err := r.engine.Move(t.Context(), "receiver.test", loopback2, nil)
	if err != nil || done != n+1 {
		t.Fatalf("%d, %v", done, err)
	}
	places := r.store.PlacesOf("receiver.test")
	if len(places) != 1 || places[0].Place.Sources != "127.0.0.2" || places[0].Count != n+2 || !places[0].NextDue.Equal(before[0].NextDue) {
		t.Fatalf("%+v after %+v", places, before)
	}
	if _, err := r.engine.RetryNow(t.Context(), "receiver.test", nil); err != nil {
		t.Fatal(err)
	}
	for range n + 2 {
		var o struct {
			IPs     []string
			Results []struct{ From string }
		}
		r.decode("success", &o)
		if len(o.IPs) != 1 || o.IPs[0] != "127.0.0.2" || len(o.Results) != 1 || o.Results[0].From != "127.0.0.2" {
			t.Fatalf("%+v", o)
		}
	}
	soon(t, "nothing in hand", r.idle)
}

// decode takes one message from a queue.
func (r *rig) decode(queue string, into any) {
	r.t.Helper()
	var got []localqueue.Taken
	soon(r.t, "a message in "+queue, func() bool { got = r.store.Take(queue, 1, got); return len(got) > 0 })
	if err := json.Unmarshal(got[0].Body, into); err != nil {
		r.t.Fatalf("%s: %v", got[0].Body, err)
	}
}

func TestRetryNowSendsWhatWasDelayed(t *testing.T) {
	peer := newReceiver(t, nil)
	r := newRig(t, peer.port(), nil)
	const n = 1200
	r.delayed(n, "receiver.test", "")
	r.delayed(1, "other.test", "")
	last := 0
	done, err := r.engine.RetryNow(t.Context(), "receiver.test", func(n int) { last = n })
	if err != nil || done != n || last != n {
		t.Fatalf("%d, %d, %v", done, last, err)
	}
	r.read("success", n)
	if left := r.store.WaitingCount(); left != 1 {
		t.Errorf("%d left", left)
	}
}

// What was refused for a while is tried at once, though its site is offline in the plan.
func TestRetryNowEndsAnOutage(t *testing.T) {
	var willing atomic.Bool
	peer := newReceiver(t, func(verb, _ string) string {
		if verb == "GREETING" && !willing.Load() {
			return "drop"
		}
		return ""
	})
	r := newRig(t, peer.port(), nil)
	r.publish(`{"recipient":"a@receiver.test","mime":"x","retries":[3600]}`)
	r.read("retry", 1)
	willing.Store(true)
	soon(t, "it waits", func() bool { return r.store.WaitingCount() == 1 && r.idle() })
	before, err := r.engine.Explain(t.Context(), "receiver.test", netip.Addr{})
	if err != nil || before.Plan == nil || before.Plan.Lanes[0].Offline == nil {
		t.Fatalf("not offline: %+v, %v", before, err)
	}
	if done, err := r.engine.RetryNow(t.Context(), "receiver.test", nil); done != 1 || err != nil {
		t.Fatalf("%d, %v", done, err)
	}
	if o := r.read("success", 1)[0]; len(o.Results) != 2 || len(peer.all()) != 1 {
		t.Errorf("%+v", o)
	}
}

func TestActionsEndWithTheirContext(t *testing.T) {
	r := newRig(t, 1, nil)
	r.delayed(2*actionBatch, "receiver.test", "")
	ctx, cancel := context.WithCancel(t.Context())
	done, err := r.engine.Fail(ctx, "receiver.test", "x", func(int) { cancel() })
	if !errors.Is(err, context.Canceled) || done != actionBatch {
		t.Errorf("%d, %v", done, err)
	}
	if left := r.store.WaitingCount(); left != actionBatch {
		t.Errorf("%d left", left)
	}
	if _, err := r.engine.Fail(ctx, "receiver.test", "x", nil); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	if _, err := r.engine.Explain(ctx, "receiver.test", netip.Addr{}); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

func TestActionsEndWithTheEngine(t *testing.T) {
	r := newRig(t, 1, nil)
	r.engine.cancel()
	ctx := t.Context()
	if _, err := r.engine.Explain(ctx, "receiver.test", netip.Addr{}); !errors.Is(err, ErrStopping) {
		t.Errorf("explain: %v", err)
	}
	if _, err := r.engine.Backlog(ctx); !errors.Is(err, ErrStopping) {
		t.Errorf("backlog: %v", err)
	}
	if _, err := r.engine.Fail(ctx, "receiver.test", "x", nil); !errors.Is(err, ErrStopping) {
		t.Errorf("fail: %v", err)
	}
}

// withSettings gives an engine settings, and says where they are changed.
func withSettings(t *testing.T) (*settings.Cache, func(*Options)) {
	cache := settings.NewCache(settings.CacheOptions{Logger: newTestLogger(t)})
	return cache, func(o *Options) { o.Settings = cache.Current }
}

func TestExplainAStranger(t *testing.T) {
	cache, set := withSettings(t)
	r := newRig(t, 1, set)
	for _, p := range []settings.Pause{
		{Domain: "receiver.test", Expire: time.Now().Add(time.Hour)}, {Domain: "other.test"}, {Tag: "campaign"},
		{Remote: loopback}, {Remote: loopback2}, {Source: loopback2},
	} {
		if _, err := cache.Pause(t.Context(), p); err != nil {
			t.Fatal(err)
		}
	}
	x, err := r.engine.Explain(t.Context(), "receiver.test", netip.Addr{})
	if err != nil {
		t.Fatal(err)
	}
	if x.Plan != nil || x.Waiting.Count != 0 || len(x.Route.Targets) != 1 || x.Route.Targets[0].Addr != loopback || x.Route.Expires.IsZero() || x.Route.Error != "" {
		t.Errorf("%+v", x)
	}
	if len(x.Sources) != 1 || x.Sources[0].Source != loopback || len(x.Sources[0].Limits) < 20 || x.Sources[0].Pause == nil {
		t.Errorf("sources: %+v", x.Sources)
	}
	if len(x.Pauses) != 3 || x.Waits.For != "the end of a pause: domain receiver.test" || x.Waits.Next.IsZero() {
		t.Errorf("%+v, %+v", x.Pauses, x.Waits)
	}
	if x, err = r.engine.Explain(t.Context(), "nowhere.test", loopback2); err != nil || x.Route.Error == "" {
		t.Errorf("%+v, %v", x.Route, err)
	}
	if len(x.Sources) != 1 || x.Sources[0].Source != loopback2 || x.Sources[0].Pause == nil || len(x.Pauses) != 2 {
		t.Errorf("%+v", x)
	}
	if _, err := json.Marshal(x); err != nil {
		t.Error(err)
	}
}

func TestExplainWhatWaits(t *testing.T) {
	r := newRig(t, 1, nil)
	r.delayed(5, "receiver.test", "")
	x, err := r.engine.Explain(t.Context(), "receiver.test", netip.Addr{})
	if err != nil {
		t.Fatal(err)
	}
	w := x.Waiting
	if w.Count != 5 || w.Due != 0 || w.AtLeast || w.NextDue.Before(time.Now().Add(time.Minute)) || w.Since.IsZero() || len(w.Places) != 1 {
		t.Errorf("%+v", w)
	}
	if x.Waits.For != "the time of its next attempt" || !x.Waits.Next.Equal(w.NextDue) || !x.Waits.Since.Equal(w.Since) {
		t.Errorf("%+v", x.Waits)
	}
	if x.Route.Error != "" || len(x.Route.Targets) != 1 {
		t.Errorf("%+v", x.Route)
	}
}

func TestBacklogIsBoundedAndSorted(t *testing.T) {
	r := newRig(t, 1, nil)
	b := new(localqueue.Batch)
	due := time.Now().Add(time.Hour)
	const domains = maxLines + 500
	for i := range domains {
		for range 1 + i%3 {
			b.Wait(localqueue.Waiting{Place: localqueue.Place{Destination: fmt.Sprintf("d%04d.test", i)}, Due: due, Body: []byte("x")})
		}
	}
	if err := r.store.Do(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	lines, err := r.engine.Backlog(t.Context())
	if err != nil || len(lines) != maxLines+1 {
		t.Fatalf("%d lines, %v", len(lines), err)
	}
	if l := lines[0]; l.Destination != "d0002.test" || l.Waiting != 3 || l.Memory != 0 || l.Since.IsZero() || !l.Next.Equal(due.Round(0)) || l.Reason == "" {
		t.Errorf("%+v", l)
	}
	if l := lines[maxLines]; l.Others != 500 || l.Waiting != 500 || l.Destination != "" || l.Since.IsZero() {
		t.Errorf("%+v", l)
	}
	total := 0
	for i, l := range lines {
		if i > 0 && i < maxLines && l.Waiting > lines[i-1].Waiting {
			t.Errorf("line %d: %d after %d", i, l.Waiting, lines[i-1].Waiting)
		}
		total += l.Waiting
	}
	if want := domains / 3 * 6; total != want {
		t.Errorf("%d of %d in all", total, want)
	}
}
