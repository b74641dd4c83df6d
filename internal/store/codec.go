package store

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"strings"
	"sync"
)

// Encodings of stored data.
const (
	Gzip     = "gzip"
	Identity = "identity" // as it is
)

// Codec turns data into what an engine keeps, and back. Writers and readers are used again, since they are large. The zero value does
// not compress.
type Codec struct {
	Gzip bool // compress

	writers, readers sync.Pool
}

// Encode is data as it is to be stored, and the name of that encoding.
func (c *Codec) Encode(data []byte) (stored []byte, encoding string) {
	if c.Gzip {
		return c.Compress(data), Gzip
	}
	return data, Identity
}

// Compress is data as gzip, whatever Codec.Gzip says.
func (c *Codec) Compress(data []byte) []byte {
	var out bytes.Buffer
	out.Grow(len(data)/3 + 64)
	w, _ := c.writers.Get().(*gzip.Writer)
	if w == nil {
		w = gzip.NewWriter(nil)
	}
	defer c.writers.Put(w)
	w.Reset(&out)
	// A buffer takes everything.
	_, _ = w.Write(data)
	_ = w.Close()
	return out.Bytes()
}

// Decode is the opposite of Encode, for data that others may have stored. More than limit bytes are ErrTooLarge, and nothing beyond
// them is decompressed. No encoding is Identity.
func (c *Codec) Decode(stored []byte, encoding string, limit int) ([]byte, error) {
	switch strings.ToLower(encoding) {
	case "", Identity:
		if len(stored) > limit {
			return nil, TooLarge(len(stored), limit)
		}
		return stored, nil
	case Gzip:
		return c.decompress(stored, limit)
	}
	return nil, fmt.Errorf("the data has the encoding %.40q; known are gzip and identity", encoding)
}

func (c *Codec) decompress(stored []byte, limit int) ([]byte, error) {
	r, _ := c.readers.Get().(*gzip.Reader)
	if r == nil {
		r = new(gzip.Reader)
	}
	defer c.readers.Put(r)
	if err := r.Reset(bytes.NewReader(stored)); err != nil {
		return nil, fmt.Errorf("the data is damaged: %w", err)
	}
	data, err := io.ReadAll(io.LimitReader(r, int64(limit)+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("the data is damaged: %w", err)
	case len(data) > limit:
		return nil, fmt.Errorf("%w: decompressed it has more than %d bytes", ErrTooLarge, limit)
	}
	return data, nil
}

// TooLarge is the ErrTooLarge of data that has size bytes.
func TooLarge(size, limit int) error {
	return fmt.Errorf("%w: it has %d bytes of at most %d", ErrTooLarge, size, limit)
}
