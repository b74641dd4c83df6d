package amqp

import (
	"math/rand/v2"
	"testing"
)

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
				b.take(x.take(epoch))
			}
			if x.current() != len(open) {
				t.Fatalf("%d tickets are open, want %d", x.current(), len(open))
			}
		}
		b.take(x.take(epoch))
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
	if b := x.take(1); b.upto != 2 || len(b.single) != 1 || b.single[0] != 4 {
		t.Errorf("told %+v", b)
	}
	x.finish(1, 3, tagAcked)
	if b := x.take(2); b.upto != 0 || b.single != nil {
		t.Errorf("told %+v on a channel that does not know the tags", b)
	}
	if b := x.take(1); b.upto != 3 || len(b.single) != 0 {
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
