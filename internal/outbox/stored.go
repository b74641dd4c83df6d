package outbox

import (
	"context"
	"time"

	"posthoorn/internal/mail"
)

// Bodies is the message store as the engine changes it (storage.md sections 3 and 4). How many calls run at a time is its own
// business.
type Bodies interface {
	// Put keeps data until some time after the deadline of its message, under a new key.
	Put(ctx context.Context, data []byte, deadline time.Time) (key string, err error)
	Delete(ctx context.Context, key string) error
	// Own says that a key is one of Put: others may be shared by messages that we do not know.
	Own(key string) bool
}

// storeTime is how long storing a source may hold up a result.
const storeTime = 20 * time.Second

// stash moves the source of a message into the store, if that is the policy, and then goes on, maybe in another goroutine. Where that
// fails the source stays in the message.
func (e *Engine) stash(it *item, then func()) {
	if e.o.Bodies == nil || !e.o.StoreOut || it.m.Content == mail.SourceKey || it.m.Content == mail.NoContent || it.m.Content == mail.SourceInvalid {
		then()
		return
	}
	go e.guard(it, func() {
		ctx, cancel := context.WithTimeout(context.Background(), storeTime)
		defer cancel()
		if data, err := stored(it.m); err == nil {
			key, err := e.o.Bodies.Put(ctx, data, it.m.Deadline)
			if err == nil {
				it.m.MoveContent(key)
			} else {
				e.log.Warn("source is not stored, it stays in the message", "recipient", it.m.Recipient.String(), "error", err)
			}
		}
		then()
	})
}

// stored is what the store keeps of a message: its source, or the document that it is built from.
func stored(m *mail.Message) ([]byte, error) {
	if m.Content == mail.SourceObject {
		return m.Property("mime"), nil
	}
	return m.AppendSource(nil)
}

// discard removes what the store holds of a message that is finished. It does not wait: what is too much expires by itself.
func (e *Engine) discard(it *item) {
	if e.o.Bodies == nil || !it.finished || it.m.KeepMime || it.m.Content != mail.SourceKey || !e.o.Bodies.Own(it.m.Key) {
		return
	}
	select {
	case e.discards <- it.m.Key:
	default:
	}
}

// maxDiscards bounds the keys that are to be removed.
const maxDiscards = 10_000

// runDiscards removes bodies until ctx ends.
func (e *Engine) runDiscards(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case key := <-e.discards:
			limited, cancel := context.WithTimeout(ctx, storeTime)
			if err := e.o.Bodies.Delete(limited, key); err != nil {
				e.log.Warn("body of a finished message is not removed from the store, it expires", "key", key, "error", err)
			}
			cancel()
		}
	}
}
