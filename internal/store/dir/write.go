package dir

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"posthoorn/internal/store"
)

// mostTries of a Put whose folder a sweep has just removed because it was empty.
const mostTries = 5

func (f *folder) Put(ctx context.Context, key string, data []byte, expire time.Time) error {
	stored, encoding := f.codec.Encode(data)
	if encoding == store.Identity && bytes.HasPrefix(data, magic) {
		stored = f.codec.Compress(data) // once more, so that Get can tell
	}
	name := f.place(key)
	var err error
	for range mostTries {
		if err = f.put(ctx, name, stored, expire); !errors.Is(err, os.ErrNotExist) {
			break
		}
	}
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return fmt.Errorf("the disk of the message store is full; make room, or store less (storage-policy): %w", err)
	}
	return err
}

func (f *folder) put(ctx context.Context, name string, stored []byte, expire time.Time) error {
	folders := filepath.Dir(name)
	if err := f.makeFolders(folders); err != nil {
		return err
	}
	temp := filepath.Join(folders, temporary+rand.Text())
	err := f.write(ctx, temp, stored, expire)
	if err == nil {
		err = f.root.Rename(temp, name)
	}
	if err != nil {
		_ = f.root.Remove(temp)
		return err
	}
	return f.sync(folders)
}

func (f *folder) write(ctx context.Context, temp string, stored []byte, expire time.Time) error {
	file, err := f.root.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(stored)
	if err == nil {
		err = f.root.Chtimes(temp, time.Time{}, expire)
	}
	if err == nil {
		err = ctx.Err()
	}
	if err == nil {
		err = file.Sync()
	}
	return errors.Join(err, file.Close())
}

// makeFolders makes what is missing, and durable from the bottom up.
func (f *folder) makeFolders(folders string) error {
	err := f.root.Mkdir(folders, 0o700)
	switch {
	case errors.Is(err, os.ErrExist):
		return nil
	case errors.Is(err, os.ErrNotExist) && folders != filepath.Dir(folders):
		if err := f.makeFolders(filepath.Dir(folders)); err != nil {
			return err
		}
		err = f.root.Mkdir(folders, 0o700)
	}
	if err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	return f.sync(filepath.Dir(folders))
}

// sync makes the names in a folder durable.
func (f *folder) sync(folders string) error {
	d, err := f.root.Open(folders)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
