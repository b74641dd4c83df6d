package outbox

import (
	"slices"
	"sync"
	"time"

	"posthoorn/internal/broker"
	"posthoorn/internal/settle"
)

// unclaimed is how long a finished item with a stale ticket waits for its delivery to come again; then another instance has it.
const unclaimed = 10 * time.Minute

// hand is the multiset of what came from the broker and is not acked: a delivery that comes again is recognised here first
// (architecture: Identity).
type hand struct {
	mu    sync.Mutex
	items map[settle.Identity][]*item
}

func newHand() *hand { return &hand{items: map[settle.Identity][]*item{}} }

// verdict says what to do with a delivery.
type verdict uint8

const (
	isNew   verdict = iota // not in hand: handle it
	isKnown                // taken over, or held: nothing more to do
	isDone                 // its outcome is durable already: acknowledge it
)

// admit decides about a delivery that may have come before.
func (h *hand) admit(d broker.Delivery, id settle.Identity) verdict {
	if !d.Redelivered {
		return isNew
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	entries := h.items[id]
	for _, it := range entries {
		if it.stale || it.ticket.Channel == d.Ticket.Channel && it.ticket.Epoch < d.Ticket.Epoch {
			it.ticket, it.stale = d.Ticket, false
			if it.done {
				h.drop(it)
				return isDone
			}
			return isKnown
		}
	}
	for _, it := range entries {
		if it.ticket.Channel != d.Ticket.Channel {
			it.held = append(it.held, d)
			return isKnown
		}
	}
	return isNew
}

func (h *hand) add(it *item) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.items[it.identity] = append(h.items[it.identity], it)
}

// lost marks the tickets of a channel as stale. It returns the items that wait in a lane, which should leave it: the broker brings
// them again; and the deliveries that were held because of one of the stale tickets.
func (h *hand) lost(channel uint32, epoch uint64, now time.Time) (leave []*item, again []broker.Delivery) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, entries := range h.items {
		for _, it := range entries {
			it.held = slices.DeleteFunc(it.held, func(d broker.Delivery) bool { return d.Ticket.Channel == channel && d.Ticket.Epoch <= epoch })
			if it.stale || it.ticket.Channel != channel || it.ticket.Epoch > epoch {
				continue
			}
			it.stale, it.staleAt = true, now
			again = append(again, it.held...)
			it.held = nil
			if it.inLane {
				leave = append(leave, it)
			}
		}
	}
	return leave, again
}

// forget drops an item that is in no lane and has no outcome, if its ticket is stale. False: it is not, or its delivery has come again
// meanwhile, and it stays.
func (h *hand) forget(it *item) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if it.stale {
		h.drop(it)
	}
	return it.stale
}

// settled is called when the outcome of it is durable. It returns the ticket to acknowledge, if that is not stale, and what was
// held meanwhile.
func (h *hand) settled(it *item) (t broker.Ticket, live bool, again []broker.Delivery) {
	h.mu.Lock()
	defer h.mu.Unlock()
	it.done = true
	if it.stale {
		return t, false, nil
	}
	h.drop(it)
	return it.ticket, true, it.held
}

// abandon takes an item out that was not settled; the caller gives its ticket back.
func (h *hand) abandon(it *item) (t broker.Ticket, live bool, again []broker.Delivery) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.drop(it)
	return it.ticket, !it.stale, it.held
}

// setLane notes that the plan has the item, or that a connection does. It says whether the ticket is stale: then the item should
// not be in a lane.
func (h *hand) setLane(it *item, in bool) (stale bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	it.inLane = in
	return it.stale
}

// isStale says that the ticket of an item is lost.
func (h *hand) isStale(it *item) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return it.stale
}

// sweep forgets finished items that nobody claimed.
func (h *hand) sweep(now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, entries := range h.items {
		for _, it := range append([]*item(nil), entries...) {
			if it.stale && it.done && now.Sub(it.staleAt) > unclaimed {
				h.drop(it)
			}
		}
	}
}

// has says that a delivery with this body is in hand.
func (h *hand) has(identity settle.Identity) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.items[identity]) > 0
}

// size counts what is in hand, finished items whose delivery has not come again too.
func (h *hand) size() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	n := 0
	for _, entries := range h.items {
		n += len(entries)
	}
	return n
}

// drop removes one entry; h.mu is held.
func (h *hand) drop(it *item) {
	entries := h.items[it.identity]
	for i, e := range entries {
		if e == it {
			entries[i] = entries[len(entries)-1]
			entries = entries[:len(entries)-1]
			break
		}
	}
	if len(entries) == 0 {
		delete(h.items, it.identity)
		return
	}
	h.items[it.identity] = entries
}
