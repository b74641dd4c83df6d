package store

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"strings"
)

// Encodings of stored data.
const (
	Gzip     = "gzip"
	Identity = "identity" // as it is
)

// Compress is data as gzip.
func Compress(data []byte) []byte {
	var out bytes.Buffer
	out.Grow(len(data)/3 + 64)
	w := gzip.NewWriter(&out)
	// A buffer takes everything.
	_, _ = w.Write(data)
	_ = w.Close()
	return out.Bytes()
}

// Encode is data as an engine keeps it, and the name of that encoding.
func Encode(data []byte, compressed bool) (stored []byte, encoding string) {
	if compressed {
		return Compress(data), Gzip
	}
	return data, Identity
}

// Decode is the opposite of Encode, for data that others may have stored. More than limit bytes are ErrTooLarge, and nothing beyond
// them is decompressed. No encoding is Identity.
func Decode(stored []byte, encoding string, limit int) ([]byte, error) {
	switch strings.ToLower(encoding) {
	case "", Identity:
		if len(stored) > limit {
			return nil, TooLarge(len(stored), limit)
		}
		return stored, nil
	case Gzip:
		return decompress(stored, limit)
	}
	return nil, fmt.Errorf("the data has the encoding %.40q; known are gzip and identity", encoding)
}

func decompress(stored []byte, limit int) ([]byte, error) {
	r, err := gzip.NewReader(bytes.NewReader(stored))
	if err != nil {
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
