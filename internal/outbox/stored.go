package outbox

import (
	"context"
	"errors"
	"time"

	"posthoorn/internal/mail"
)

// Bodies is the message store as the engine uses it beside prepare (storage.md sections 3 and 4). How many calls run at a time is its own
// business.
type Bodies interface {
	// Put keeps data until some time after the deadline of its message, under a new key.
	Put(ctx context.Context, data []byte, deadline time.Time) (key string, err error)
	Delete(ctx context.Context, key string) error
	Get(ctx context.Context, key string) ([]byte, error) // for notifications
	// Own says that a key is one of Put: others may be shared by messages that we do not know.
	Own(key string) bool
}

// storeTime is how long storing a source may hold up a result.
const storeTime = 20 * time.Second

// stash moves the source of a message into the store, if that is the policy, and then goes on, maybe in another goroutine. Where that
// fails the source stays in the message.
func (e *Engine) stash(it *item, then func()) {
	if !e.movable(it.m) || e.ctx.Err() != nil { // a stop waits for no store
		then()
		return
	}
	e.wg.Go(func() {
		e.guard(it, func() {
			e.move(it.m)
			then()
		})
	})
}

// movable says that the source of a message belongs into the store and is not there.
func (e *Engine) movable(m *mail.Message) bool {
	return e.o.Bodies != nil && e.o.StoreOut && (m.Content == mail.SourceText || m.Content == mail.SourceBase64 || m.Content == mail.SourceObject)
}

// move stores the source of a message and puts its key in its place.
func (e *Engine) move(m *mail.Message) {
	data, err := toStore(m)
	if err != nil {
		return // what cannot be read stays as it came
	}
	ctx, cancel := context.WithTimeout(e.ctx, storeTime)
	defer cancel()
	key, err := e.o.Bodies.Put(ctx, data, m.Deadline)
	if err != nil {
		e.log.Warn("source is not stored, it stays in the message", "recipient", m.Recipient.String(), "error", err)
		return
	}
	m.MoveContent(key)
}

// toStore is what the store keeps of a message: its source, or the document that it is built from. A source that would be taken for a
// document when it is loaded stays in the message.
func toStore(m *mail.Message) ([]byte, error) {
	if m.Content == mail.SourceObject {
		return m.Property("mime"), nil
	}
	source, err := m.AppendSource(make([]byte, 0, m.SourceSize()))
	if err == nil && mail.IsDocument(source) {
		err = errDocument
	}
	return source, err
}

var errDocument = errors.New("the source looks like a document")

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
