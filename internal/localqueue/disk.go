package localqueue

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// pebbleFormat is fixed, so that an upgrade of the library alone changes nothing on
// disk: checksums of sstable footers, a WAL that knows what was synced, so that rot in
// it is told from a torn end, and values in files of their own.
const pebbleFormat = pebble.FormatValueSeparation

// apart is from how many bytes on a value lies in a file of its own. Bodies do, and so
// a compaction moves index entries and not bodies: with 200,000 of 10 KB parked that is
// the difference between 0.5 and 1.0 of what the disk takes. What is dead in such a file
// is given back when it is a third of it, or all.
const apart = 1 << 10

func bodiesApart() pebble.ValueSeparationPolicy {
	return pebble.ValueSeparationPolicy{
		Enabled: true, MinimumSize: apart, MaxBlobReferenceDepth: 10, RewriteMinimumAge: 10 * time.Second, TargetGarbageRatio: 0.33,
	}
}

// Pebble takes the memory of its memtables out of the block cache: with a cache no
// larger than they are, every read would fetch index and filter anew.
const (
	memTable  = 32 << 20
	memTables = 4
	cacheSize = memTables*memTable + 64<<20
)

// openPebble opens the database for this load: large values that live shortly, one
// writer that syncs, short scans.
func openPebble(disk vfs.FS, dir string, lock *pebble.Lock, log *slog.Logger) (*pebble.DB, error) {
	cache := pebble.NewCache(cacheSize)
	defer cache.Unref()
	o := &pebble.Options{
		FS:                 disk,
		Lock:               lock,
		Cache:              cache,
		FormatMajorVersion: pebbleFormat,
		Logger:             pebbleLog{log},

		// What is put and acked within a few memtables never reaches an sstable.
		MemTableSize:                memTable,
		MemTableStopWritesThreshold: memTables,
		L0CompactionThreshold:       4,
		L0StopWritesThreshold:       40,
		LBaseMaxBytes:               256 << 20,
		CompactionConcurrencyRange:  func() (lower, upper int) { return 1, 2 },
		BytesPerSync:                1 << 20,
		WALBytesPerSync:             1 << 20,
		MaxManifestFileSize:         16 << 20,
	}
	for i := range o.Levels {
		o.Levels[i].FilterPolicy = bloom.FilterPolicy(10)
		o.TargetFileSizes[i] = 32 << 20
	}
	o.Experimental.ValueSeparationPolicy = bodiesApart
	o.ApplyCompressionSettings(func() pebble.DBCompressionSettings { return pebble.DBCompressionNone })
	return pebble.Open(dir, o)
}

// makeDir makes dir and what is missing above it, and syncs the directories that got a
// new entry: a power cut must not take the whole queue away.
func makeDir(disk vfs.FS, dir string) error {
	var parents []string
	for d := dir; ; d = disk.PathDir(d) {
		_, err := disk.Stat(d)
		if err == nil {
			break
		}
		if !errors.Is(err, fs.ErrNotExist) || disk.PathDir(d) == d {
			return err
		}
		parents = append(parents, disk.PathDir(d))
	}
	if err := disk.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	for _, d := range parents {
		if err := syncDir(disk, d); err != nil {
			return err
		}
	}
	return nil
}

// pebbleLog is Pebble's log: its news are of use to somebody who looks for a fault.
type pebbleLog struct{ log *slog.Logger }

// fatalError is what a fatal error of Pebble panics with. The committer recovers it;
// in a goroutine of Pebble itself (the manifest cannot be written) it ends the
// process, since nothing that follows could be trusted.
type fatalError struct{ err error }

func (e fatalError) Error() string { return e.err.Error() }

func (p pebbleLog) Infof(format string, args ...any) { p.write(slog.LevelDebug, format, args) }

func (p pebbleLog) Errorf(format string, args ...any) { p.write(slog.LevelError, format, args) }

func (p pebbleLog) Fatalf(format string, args ...any) {
	p.write(slog.LevelError, format, args)
	for _, a := range args {
		if err, ok := a.(error); ok {
			panic(fatalError{err})
		}
	}
	panic(fatalError{fmt.Errorf(format, args...)})
}

func (p pebbleLog) write(level slog.Level, format string, args []any) {
	if p.log.Enabled(context.Background(), level) {
		p.log.Log(context.Background(), level, "local queue: "+fmt.Sprintf(format, args...))
	}
}

// privateFS is the real disk with files that only their owner may read.
type privateFS struct{ vfs.FS }

func (p privateFS) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	f, err := p.FS.Create(name, c)
	return private(f, err, name)
}

func (p privateFS) OpenReadWrite(name string, c vfs.DiskWriteCategory, opts ...vfs.OpenOption) (vfs.File, error) {
	f, err := p.FS.OpenReadWrite(name, c, opts...)
	return private(f, err, name)
}

func (p privateFS) Lock(name string) (io.Closer, error) {
	l, err := p.FS.Lock(name)
	return private(l, err, name)
}

func (p privateFS) MkdirAll(dir string, _ os.FileMode) error { return p.FS.MkdirAll(dir, 0o700) }

func (p privateFS) Unwrap() vfs.FS { return p.FS }

func private[F io.Closer](f F, err error, name string) (F, error) {
	var none F
	if err != nil {
		return none, err
	}
	if err := os.Chmod(name, 0o600); err != nil {
		_ = f.Close() // the mode is the news
		return none, err
	}
	return f, nil
}
