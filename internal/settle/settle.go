// Package settle does what a result asks for: note the outcome in the ledger, publish, wait for the confirms, and only then say
// that the message may be acknowledged; or put the message back to wait.
//
// Two ways lead there, for the two engines. Remote, with RabbitMQ: the ledger on this disk, then the publishings on the broker, then
// the acknowledgement of the input. A crash in between finds the outcome in the ledger. Embedded: all publishings of a result and the removal of its input are one commit.
//
// What it promises: Settled is called once for each Work, with nil only when everything is durable. A bad override queue does not
// stop anything (queues.md section 2); a queue of the file that cannot be reached holds its messages until it can.
//
// Goroutines: one for each publishing that waits to be repeated, and short ones that carry a work on from the callback of a
// confirm or a commit, which may not wait; as many at most as works and their publishings are open.
package settle

import (
	"posthoorn/internal/broker"
	"posthoorn/internal/localqueue"
)

// Identity is the 128-bit hash of a delivery's body.
type Identity = [16]byte

// Origin says where a message came from: the broker, or the local queue.
type Origin struct {
	Ticket   broker.Ticket
	Identity Identity // of a delivery of the broker; zero: not kept in the ledger
	Waiting  uint64   // ID in the local queue; 0: it came from the broker
}

// Publication is one publishing, and what to do when its queue cannot be reached.
type Publication struct {
	broker.Publishing
	Override bool   // the message itself names the queue
	Fallback string // queue of the file for the same role, may be empty
	Whole    bool   // it is worth nothing with parts left out
}

// Work is what one result asks for.
type Work struct {
	Origin  Origin
	Publish []Publication
	Wait    *localqueue.Waiting // the message goes (back) to wait; nil: it is finished
	Replay  bool                // the outcome was found in the ledger: it is there already
	Settled func(error)         // called once, from any goroutine, must be quick
}

// Store is what Remote and Embedded need of the local queue.
type Store interface {
	Commit(b *localqueue.Batch, done func(error))
}
