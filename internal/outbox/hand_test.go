package outbox

import (
	"testing"
	"time"

	"posthoorn/internal/broker"
)

func ticket(channel uint32, epoch, tag uint64) broker.Ticket {
	return broker.Ticket{Channel: channel, Epoch: epoch, Tag: tag}
}

func again(t broker.Ticket) broker.Delivery { return broker.Delivery{Redelivered: true, Ticket: t} }

// inHand is a hand with one item of identity 1 that came with ticket 1/1/1.
func inHand(inLane bool) (*hand, *item) {
	h := newHand()
	it := &item{identity: [16]byte{1}, ticket: ticket(1, 1, 1), inLane: inLane}
	h.add(it)
	return h, it
}

func TestFirstDeliveryIsNewWhateverIsInHand(t *testing.T) {
	h, it := inHand(false)
	if v := h.admit(broker.Delivery{Ticket: ticket(1, 1, 2)}, it.identity); v != isNew {
		t.Errorf("verdict %d: the same body published twice is two messages", v)
	}
}

func TestRedeliveryTakesTheStaleTicketsPlace(t *testing.T) {
	h, it := inHand(false)
	h.lost(1, 1, time.Now())
	if v := h.admit(again(ticket(1, 2, 9)), it.identity); v != isKnown {
		t.Fatalf("verdict %d", v)
	}
	if got, live, _ := h.settled(it); got != ticket(1, 2, 9) || !live {
		t.Errorf("acknowledges %v, live %v", got, live)
	}
	if h.size() != 0 {
		t.Error("still in hand")
	}
}

func TestRedeliveryOfWhatIsFinishedIsAcknowledged(t *testing.T) {
	h, it := inHand(false)
	h.lost(1, 1, time.Now())
	if _, live, _ := h.settled(it); live {
		t.Fatal("a stale ticket is acknowledged")
	}
	if v := h.admit(again(ticket(1, 2, 9)), it.identity); v != isDone {
		t.Errorf("verdict %d", v)
	}
	if v := h.admit(again(ticket(1, 2, 10)), it.identity); v != isNew {
		t.Errorf("verdict %d: one message is claimed twice", v)
	}
}

func TestWhatWaitsInALaneIsForgotten(t *testing.T) {
	h, it := inHand(true)
	if leave, _ := h.lost(1, 1, time.Now()); len(leave) != 1 || leave[0] != it {
		t.Fatalf("leaves: %v", leave)
	}
	if !h.forget(it) {
		t.Fatal("not forgotten")
	}
	if v := h.admit(again(ticket(1, 2, 1)), it.identity); v != isNew {
		t.Errorf("verdict %d", v)
	}
}

func TestWhatComesAgainBeforeItHasLeftStays(t *testing.T) {
	h, it := inHand(true)
	h.lost(1, 1, time.Now())
	if v := h.admit(again(ticket(1, 2, 1)), it.identity); v != isKnown {
		t.Fatalf("verdict %d", v)
	}
	if h.forget(it) || it.ticket != ticket(1, 2, 1) {
		t.Errorf("forgotten, ticket %v", it.ticket)
	}
}

func TestLostConcernsItsChannelAndEpochOnly(t *testing.T) {
	h, it := inHand(true)
	for _, l := range []struct {
		channel uint32
		epoch   uint64
	}{{2, 5}, {1, 0}} {
		if leave, _ := h.lost(l.channel, l.epoch, time.Now()); len(leave) != 0 || it.stale {
			t.Errorf("channel %d epoch %d takes %v along", l.channel, l.epoch, leave)
		}
	}
}

func TestEqualBodyOnAnotherChannelIsHeld(t *testing.T) {
	h, it := inHand(false)
	if v := h.admit(again(ticket(2, 1, 1)), it.identity); v != isKnown {
		t.Fatalf("verdict %d", v)
	}
	if _, _, held := h.settled(it); len(held) != 1 || held[0].Ticket != ticket(2, 1, 1) {
		t.Errorf("held: %v", held)
	}
}

func TestHeldComesFreeWhenTheTicketIsLost(t *testing.T) {
	h, it := inHand(false)
	h.admit(again(ticket(2, 1, 1)), it.identity)
	if _, held := h.lost(1, 1, time.Now()); len(held) != 1 {
		t.Fatalf("held: %v", held)
	}
	if v := h.admit(again(ticket(2, 1, 1)), it.identity); v != isKnown || it.ticket != ticket(2, 1, 1) {
		t.Errorf("verdict %d, ticket %v", v, it.ticket)
	}
}

func TestNobodyClaims(t *testing.T) {
	h, it := inHand(false)
	now := time.Now()
	h.lost(1, 1, now)
	h.sweep(now.Add(unclaimed + time.Second))
	if h.size() != 1 {
		t.Fatal("an item in transaction was forgotten")
	}
	h.settled(it)
	h.sweep(now.Add(unclaimed - time.Second))
	if h.size() != 1 {
		t.Fatal("forgotten too early")
	}
	h.sweep(now.Add(unclaimed + time.Second))
	if h.size() != 0 {
		t.Error("kept for ever")
	}
}

func TestAHigherEpochOfItsChannelMakesATicketStale(t *testing.T) {
	h, it := inHand(false)
	if v := h.admit(again(ticket(1, 2, 1)), it.identity); v != isKnown || it.ticket != ticket(1, 2, 1) {
		t.Errorf("verdict %d, ticket %v", v, it.ticket)
	}
}

func TestHeldDeliveriesEndWithTheirChannel(t *testing.T) {
	h, it := inHand(false)
	h.admit(again(ticket(2, 1, 1)), it.identity)
	if _, held := h.lost(2, 1, time.Now()); len(held) != 0 {
		t.Errorf("handled again: %v", held)
	}
	if _, held := h.lost(1, 1, time.Now()); len(held) != 0 {
		t.Errorf("a dead ticket is handled again: %v", held)
	}
	if v := h.admit(again(ticket(2, 2, 1)), it.identity); v != isKnown || it.ticket != ticket(2, 2, 1) {
		t.Errorf("verdict %d, ticket %v", v, it.ticket)
	}
}

func TestALaneLearnsThatATicketIsStale(t *testing.T) {
	h, it := inHand(false)
	if h.setLane(it, true) {
		t.Error("stale before it is lost")
	}
	h.lost(1, 1, time.Now())
	if !h.setLane(it, true) {
		t.Error("not stale after it is lost")
	}
}
