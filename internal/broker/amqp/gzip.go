package amqp

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
)

const (
	encodingGzip = "gzip"

	// A body that grows beyond ratioFree bytes may not be more than ratioLimit times its compressed size.
	ratioFree  = 4 << 20
	ratioLimit = 200
)

var errBomb = errors.New("compressed body grows out of proportion")

// codec compresses and expands bodies; its writers and readers are used again.
type codec struct {
	writers, readers sync.Pool
	max              int64 // bytes of an expanded body
}

func (c *codec) compress(body []byte) ([]byte, error) {
	var out bytes.Buffer
	out.Grow(len(body)/3 + 64)
	w, _ := c.writers.Get().(*gzip.Writer)
	if w == nil {
		var err error
		if w, err = gzip.NewWriterLevel(nil, gzip.BestSpeed); err != nil {
			return nil, err
		}
	}
	defer c.writers.Put(w)
	w.Reset(&out)
	if _, err := w.Write(body); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

func (c *codec) expand(body []byte) ([]byte, error) {
	r, _ := c.readers.Get().(*gzip.Reader)
	if r == nil {
		r = new(gzip.Reader)
	}
	defer c.readers.Put(r)
	if err := r.Reset(bytes.NewReader(body)); err != nil {
		return nil, fmt.Errorf("compressed body: %w", err)
	}
	limit := min(c.max, max(ratioFree, int64(len(body))*ratioLimit))
	var out bytes.Buffer
	out.Grow(min(len(body)*4, int(limit)))
	n, err := io.Copy(&out, io.LimitReader(r, limit+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("compressed body: %w", err)
	case n > c.max:
		return nil, fmt.Errorf("compressed body is larger than %d bytes", c.max)
	case n > limit:
		return nil, errBomb
	}
	return out.Bytes(), nil
}

func isGzip(encoding string) bool {
	return strings.EqualFold(strings.TrimSpace(encoding), encodingGzip)
}
