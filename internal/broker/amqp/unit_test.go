package amqp

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"posthoorn/internal/broker"

	amqp091 "github.com/rabbitmq/amqp091-go"
)

func TestParseAddress(t *testing.T) {
	for _, c := range []struct {
		address string
		names   string // joined by blanks; empty: an error
	}{
		{"amqp://u:p@h", "amqp://h:5672/"},
		{"amqp://u:p@h/", "amqp://h:5672/"},
		{"amqp://h:99/vhost", "amqp://h:99/vhost"},
		{"amqps://u:p@h", "amqps://h:5671/"},
		{"amqp://u:p@h1;h2:77;h3/v", "amqp://h1:5672/v amqp://h2:77/v amqp://h3:5672/v"},
		{"amqp://u:p@h1/v, amqps://u:p@h2/w", "amqp://h1:5672/v amqps://h2:5671/w"},
		{"amqp://u:a,b@h1/,amqp://u:p@h2/", "amqp://h1:5672/ amqp://h2:5672/"},
		{"amqp://u:p@[::1]:99/", "amqp://[::1]:99/"},
		{"amqp://u:p%40%2F@h/%2Fx", "amqp://h:5672/x"},
		{"", ""},
		{" , ", ""},
		{"http://u:secret@h/", ""},
		{"u:secret@h", ""},
		{"amqp://u:se cret@h/", ""},
		{"amqp://u:secret@h:port/", ""},
	} {
		nodes, err := parseAddress(c.address)
		var names []string
		for _, n := range nodes {
			names = append(names, n.name)
		}
		if got := strings.Join(names, " "); got != c.names || (err == nil) != (c.names != "") {
			t.Errorf("%q: %q, %v; want %q", c.address, got, err, c.names)
		}
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: the error tells the password: %v", c.address, err)
		}
	}
}

// toldBroker is what RabbitMQ does with acks: it knows its unacked tags in order, and takes an unknown one for an error.
type toldBroker struct {
	t       *testing.T
	unacked map[uint64]bool
	acked   map[uint64]bool
	back    map[uint64]bool
}

func (b *toldBroker) take(x batch) {
	for _, tag := range x.back {
		b.know(tag)
		b.back[tag] = true
	}
	if x.upto > 0 {
		b.know(x.upto)
		b.acked[x.upto] = true
		for tag := range b.unacked {
			if tag <= x.upto {
				delete(b.unacked, tag)
				b.acked[tag] = true
			}
		}
	}
	for _, tag := range x.single {
		b.know(tag)
		b.acked[tag] = true
	}
}

func (b *toldBroker) know(tag uint64) {
	if !b.unacked[tag] {
		b.t.Fatalf("the broker does not know tag %d", tag)
	}
	delete(b.unacked, tag)
}

func TestTicketsAgainstModel(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	for range 200 {
		var x tickets
		b := &toldBroker{t: t, unacked: map[uint64]bool{}, acked: map[uint64]bool{}, back: map[uint64]bool{}}
		epoch := r.Uint64()%5 + 1
		x.begin(epoch)
		want := map[uint64]uint8{} // what was asked for
		var open []uint64
		next := uint64(1)
		for range 300 {
			switch n := r.IntN(10); {
			case n < 5:
				x.out(next)
				b.unacked[next] = true
				open = append(open, next)
				next++
			case n < 9 && len(open) > 0:
				i := r.IntN(len(open))
				state := tagAcked
				if r.IntN(4) == 0 {
					state = tagReturned
				}
				if x.finish(epoch, open[i], state) == 0 {
					t.Fatal("an open ticket counts as stale")
				}
				want[open[i]] = state
				if x.finish(epoch, open[i], tagAcked) != 0 || x.finish(epoch+1, open[i], tagAcked) != 0 || x.finish(epoch, next, tagAcked) != 0 {
					t.Fatal("a ticket was settled twice, in another epoch, or before it was given out")
				}
				open = append(open[:i], open[i+1:]...)
			case n == 9:
				b.take(x.take())
			}
			if x.current() != len(open) {
				t.Fatalf("%d tickets are open, want %d", x.current(), len(open))
			}
		}
		b.take(x.take())
		compareTold(t, b, want, open)
	}
}

func compareTold(t *testing.T, b *toldBroker, want map[uint64]uint8, open []uint64) {
	t.Helper()
	for tag, state := range want {
		if b.acked[tag] != (state == tagAcked) || b.back[tag] != (state == tagReturned) {
			t.Fatalf("tag %d: acked %v, given back %v, asked for state %d", tag, b.acked[tag], b.back[tag], state)
		}
	}
	for _, tag := range open {
		if !b.unacked[tag] {
			t.Fatalf("tag %d is open and the broker was told of it", tag)
		}
	}
	if len(b.unacked) != len(open) {
		t.Fatalf("the broker was not told of %d tags", len(b.unacked)-len(open))
	}
}

func TestTicketsMultiple(t *testing.T) {
	var x tickets
	x.begin(1)
	for tag := uint64(1); tag <= 5; tag++ {
		x.out(tag)
	}
	for _, tag := range []uint64{1, 2, 4} {
		x.finish(1, tag, tagAcked)
	}
	if b := x.take(); b.upto != 2 || len(b.single) != 1 || b.single[0] != 4 {
		t.Errorf("told %+v", b)
	}
	x.finish(1, 3, tagAcked)
	if b := x.take(); b.upto != 3 || len(b.single) != 0 {
		t.Errorf("told %+v: tag 4 is not known any more, tag 3 is the one to name", b)
	}
}

func TestTicketsDoubt(t *testing.T) {
	var x tickets
	x.begin(1)
	x.out(1)
	x.end()
	if x.doubtful() {
		t.Error("doubt without an ack")
	}
	x.begin(2)
	x.out(1)
	x.finish(2, 1, tagAcked)
	x.end()
	if !x.doubtful() {
		t.Error("no doubt although an ack was under way")
	}
}

func TestGate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &gate{limit: 2}
		ctx, cancel := context.WithCancel(context.Background())
		for range 2 {
			if err := g.enter(ctx, 1); err != nil {
				t.Fatal(err)
			}
		}
		var order []int
		var mu sync.Mutex
		waitFor := func(n int) {
			go func() {
				if g.enter(context.Background(), n) == nil {
					mu.Lock()
					order = append(order, n)
					mu.Unlock()
				}
			}()
			synctest.Wait()
		}
		waitFor(3) // more than there will ever be room for
		waitFor(1)
		failed := make(chan error, 1)
		go func() { failed <- g.enter(ctx, 1) }()
		synctest.Wait()
		cancel()
		if err := <-failed; !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled wait: %v", err)
		}
		g.leave(1)
		synctest.Wait()
		if len(order) != 1 || order[0] != 3 || g.inside() != 4 {
			t.Errorf("entered %v, %d inside", order, g.inside())
		}
		g.leave(3)
		synctest.Wait()
		if len(order) != 2 {
			t.Errorf("entered %v", order)
		}
		g.force(1)
		go func() { failed <- g.enter(context.Background(), 1) }()
		synctest.Wait()
		g.shut()
		if err := <-failed; !errors.Is(err, broker.ErrClosed) {
			t.Errorf("wait at a gate that closes: %v", err)
		}
		if err := g.enter(context.Background(), 1); !errors.Is(err, broker.ErrClosed) {
			t.Errorf("closed gate: %v", err)
		}
	})
}

func TestWindow(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	var w window
	open := map[uint64]*entry{}
	for i := range 20_000 {
		if r.IntN(100) < 52 || len(open) == 0 {
			e := &entry{priority: uint8(i)}
			open[w.next] = e
			w.add(e)
		} else {
			for at := range open {
				w.drop(at)
				delete(open, at)
				break
			}
		}
		if w.open != len(open) || (w.head() == nil) != (len(open) == 0) {
			t.Fatalf("%d open, head %v, want %d", w.open, w.head(), len(open))
		}
	}
	for at, e := range open {
		if *w.at(at) != e {
			t.Fatalf("slot %d was overwritten", at)
		}
	}
	if all := w.clear(); len(all) != len(open) || w.head() != nil {
		t.Errorf("clear gave %d of %d", len(all), len(open))
	}
}

func compressed(t *testing.T, body []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write(body); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestCodec(t *testing.T) {
	c := codec{max: 64 << 20}
	for _, size := range []int{0, 1, 1000, 3 << 20} {
		body := bytes.Repeat([]byte(`{"a": "b"}`), size/10+1)[:size]
		small, err := c.compress(body)
		if err != nil {
			t.Fatal(err)
		}
		back, err := c.expand(small)
		if err != nil || !bytes.Equal(back, body) {
			t.Errorf("%d bytes came back as %d: %v", size, len(back), err)
		}
	}
	good := compressed(t, []byte("hello, this is a body"))
	for name, bad := range map[string][]byte{
		"empty": nil, "no gzip": []byte("{}"), "cut": good[:len(good)-3], "damaged": append(bytes.Clone(good[:len(good)-5]), 1, 2, 3, 4, 5),
		"bomb":  compressed(t, make([]byte, 32<<20)),
		"large": compressed(t, randomBytes(c.max+1)),
	} {
		if _, err := c.expand(bad); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if _, err := c.expand(compressed(t, make([]byte, ratioFree))); err != nil {
		t.Errorf("small body of one letter: %v", err)
	}
}

// randomBytes compresses badly enough to pass the ratio.
func randomBytes(n int64) []byte {
	b := make([]byte, n)
	r := rand.New(rand.NewPCG(1, 1))
	for i := 0; i < len(b); i += 16 {
		b[i] = byte(r.Uint32())
	}
	return b
}

// pair is both ends of a TCP connection.
func pair(t *testing.T) (*wire, net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	near, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	far, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = far.Close() })
	w := newWire(near)
	t.Cleanup(w.kill)
	return w, far
}

func TestWireDelivers(t *testing.T) {
	w, far := pair(t)
	want := randomBytes(3 << 20)
	go func() {
		for rest := want; len(rest) > 0; {
			n := min(len(rest), 1+rand.IntN(40_000))
			_, _ = w.Write(rest[:n])
			rest = rest[n:]
		}
		_ = w.Close()
	}()
	got, err := io.ReadAll(far)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("%d of %d bytes arrived: %v", len(got), len(want), err)
	}
	if _, err := w.Write([]byte{1}); !errors.Is(err, net.ErrClosed) {
		t.Errorf("write after close: %v", err)
	}
}

// A peer that reads nothing stops Write at some time; Close and kill release it.
func TestWireReleases(t *testing.T) {
	for name, end := range map[string]func(*wire){"kill": (*wire).kill, "close": func(w *wire) { _ = w.Close() }} {
		w, _ := pair(t)
		result := make(chan error, 1)
		var written sync.WaitGroup
		written.Add(1)
		go func() {
			once := sync.OnceFunc(written.Done)
			for total := 0; ; total += 64 << 10 {
				if total > 1<<20 {
					once()
				}
				if _, err := w.Write(make([]byte, 64<<10)); err != nil {
					result <- err
					return
				}
			}
		}()
		written.Wait()
		end(w)
		select {
		case err := <-result:
			if err == nil {
				t.Errorf("%s: no error", name)
			}
		case <-time.After(10 * time.Second):
			t.Fatalf("%s: the write still waits", name)
		}
	}
}

func TestOutboxWarning(t *testing.T) {
	quorum := func(more amqp091.Table) amqp091.Table {
		args := amqp091.Table{"x-queue-type": "quorum"}
		for k, v := range more {
			args[k] = v
		}
		return args
	}
	for name, c := range map[string]struct {
		args  amqp091.Table
		major int
		want  string // part of the warning; empty: none
	}{
		"classic":                    {nil, 4, ""},
		"quorum before 4.0":          {quorum(nil), 3, ""},
		"quorum from 4.0":            {quorum(nil), 4, "rabbitmqctl set_policy"},
		"switched off":               {quorum(amqp091.Table{"x-delivery-limit": int64(-1)}), 4, ""},
		"limit":                      {quorum(amqp091.Table{"x-delivery-limit": int64(5)}), 3, "dead-letter"},
		"limit with dead-lettering":  {quorum(amqp091.Table{"x-delivery-limit": int64(5), "x-dead-letter-exchange": "dlx"}), 4, ""},
		"dead-lettering, no limit 4": {quorum(amqp091.Table{"x-dead-letter-exchange": "dlx"}), 4, "rabbitmqctl"},
	} {
		got := outboxWarning(c.args, c.major, "out.box")
		if (got == "") != (c.want == "") || !strings.Contains(got, c.want) {
			t.Errorf("%s: %q", name, got)
		}
	}
	if w := outboxWarning(quorum(nil), 4, "out.box"); !strings.Contains(w, `'^out\.box$'`) {
		t.Errorf("the name is no pattern: %s", w)
	}
}

func TestTooBigBlame(t *testing.T) {
	b := &Broker{cluster: &cluster{}}
	for reason, want := range map[string]int64{
		"PRECONDITION_FAILED - message size 50 is larger than configured max size 40": 40,
		"PRECONDITION_FAILED - message is larger than somebody likes":                 49,
		"PRECONDITION_FAILED - message size 50 is larger than configured max size 60": 49,
	} {
		p := newPublisher(b, 1)
		small, large := entry{s: &sending{left: 1}, body: make([]byte, 30)}, entry{s: &sending{left: 1}, body: make([]byte, 50)}
		p.blameSize([]*entry{&small, &large}, reason)
		if b.cluster.limit.Load() != want || small.s.over || !errors.Is(large.s.err, broker.ErrTooBig) {
			t.Errorf("%s: limit %d, small %v, large %v", reason, b.cluster.limit.Load(), small.s.err, large.s.err)
		}
	}
}

// What comes back is told from its equals by name, id and body; the oldest of those is meant.
func TestMatchReturn(t *testing.T) {
	b := &Broker{cluster: &cluster{}, names: directory{names: map[string]*name{}}}
	b.metrics = newMetrics(nil, nil, nil)
	p := newPublisher(b, 1)
	entries := []*entry{
		{queue: "a", id: "1", body: []byte("x")}, {queue: "b", id: "1", body: []byte("x")}, {queue: "a", id: "2", body: []byte("x")},
		{queue: "a", id: "1", body: []byte("y")}, {queue: "a", id: "1", body: []byte("x")},
	}
	for _, e := range entries {
		p.window.add(e)
	}
	returned := func() (r string) {
		for _, e := range entries {
			if r += "-"; e.returned {
				r = r[:len(r)-1] + "r"
			}
		}
		return r
	}
	for _, c := range []struct{ queue, id, body, want string }{
		{"a", "1", "y", "---r-"}, {"a", "1", "x", "r--r-"}, {"a", "1", "x", "r--rr"}, {"a", "1", "x", "r--rr"}, {"b", "2", "x", "r--rr"},
	} {
		p.bounce(&amqp091.Return{RoutingKey: c.queue, MessageId: c.id, Body: []byte(c.body)})
		if got := returned(); got != c.want {
			t.Fatalf("after the return of %v: %s, want %s", c, got, c.want)
		}
	}
}

func TestBackoff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b backoff
		for want := backoffMin; want < 4*backoffMax; want *= 2 {
			begin := time.Now()
			if err := b.wait(context.Background()); err != nil {
				t.Fatal(err)
			}
			if took, limit := time.Since(begin), min(want, backoffMax); took < limit/2 || took > limit {
				t.Errorf("waited %v, want between half and all of %v", took, limit)
			}
		}
		b.worked(time.Now().Add(-time.Minute))
		begin := time.Now()
		_ = b.wait(context.Background())
		if time.Since(begin) > backoffMin {
			t.Error("a long connection does not begin the waits anew")
		}
	})
}
