package mongo

import (
	"context"
	"errors"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"posthoorn/internal/store"
)

func (c *collection) Put(ctx context.Context, key string, data []byte, expire time.Time) error {
	c.ensureIndex(ctx)
	stored, encoding := c.codec.Encode(data)
	doc := append(document(key, expire), bson.E{Key: "encoding", Value: encoding})
	if len(stored) <= c.split {
		doc = append(doc, binary(stored))
	} else {
		keys, err := c.putParts(ctx, key, stored, expire)
		if err != nil {
			return err
		}
		doc = append(doc, bson.E{Key: "keys", Value: keys}, bson.E{Key: "size", Value: int64(len(stored))})
	}
	_, err := c.documents.InsertOne(ctx, doc) // keys of our own are always new
	if mongo.IsDuplicateKeyError(err) {
		return c.replace(ctx, key, doc)
	}
	return err
}

// putParts comes before the master, so that nobody sees a master without its parts. Parts of a Put that fails expire.
func (c *collection) putParts(ctx context.Context, key string, stored []byte, expire time.Time) (ids []string, err error) {
	for at := 0; at < len(stored); at += c.split {
		id := store.NewKey()
		part := append(document(id, expire), binary(stored[at:min(at+c.split, len(stored))]),
			bson.E{Key: "parent", Value: key}, bson.E{Key: "offset", Value: int64(at)})
		if _, err := c.documents.InsertOne(ctx, part); err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	return ids, nil
}

// replace puts a document in the place of another one, whose parts go.
func (c *collection) replace(ctx context.Context, key string, doc bson.D) error {
	parts, err := c.partsOf(ctx, key)
	if err == nil || errors.Is(err, store.ErrNotFound) {
		_, err = c.documents.ReplaceOne(ctx, bson.D{{Key: "_id", Value: key}}, doc, options.Replace().SetUpsert(true))
	}
	if err != nil {
		return err
	}
	return c.deleteAll(ctx, parts)
}

func (c *collection) Delete(ctx context.Context, key string) error {
	parts, err := c.partsOf(ctx, key)
	if errors.Is(err, store.ErrNotFound) { // the form before 5.2 has parts alone
		_, err = c.documents.DeleteMany(ctx, bson.D{{Key: "_id", Value: between(key+"\x00", key+"\x01")}})
		return err
	}
	if err == nil {
		_, err = c.documents.DeleteOne(ctx, bson.D{{Key: "_id", Value: key}})
	}
	if err != nil {
		return err
	}
	return c.deleteAll(ctx, parts)
}

// partsOf are the ids of the parts of a document.
func (c *collection) partsOf(ctx context.Context, key string) ([]bson.RawValue, error) {
	doc, err := c.find(ctx, key, options.FindOne().SetProjection(bson.D{{Key: "keys", Value: 1}}))
	if err != nil {
		return nil, err
	}
	ids, _ := doc.parts()
	return ids, nil
}

func (c *collection) deleteAll(ctx context.Context, ids []bson.RawValue) error {
	if len(ids) == 0 {
		return nil
	}
	_, err := c.documents.DeleteMany(ctx, bson.D{{Key: "_id", Value: bson.D{{Key: "$in", Value: ids}}}})
	return err
}
