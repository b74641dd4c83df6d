package mongo

import (
	"context"
	"errors"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

// ensureIndex has the server remove what has expired, once we know that it can. An answer of the server is remembered, a lost one not.
func (c *collection) ensureIndex(ctx context.Context) {
	if c.removes.Load() != nil {
		return
	}
	_, err := c.documents.Indexes().CreateOne(ctx, mongo.IndexModel{Keys: bson.D{{Key: "expire", Value: 1}}, Options: options.Index().SetExpireAfterSeconds(0)})
	var refused mongo.CommandError
	if err == nil || errors.As(err, &refused) && !mongo.IsNetworkError(err) && !mongo.IsTimeout(err) {
		can := err == nil
		c.removes.Store(&can)
	}
}

// atOnce is how many documents are removed with one call.
const atOnce = 500

func (c *collection) Sweep(ctx context.Context, now time.Time) (removed int, err error) {
	c.ensureIndex(ctx)
	if can := c.removes.Load(); can != nil && *can {
		return 0, nil
	}
	expired := bson.D{{Key: "expire", Value: bson.D{{Key: "$lt", Value: now}}}}
	for {
		ids, err := c.ids(ctx, expired)
		if err != nil || len(ids) == 0 {
			return removed, err
		}
		// The time is asked for again: somebody may have given a document another one.
		done, err := c.documents.DeleteMany(ctx, append(bson.D{{Key: "_id", Value: bson.D{{Key: "$in", Value: ids}}}}, expired...))
		if err != nil {
			return removed, err
		}
		removed += int(done.DeletedCount)
		if len(ids) < atOnce {
			return removed, nil
		}
	}
}

// ids are those of some documents.
func (c *collection) ids(ctx context.Context, filter bson.D) ([]bson.RawValue, error) {
	cursor, err := c.documents.Find(ctx, filter, options.Find().SetLimit(atOnce).SetProjection(bson.D{{Key: "_id", Value: 1}}))
	if err != nil {
		return nil, err
	}
	var documents []bson.Raw
	if err := cursor.All(ctx, &documents); err != nil {
		return nil, err
	}
	ids := make([]bson.RawValue, len(documents))
	for i, d := range documents {
		ids[i] = d.Lookup("_id")
	}
	return ids, nil
}
