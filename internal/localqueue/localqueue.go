// Package localqueue is the durable queue on this disk: one Pebble store that
// holds the named queues of the embedded broker (ready messages), the mail that
// waits (by place and due time, and once more by deadline), the ledger of
// outcomes and a few small values. It is the only folder that knows Pebble.
//
// What it promises: a change is durable when its done(nil) was called and a
// [Batch] is durable as a whole or not at all; nothing is handed out twice, and
// nothing before it is durable; nothing waiting is handed out before its time;
// what was acked or removed does not come back. Memory is a cursor and a few
// numbers for each queue and place, however many messages there are, and opening
// reads those numbers only. After a failed write or sync nothing is trusted: the
// store refuses all further commits until it is opened anew.
//
// It keeps no RFC. Time comes in as an argument, except for the moment since
// which a place is not empty. Each open store runs one goroutine, the committer,
// beside those of Pebble (flushes and compactions); Close ends them all.
package localqueue

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/prometheus/client_golang/prometheus"
)

// Errors of this package, for errors.Is.
var (
	// ErrLocked: another process (or another Store) has the directory open.
	ErrLocked = errors.New("localqueue: the directory is in use by another process")
	// ErrNewerFormat: the directory was written by a newer version; see [FormatError].
	ErrNewerFormat = errors.New("localqueue: the directory was written by a newer version")
	// ErrNotInHand: a batch names a message that was not taken, or is already being
	// removed. Nothing of that batch was done; others are not touched.
	ErrNotInHand = errors.New("localqueue: message is not in hand")
	// ErrClosed: the store is closed, or closing.
	ErrClosed = errors.New("localqueue: closed")
	// ErrFailed: an earlier write or sync failed and nothing is trusted any more. It
	// wraps the cause.
	ErrFailed = errors.New("localqueue: the store has failed")
	// ErrTooLarge: a body, an identifier or a name is over its limit.
	ErrTooLarge = errors.New("localqueue: too large")
)

// Options of Open; the zero value is good.
type Options struct {
	FS         vfs.FS                // nil: the real disk
	Logger     *slog.Logger          // nil: no log
	Registerer prometheus.Registerer // nil: metrics are kept but not registered
	Window     int                   // batches that may wait for the committer; 0: 4096
}

// Store is an open local queue. All methods may be called at once by many
// goroutines.
type Store struct {
	db  *pebble.DB
	log *slog.Logger

	mu sync.Mutex
}

// Open opens the store in dir, which is made (mode 0700) if it is absent. It fails
// with ErrLocked or a [FormatError]; any other error is of the disk.
func Open(dir string, o Options) (*Store, error) { return nil, errors.New("localqueue: not yet") }

// Close waits for the commits in hand and closes the store. Commits that come
// later fail with ErrClosed.
func (s *Store) Close() error { return nil }

// Err is the error after which the store refuses commits, or nil.
func (s *Store) Err() error { return nil }

// Failed is closed when the store has failed; see Err.
func (s *Store) Failed() <-chan struct{} { return nil }

// FormatError says that the directory has a format this version cannot read.
type FormatError struct {
	Dir    string
	Have   int // the format of the directory
	Newest int // the newest format known here
}

func (e *FormatError) Error() string {
	return fmt.Sprintf("localqueue: %s has format %d, this version reads up to %d: start the newer version again, or empty the directory with it first", e.Dir, e.Have, e.Newest)
}

// Is makes errors.Is(err, ErrNewerFormat) true.
func (e *FormatError) Is(target error) bool { return target == ErrNewerFormat }

// Commit makes b durable and then calls done once, from the committer's goroutine:
// done must be quick and must not call Commit. Batches that wait are merged under
// one sync. Commit itself blocks only while more than Options.Window batches or 64
// MB wait. b and its bodies must not be changed before done.
func (s *Store) Commit(b *Batch, done func(error)) {}

// Do commits b and waits. If ctx ends first its error is returned, but b may still
// become durable.
func (s *Store) Do(ctx context.Context, b *Batch) error { return nil }

// Message is what a named queue holds.
type Message struct {
	Body      []byte
	Priority  uint8     // higher goes first
	ID        string    // a stable message-id, may be empty, at most 1 KB
	Published time.Time // kept to the nanosecond
}

// Taken is a message in hand. Its Body belongs to the receiver.
type Taken struct {
	Seq         uint64 // for Ack, Move and Back
	Redelivered bool   // given back before, or published before this store was opened
	Message
}

// QueueInfo is what is known of a named queue.
type QueueInfo struct {
	Name     string
	Messages int // all, those in hand included
	InHand   int
	Bytes    int64     // of bodies
	Oldest   time.Time // Published of the oldest message; zero if there is none
}

// Take takes up to n ready messages in hand and appends them to dst: by priority,
// then in the order of publishing. A message stays in hand until it is acked, moved
// or given back; nobody else gets it.
func (s *Store) Take(queue string, n int, dst []Taken) []Taken { return dst }

// Back gives a message back unharmed; it is next again, as redelivered.
func (s *Store) Back(queue string, seq uint64) {}

// Ready returns a channel that receives after something became ready in the queue.
// It has room for one signal: drain it, then Take until nothing comes. All callers
// for one queue share the channel.
func (s *Store) Ready(queue string) <-chan struct{} { return nil }

// Len says how many messages can be taken and how many are in hand.
func (s *Store) Len(queue string) (ready, inHand int) { return 0, 0 }

// Queues lists the queues that hold something or have a Ready channel, by name.
func (s *Store) Queues() []QueueInfo { return nil }

// Walk shows the messages of a queue, those in hand too, in order and without taking
// them, until fn says false.
func (s *Store) Walk(queue string, fn func(Taken) bool) error { return nil }

// Place says where mail waits.
type Place struct {
	Destination string // recipient domain in A-labels, or the smarthost
	Sources     string // the set of addresses it may leave from, in the caller's own spelling
	Hold        string // the paused tag that holds it, or empty
}

// Waiting is a message that waits.
type Waiting struct {
	ID       uint64 // given by the store; for Reschedule, Remove and so on
	Place    Place
	Due      time.Time // not handed out before; zero: now
	Deadline time.Time // zero: none
	Priority uint8     // among what is due, higher goes first
	Body     []byte
	Outcome  []byte // noted outcome, nil if there is none
}

// PlaceInfo is what is known of a place.
type PlaceInfo struct {
	Place   Place
	Count   int // all, those in hand included
	InHand  int
	NextDue time.Time // nothing that is not in hand is due before; zero if all is in hand
	Since   time.Time // the place has not been empty since: no message waits here longer
}

// TakeDue takes in hand up to n messages of the place that are due at now, and
// appends them to dst: higher priority first, then due time, then age.
func (s *Store) TakeDue(p Place, now time.Time, n int, dst []Waiting) []Waiting { return dst }

// BackWaiting gives a waiting message back unharmed, at its old time.
func (s *Store) BackWaiting(id uint64) {}

// Grab takes one message in hand that WalkPlace or Expired showed: w needs ID, Place,
// Due and Priority as they were shown. False: it is gone, moved, or in hand.
func (s *Store) Grab(w Waiting) bool { return false }

// Expired takes in hand up to n waiting messages whose deadline is at or before now.
func (s *Store) Expired(now time.Time, n int, dst []Waiting) []Waiting { return dst }

// Due shows the places that have something due at now and not in hand, in no order,
// until fn says false. fn must not call the store.
func (s *Store) Due(now time.Time, fn func(PlaceInfo) bool) {}

// NextDue is the earliest moment after now at which a place that has nothing due at
// now gets something due.
func (s *Store) NextDue(now time.Time) (time.Time, bool) { return time.Time{}, false }

// Changed receives after NextDue may have become earlier, or Due longer, by a commit
// or a BackWaiting. It has room for one signal and is shared by all callers.
func (s *Store) Changed() <-chan struct{} { return nil }

// Places lists all places that hold something.
func (s *Store) Places() []PlaceInfo { return nil }

// PlacesOf lists the places of one destination.
func (s *Store) PlacesOf(destination string) []PlaceInfo { return nil }

// Count says how many messages wait in a place, those in hand included.
func (s *Store) Count(p Place) int { return 0 }

// WaitingCount is the sum of Count over all places.
func (s *Store) WaitingCount() int { return 0 }

// WalkPlace shows the messages of a place in order, those in hand too, without taking
// them, until fn says false.
func (s *Store) WalkPlace(p Place, fn func(Waiting) bool) error { return nil }

// Expedite makes everything of a destination that is not in hand due at now. It
// rewrites index entries in batches of a thousand; progress (may be nil) hears how
// many were done so far.
func (s *Store) Expedite(ctx context.Context, destination string, now time.Time, progress func(done int)) (int, error) {
	return 0, nil
}

// OpenOutcomes, called once after Open and before the first TakeDue, takes in hand
// every waiting message that has a noted outcome and shows it to fn.
func (s *Store) OpenOutcomes(fn func(Waiting) error) error { return nil }

// Lookup finds the outcome that was noted for an identity. A match keeps the entry
// for another ten minutes.
func (s *Store) Lookup(identity [16]byte) (outcome []byte, ok bool) { return nil, false }

// Age lets ledger time pass. It is called at least every ten seconds while this
// process consumes, and not at all while it does not: a longer gap between two calls
// counts as ten seconds. Entries leave ten to eleven minutes after their Acked.
func (s *Store) Age(now time.Time) {}

// Clear empties the ledger and waits until that is durable.
func (s *Store) Clear(ctx context.Context) error { return nil }

// Trim drops the oldest messages, not those in hand, of the queues for which cut is
// true: all that were published before now-keepAge, then as many as it takes for
// these queues together to hold no more than keepBytes. Zero means no limit.
func (s *Store) Trim(ctx context.Context, now time.Time, keepAge time.Duration, keepBytes int64, cut func(queue string) bool) (dropped int, err error) {
	return 0, nil
}

// Meta returns a value set with SetMeta.
func (s *Store) Meta(key string) ([]byte, bool) { return nil, false }
