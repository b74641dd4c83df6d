package localqueue

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
)

// failing is a disk whose log cannot be written or synced once the switch is on.
func failing(fs vfs.FS, on *atomic.Bool, cause error, kinds ...errorfs.OpKind) vfs.FS {
	return errorfs.Wrap(fs, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if !on.Load() || !strings.HasSuffix(op.Path, ".log") {
			return nil
		}
		for _, k := range kinds {
			if op.Kind == k {
				return cause
			}
		}
		return nil
	}))
}

func TestNothingIsTrustedAfterAFailedWrite(t *testing.T) {
	syncs := []errorfs.OpKind{errorfs.OpFileSync, errorfs.OpFileSyncData, errorfs.OpFileSyncTo, errorfs.OpFileFlush}
	for name, c := range map[string]struct {
		cause error
		kinds []errorfs.OpKind
	}{
		"sync fails": {syscall.EIO, syncs},
		"disk full":  {syscall.ENOSPC, []errorfs.OpKind{errorfs.OpFileWrite}},
	} {
		t.Run(name, func(t *testing.T) {
			var on atomic.Bool
			mem := vfs.NewCrashableMem()
			s := openIn(t, failing(mem, &on, c.cause, c.kinds...))
			publish(t, s, "q", "durable")
			on.Store(true)
			failAll(t, s, c.cause)
			on.Store(false) // a later sync that succeeds proves nothing
			failAll(t, s, c.cause)
			select {
			case <-s.Failed():
			default:
				t.Error("Failed is not closed")
			}
			expect(t, "taken from a failed store", bodies(s, "q", 9))
			left := mem.CrashClone(vfs.CrashCloneCfg{})
			s.Close()
			s = openIn(t, left)
			expect(t, "after the restart", bodies(s, "q", 9), "durable")
		})
	}
}

// failAll commits many at once: none may be answered as durable.
func failAll(t *testing.T, s *Store, cause error) {
	t.Helper()
	const many = 50
	answers := make(chan error, many)
	for i := range many {
		b := new(Batch)
		b.Publish("q", Message{Body: fmt.Append(nil, i)})
		s.Commit(b, func(err error) { answers <- err })
	}
	for range many {
		if err := <-answers; !errors.Is(err, ErrFailed) || !errors.Is(err, cause) {
			t.Fatalf("answered %v", err)
		}
	}
	if err := s.Err(); !errors.Is(err, cause) {
		t.Errorf("Err: %v", err)
	}
	if err := s.NoneInHand(context.Background()); !errors.Is(err, ErrFailed) {
		t.Errorf("NoneInHand: %v", err)
	}
}

func TestDiskThatCannotBeOpened(t *testing.T) {
	fs := errorfs.Wrap(vfs.NewMem(), errorfs.InjectorFunc(func(op errorfs.Op) error {
		if op.Kind == errorfs.OpCreate {
			return syscall.ENOSPC
		}
		return nil
	}))
	if _, err := Open("q", Options{FS: fs}); !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("got %v", err)
	}
}

// TestUnreadableBody breaks one body: the others are not held up by it.
func TestUnreadableBody(t *testing.T) {
	s, _ := openMem(t)
	publish(t, s, "q", "a", "b", "c")
	wait(t, s, alpha, noon, "d", "e")
	for _, id := range []uint64{2, 4} {
		if err := s.db.Delete(numberKey(keyBody, id), nil); err != nil {
			t.Fatal(err)
		}
	}
	expect(t, "queue", bodies(s, "q", 9), "a", "c")
	expect(t, "place", due(s, alpha, noon, 9), "e")
	if ready, inHand := s.Len("q"); ready != 0 || inHand != 3 {
		t.Errorf("ready %d, in hand %d", ready, inHand)
	}
}
