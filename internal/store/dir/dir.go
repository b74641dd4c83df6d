// Package dir is a message store in a folder (storage.md section 7). A key becomes the name of a file, never a path: it stands as it
// is when it is made of letters, digits, dot, underscore and hyphen alone, else as the SHA-256 of it in hex. The file lies under
// nested folders named by two hex digits each of the SHA-256 of the key: abc is ba/78/16/bf/abc. Its time of modification is when it
// expires; a file that has the time when it was written lives for a day. Several instances, and other programs, may use the folder at the same time.
//
// It promises: nothing outside the folder is opened, whatever key, link or device somebody puts there; a file is there as a whole or
// not at all, also after a power cut, once Put has returned.
//
// It starts no goroutine of its own.
package dir

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"posthoorn/internal/store"
)

// folder is the store.Engine.
type folder struct {
	root  *os.Root
	depth int
	codec store.Codec
}

var _ store.Engine = (*folder)(nil)

// Open returns the store at an address. The folder is made if missing, mode 0700.
func Open(a store.Address, o store.Options) (*store.Store, error) {
	if a.Scheme != store.Dir {
		return nil, fmt.Errorf("%s is no folder", a)
	}
	if err := os.MkdirAll(a.Path, 0o700); err != nil {
		return nil, fmt.Errorf("folder of the message store: %w", err)
	}
	root, err := os.OpenRoot(a.Path)
	if err != nil {
		return nil, fmt.Errorf("folder of the message store: %w", err)
	}
	return store.New(a.String(), &folder{root: root, depth: a.Depth, codec: store.Codec{Gzip: a.Gzip}}, o), nil
}

func (*folder) Every() time.Duration { return time.Hour }

func (f *folder) Close() error { return f.root.Close() }

func (f *folder) Delete(_ context.Context, key string) error {
	name := f.place(key)
	err := f.root.Remove(name)
	if absent(err) {
		return nil
	}
	if err != nil {
		return err
	}
	return ignoreAbsent(f.sync(filepath.Dir(name)))
}

// absent says that an error means: there is no such file. So does a folder on the way that is a file.
func absent(err error) bool {
	return errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)
}
