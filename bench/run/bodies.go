package main

import (
	"context"
	"errors"
	"path/filepath"
	"strconv"
	"time"

	"posthoorn/internal/store"
	"posthoorn/internal/store/dir"
)

// bodiesIn is the message store in the folder of a repeat.
func bodiesIn(dir string) string { return filepath.Join(dir, "bodies") }

// writeBodies puts n sources into a store, each under a key of its own.
func writeBodies(path, source string, n int) error {
	const writers = 32
	address, err := store.ParseAddress("dir://" + path)
	if err != nil {
		return err
	}
	bodies, err := dir.Open(address, store.Options{Threads: writers})
	if err != nil {
		return err
	}
	expire := time.Now().Add(time.Hour)
	err = together(writers, func(k int) error {
		for id := k; id < n; id += writers {
			if err := bodies.Put(context.Background(), keyOf(strconv.Itoa(id)), []byte(numbered(source, id)), expire); err != nil {
				return err
			}
		}
		return nil
	})
	return errors.Join(err, bodies.Close())
}
