package prepare

import (
	"context"
	"errors"

	"posthoorn/internal/mail"
	"posthoorn/internal/store"
)

// load finds out what the message is: MIME source, or a document in JSON.
func (p *Preparer) load(ctx context.Context, d *draft) (err error) {
	switch d.m.Content {
	case mail.SourceText, mail.SourceBase64:
		d.source, err = d.m.AppendSource(make([]byte, 0, d.m.SourceSize()))
	case mail.SourceObject:
		d.document = d.m.Property("mime")
	case mail.SourceKey:
		err = p.loadKey(ctx, d)
	default:
		err = fail(mail.StateResponsive, "5.6.5", errors.New("mime is neither text nor an object"))
	}
	p.hold(d, len(d.source))
	return err
}

// loadKey reads the store. What is stored is MIME, or a document when its first byte that is not blank is a brace (storage.md
// section 2).
func (p *Preparer) loadKey(ctx context.Context, d *draft) error {
	if p.o.Bodies == nil {
		return fail(mail.StateStorage, "5.3.0", errNoStore)
	}
	var data []byte
	var err error
	d.waits(func() { data, err = p.o.Bodies.Get(ctx, d.m.Key) })
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrTooLarge):
		return fail(mail.StateStorage, "5.3.0", err)
	case err != nil:
		p.log.Warn("body could not be loaded from the store, its message waits", "key", d.m.Key, "error", err)
		return &Delayed{For: p.o.Reschedule, Cause: err}
	case p.crowded(d): // it waited for the store, and meanwhile there may have come much
		return &Delayed{For: crowded, Cause: errCrowded}
	case mail.IsDocument(data):
		d.document = data
		p.hold(d, len(data))
	default:
		d.source = data
	}
	return nil
}

var errNoStore = errors.New("the message has a key and no message store is configured")
