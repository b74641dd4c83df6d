package outbox

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"posthoorn/internal/mail"
	"posthoorn/internal/mime"
	"posthoorn/internal/prepare"
	"posthoorn/internal/report"
)

// quick is how large a source may be for its notification to be written by whoever has the result.
const quick = 64 << 10

// isAtHand says that the original of a notification costs little: nobody has to be waited for, and little is to be decoded.
func (e *Engine) isAtHand(it *item) bool {
	switch {
	case e.wantsWhole(it.m, report.Failure) && it.m.SourceSize() > quick:
		return false
	case it.content != nil:
		return it.content.Ready()
	}
	return asItCame(it.m)
}

// asItCame says that the header that goes out is the one in the message. What is done to a body alone does not matter here.
func asItCame(m *mail.Message) bool { return isText(m) && !m.Data && !m.HeaderEdits }

func isText(m *mail.Message) bool {
	return m.Content == mail.SourceText || m.Content == mail.SourceBase64
}

// original is what a notification can have of a message: what went out, or would have, and else what its sender gave; nothing if
// that cannot be had either. With headOnly a part will do that has the header in it.
func (e *Engine) original(it *item, headOnly bool) []byte {
	if it.content == nil && !asItCame(it.m) || it.content != nil && !it.content.Ready() {
		e.makeContent(it)
	}
	var fault *mail.Error
	if it.content != nil && it.content.Ready() {
		s, err := it.content.Wait(context.Background())
		if err == nil {
			return part(s.Data, headOnly)
		}
		fault, _ = errors.AsType[*mail.Error](err)
	}
	switch {
	case isText(it.m) && headOnly:
		return it.m.AppendSourceStart(nil, report.MaxHead+1)
	case isText(it.m):
		source, _ := it.m.AppendSource(nil) // what is no base64 ends where it is none any more
		return source
	case it.m.Content == mail.SourceObject:
		return documentHeader(it.m.Property("mime"))
	case it.m.Content == mail.SourceKey && fault != nil && fault.State != mail.StateStorage:
		return part(e.stored(it.m), headOnly)
	}
	return nil
}

// part is a source, or as much of it as is looked at.
func part(source []byte, headOnly bool) []byte {
	if headOnly {
		return source[:min(len(source), report.MaxHead+1)]
	}
	return source
}

// makeContent makes what would have gone out of a message that ended before that was ready, unless it takes long. Only some may take
// as long as storing a source may: who waits holds the credit of all mail.
func (e *Engine) makeContent(it *item) {
	limit := storeTime
	if e.making.Add(1) > int64(e.o.Consumers*e.o.Credit/4) {
		limit = crowdTime
	}
	defer e.making.Add(-1)
	ctx, cancel := context.WithTimeout(e.ctx, limit)
	defer cancel()
	for ctx.Err() == nil {
		if it.content == nil {
			m := *it.m
			it.content = e.o.Prepare.Start(ctx, &m)
		}
		_, err := it.content.Wait(ctx)
		d, later := errors.AsType[*prepare.Delayed](err)
		if !later || d.For > crowdTime {
			return
		}
		it.drop()
		sleep(ctx, d.For)
	}
}

// crowdTime is how long it is worth to wait for room in memory, or in a crowd.
const crowdTime = time.Second

func sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// stored is what the message store holds of a message whose content could not be made of it.
func (e *Engine) stored(m *mail.Message) []byte {
	if e.o.Bodies == nil || e.ctx.Err() != nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(e.ctx, storeTime)
	defer cancel()
	data, err := e.o.Bodies.Get(ctx, m.Key)
	switch {
	case err != nil:
		e.log.Warn("a notification has nothing of its mail, which could not be loaded", "key", m.Key, "error", err)
		return nil
	case mail.IsDocument(data):
		return documentHeader(data)
	}
	return data
}

// documentHeader is what people know a mail by of which there is nothing but a document that cannot be built.
func documentHeader(document []byte) []byte {
	var d struct{ Subject json.RawMessage }
	_ = json.Unmarshal(document, &d) // it may be the document that is at fault
	if subject := textOf(d.Subject); subject != "" {
		return mime.AppendText(nil, "Subject", subject)
	}
	return nil
}
