package mongo

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"posthoorn/internal/store"
)

// mostParts of one message.
const mostParts = 4096

// betweenAttempts gives a replica the time to catch up.
const betweenAttempts = 100 * time.Millisecond

func (c *collection) Get(ctx context.Context, key string, limit int) ([]byte, error) {
	for attempt := 1; ; attempt++ {
		data, err := c.lookup(ctx, key, limit)
		if err == nil || errors.Is(err, store.ErrTooLarge) || attempt == c.attempts {
			return data, err
		}
		select {
		case <-ctx.Done():
			return nil, err
		case <-time.After(betweenAttempts):
		}
	}
}

func (c *collection) lookup(ctx context.Context, key string, limit int) ([]byte, error) {
	doc, err := c.find(ctx, key)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return c.older(ctx, key, limit)
	case err != nil:
		return nil, err
	case doc.isPart():
		return nil, store.ErrNotFound
	}
	stored, err := c.stored(ctx, doc, limit)
	if err != nil {
		return nil, err
	}
	return c.codec.Decode(stored, doc.encoding(), limit)
}

// find is the document with an id.
func (c *collection) find(ctx context.Context, id any, o ...options.Lister[options.FindOneOptions]) (found, error) {
	raw, err := c.documents.FindOne(ctx, bson.D{{Key: "_id", Value: id}}, o...).Raw()
	if errors.Is(err, mongo.ErrNoDocuments) {
		return nil, store.ErrNotFound
	}
	return found(raw), err
}

// stored is what a regular document or a master holds.
func (c *collection) stored(ctx context.Context, doc found, limit int) ([]byte, error) {
	ids, master := doc.parts()
	if !master {
		return doc.value()
	}
	size, sized := doc.number("size")
	if sized && size > int64(limit) {
		return nil, store.TooLarge(int(size), limit)
	}
	var parts []found
	err := c.collect(ctx, len(ids), limit, func(i int) any { return ids[i] }, func(part found) { parts = append(parts, part) })
	if err != nil {
		return nil, err
	}
	stored, err := join(parts)
	if err == nil && sized && doc.encoding() != store.Gzip && int64(len(stored)) != size {
		err = fmt.Errorf("the message has %d bytes in its parts, and should have %d", len(stored), size)
	}
	return stored, err
}

// collect finds the parts of one message.
func (c *collection) collect(ctx context.Context, n, limit int, id func(int) any, take func(found)) error {
	if n > mostParts {
		return fmt.Errorf("%w: it has %d parts of at most %d", store.ErrTooLarge, n, mostParts)
	}
	size := 0
	for i := range n {
		part, err := c.find(ctx, id(i))
		if errors.Is(err, store.ErrNotFound) {
			return fmt.Errorf("part %d of %d is missing", i+1, n) // being written, or being removed
		}
		if err != nil {
			return err
		}
		if size += len(part); size > limit+n*overhead {
			return fmt.Errorf("%w: it has more than %d bytes", store.ErrTooLarge, limit)
		}
		take(part)
	}
	return nil
}

// overhead is what a part has beside its value, at most.
const overhead = 4096

// join puts parts together by their places in the message; in the order of the master when they have none.
func join(parts []found) ([]byte, error) {
	slices.SortStableFunc(parts, func(a, b found) int { return cmp.Compare(position(a, 0), position(b, 0)) })
	var all []byte
	for i, part := range parts {
		value, err := part.value()
		if err != nil {
			return nil, err
		}
		if at := position(part, int64(len(all))); at != int64(len(all)) {
			return nil, fmt.Errorf("part %d begins at %d, where %d bytes stand before it", i+1, at, len(all))
		}
		all = append(all, value...)
	}
	return all, nil
}

func position(part found, absent int64) int64 {
	if at, ok := part.number("offset", "start"); ok {
		return at
	}
	return absent
}

// older is a message in the form before 5.2: parts whose ids are key, NUL, number of the part, NUL, number of parts.
func (c *collection) older(ctx context.Context, key string, limit int) ([]byte, error) {
	first := bson.D{{Key: "_id", Value: between(key+"\x000\x00", key+"\x000\x01")}}
	raw, err := c.documents.FindOne(ctx, first, options.FindOne().SetProjection(bson.D{{Key: "_id", Value: 1}, {Key: "encoding", Value: 1}})).Raw()
	if errors.Is(err, mongo.ErrNoDocuments) {
		return nil, store.ErrNotFound
	}
	if err != nil {
		return nil, err
	}
	id, _ := found(raw).get("_id")
	text, _ := id.StringValueOK()
	n, err := strconv.Atoi(text[strings.LastIndexByte(text, 0)+1:])
	if err != nil || n < 1 {
		return nil, store.ErrNotFound
	}
	var all []byte
	var bad error
	err = c.collect(ctx, n, limit, func(i int) any { return fmt.Sprintf("%s\x00%d\x00%d", key, i, n) }, func(part found) {
		value, err := part.value()
		all, bad = append(all, value...), errors.Join(bad, err)
	})
	if err = errors.Join(err, bad); err != nil {
		return nil, err
	}
	return c.codec.Decode(all, found(raw).encoding(), limit)
}

// between is the condition of ids from one on and before another.
func between(from, before string) bson.D {
	return bson.D{{Key: "$gte", Value: from}, {Key: "$lt", Value: before}}
}
