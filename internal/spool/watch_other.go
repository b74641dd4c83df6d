//go:build !linux

package spool

import "errors"

// watcher does not exist here: the directory is looked at again and again.
type watcher struct{ events chan event }

func (d *folder) watch() (*watcher, error) { return nil, errors.ErrUnsupported }

func (w *watcher) close() {}
