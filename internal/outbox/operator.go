package outbox

import "errors"

// The operator's actions are Explain, Backlog, RetryNow, Fail, Move and Evacuate. Each works in bounded batches while mail flows,
// tells progress how many messages it has done so far, and ends with its context: what it has done then stays done, what it has
// not begun stays as it was, and the number that it returns says how far it came. Destinations are written as the plan has them:
// the recipient's domain in A-labels and lower case, an address literal, or host:port of a smarthost.

// Errors of the operator's actions, for errors.Is.
var (
	// ErrNotOwn: the address is none of this host.
	ErrNotOwn = errors.New("not an address of this host")
	// ErrNotRemote: there is no other broker that mail could be given back to.
	ErrNotRemote = errors.New("only with RabbitMQ: the queue of this process has no other readers")
	// ErrBusy: an evacuation is going on already.
	ErrBusy = errors.New("an evacuation is going on already")
	// ErrInTransaction: an evacuation for good could not end, since some mail is still in transaction or cannot be reported.
	ErrInTransaction = errors.New("some messages are still in transaction")
)
