package localqueue

import (
	"bytes"
	"errors"

	"github.com/cockroachdb/pebble/v2"
)

// Meta returns a value set with SetMeta.
func (s *Store) Meta(key string) ([]byte, bool) {
	if !s.use() {
		return nil, false
	}
	defer s.life.leave()
	v, closer, err := s.db.Get(nameKey(keyMeta, key))
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, false
	}
	if err != nil {
		s.report("reading a value", err)
		return nil, false
	}
	value := bytes.Clone(v)
	s.report("reading a value", closer.Close())
	return value, true
}
