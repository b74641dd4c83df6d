// Package localqueue is the durable queue on this disk: one Pebble store that
// holds the named queues of the embedded broker (ready messages), the mail that
// waits (by place and due time, and once more by deadline), the ledger of
// outcomes and a few small values. It is the only folder that knows Pebble.
//
// What it promises: a change is durable when its done(nil) was called (but for Acked
// and Forget, whose loss is safe) and a [Batch] as a whole or not at all; nothing is handed out twice, and
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
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"

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
	db     *pebble.DB
	lock   io.Closer
	fs     vfs.FS
	log    *slog.Logger
	meters *meters
	commits
	life life // of the database, outside the committer

	mu       sync.Mutex
	groups   map[uint32]*group
	queues   map[string]*group
	places   map[Place]*group
	byDomain map[string][]*group // the places of a destination
	agenda   agenda
	changed  chan struct{}

	held     map[uint64]*held    // in hand, by number
	returned map[uint64]struct{} // given back and not taken since
	noted    map[uint64]struct{} // waiting messages with a noted outcome
	waiting  int                 // messages in all places
	shut     map[string]int      // destinations of which nothing is handed out; empty: all
	lastID   uint32              // of groups

	next     uint64 // number of the next message
	reserved uint64 // on disk: numbers below are used up by the next start
	opened   uint64 // numbers below are from before this start
	durable  uint64 // numbers below are on disk
	dead     deadlineMark
	ledger   ledger
}

// Open opens the store in dir, which is made (mode 0700) if it is absent. It fails
// with ErrLocked or a [FormatError]; any other error is of the disk.
func Open(dir string, o Options) (*Store, error) {
	s := newStore(o)
	if err := makeDir(s.fs, dir); err != nil {
		return nil, fmt.Errorf("localqueue: making the directory: %w", err)
	}
	lock, err := lockDirectory(s.fs, dir)
	if err != nil {
		return nil, err
	}
	s.lock = lock
	if err := s.open(dir, lock, o); err != nil {
		if s.db != nil {
			err = errors.Join(err, s.db.Close())
		}
		return nil, errors.Join(err, lock.Close())
	}
	s.running.Go(s.commitLoop)
	return s, nil
}

func newStore(o Options) *Store {
	s := &Store{
		fs: o.FS, log: o.Logger,
		groups:   make(map[uint32]*group),
		queues:   make(map[string]*group),
		places:   make(map[Place]*group),
		byDomain: make(map[string][]*group),
		changed:  make(chan struct{}, 1),
		held:     make(map[uint64]*held),
		returned: make(map[uint64]struct{}),
		noted:    make(map[uint64]struct{}),
		shut:     make(map[string]int),
	}
	s.commits.init(o.Window)
	s.life.idle.L = &s.life.mu
	s.agenda.armed = endOfTime
	s.dead.pending = end()
	s.ledger.unacked = make(map[[16]byte]uint32)
	if s.fs == nil {
		s.fs = privateFS{vfs.Default}
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	return s
}

func (s *Store) open(dir string, lock *pebble.Lock, o Options) error {
	if err := checkFormat(s.fs, dir); err != nil {
		return err
	}
	db, err := openPebble(s.fs, dir, lock, s.log)
	if err != nil {
		return fmt.Errorf("localqueue: opening %s: %w", dir, err)
	}
	s.db = db
	if err := s.load(); err != nil {
		return fmt.Errorf("localqueue: reading %s: %w", dir, err)
	}
	s.meters, err = newMeters(s, o.Registerer)
	return err
}

// Close waits for the commits in hand and closes the store. Commits that come
// later fail with ErrClosed.
func (s *Store) Close() error {
	if !s.commits.stop() {
		return nil
	}
	s.running.Wait()
	s.life.end()
	s.meters.unregister(s.meters.all())
	return errors.Join(s.db.Close(), s.lock.Close())
}

// use says whether the database may be read; if so, s.life.leave follows.
func (s *Store) use() bool { return s.Err() == nil && s.life.enter() }
