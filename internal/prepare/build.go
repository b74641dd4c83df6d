package prepare

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"maps"
	"sync"
	"time"

	"posthoorn/internal/compose"
	"posthoorn/internal/compose/block"
	"posthoorn/internal/compose/node"
	"posthoorn/internal/fetch"
	"posthoorn/internal/mail"
)

// downloadTime is for all downloads of a message together: a connection may wait for them (responsive-email.md section 8).
const downloadTime = 30 * time.Second

// rounds is how often downloads may show that more is wanted: an import in an import, a feed in it, the images of that.
const rounds = 5

// build makes MIME of a document.
func (p *Preparer) build(ctx context.Context, d *draft) error {
	if d.document == nil {
		return nil
	}
	var doc *compose.Document
	err := p.computes.in(ctx, func() (err error) {
		doc, err = compose.ParseDocument(d.document)
		return err
	})
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		return documentError(err)
	}
	d.dkim = doc.DKIM()
	if isNothing(d.data) {
		d.data = doc.Data()
	}
	o := p.buildOptions(d)
	d.waits(func() { err = p.resources(ctx, d, doc, o) })
	if err != nil {
		return err
	}
	return p.computes.in(ctx, func() error {
		d.source, err = doc.Build(o)
		p.hold(d, len(d.source))
		if err == nil || d.m.Force {
			return p.forgive(d, mail.StateResponsive, err)
		}
		p.log.Warn("a document could not be made into mail", "recipient", d.m.Recipient.String(), "error", err)
		return documentError(err)
	})
}

func isNothing(data []byte) bool { return len(data) == 0 || string(data) == "null" }

func (p *Preparer) buildOptions(d *draft) *compose.BuildOptions {
	o := &compose.BuildOptions{
		Resources: block.Resources{}, Icons: p.o.Icons, Host: p.o.Host, Date: d.began, MessageID: messageID(d),
		Note: func(path, text string) {
			p.log.Warn("a part of a document is left out", "recipient", d.m.Recipient.String(), "path", path, "reason", text)
		},
	}
	if !isNothing(d.data) {
		personal := p.personalization(d)
		o.Render = personal.Text
	}
	return o
}

// messageID is the same at every attempt of a message, and at no other message's but one that is equal and came in the same second.
func messageID(d *draft) string {
	h := sha256.New()
	for _, part := range [][]byte{d.document, []byte(d.m.Envelope.String()), []byte(d.m.Recipient.String()), mail.AppendTime(nil, d.m.Deadline)} {
		_, _ = h.Write(part)
		_, _ = h.Write([]byte{0})
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// resources downloads what a document needs. What fails is part of the resources too, and for the document to judge.
func (p *Preparer) resources(ctx context.Context, d *draft, doc *compose.Document, o *compose.BuildOptions) error {
	limited, cancel := context.WithTimeout(ctx, downloadTime)
	defer cancel()
	for range rounds {
		var needs []block.Need
		err := p.computes.in(ctx, func() error {
			needs = doc.Needs(o)
			return nil
		})
		if err != nil || len(needs) == 0 {
			return err
		}
		err = p.fetches.in(limited, func() error {
			got := p.download(limited, d, needs)
			maps.Copy(o.Resources, got)
			return waits(got)
		})
		if _, later := errors.AsType[*Delayed](err); later {
			return err
		}
		if err != nil && ctx.Err() == nil {
			return &mail.Error{Code: 451, Status: "4.4.7", State: mail.StateResponsive, Kind: mail.Timeout, Cause: err}
		}
	}
	return ctx.Err()
}

// download gets all at once; how many run at a time is the fetcher's business.
func (p *Preparer) download(ctx context.Context, d *draft, needs []block.Need) block.Resources {
	got := make([]block.Resource, len(needs))
	var all sync.WaitGroup
	for i, need := range needs {
		all.Go(func() { got[i] = p.get(ctx, d, need) })
	}
	all.Wait()
	resources := make(block.Resources, len(needs))
	for i, need := range needs {
		resources[need.URL] = got[i]
	}
	return resources
}

func (p *Preparer) get(ctx context.Context, d *draft, need block.Need) block.Resource {
	switch {
	case p.o.Downloads == nil:
		return block.Resource{Err: errNoDownloads}
	case d.downloaded.Load() > maxDownloaded:
		return block.Resource{Err: errTooMuch}
	case p.crowded(d):
		return block.Resource{Err: errCrowded}
	}
	r, err := p.o.Downloads.Get(ctx, need.URL, need.Purpose.Limit())
	fault := node.Permanent
	if e, ok := errors.AsType[*fetch.Error](err); ok && e.Temporary() {
		if fault = node.Lost; e.Timeout() {
			fault = node.Timeout
		}
	}
	if d.downloaded.Add(int64(len(r.Body))) > maxDownloaded {
		return block.Resource{Err: errTooMuch}
	}
	p.hold(d, len(r.Body))
	return block.Resource{Data: r.Body, Type: r.Type, Name: r.Name, Err: err, Fault: fault}
}

// maxDownloaded is what all downloads of a message may have together, in bytes: no message can be larger.
const maxDownloaded = 150 << 20

var (
	errNoDownloads = errors.New("nothing can be downloaded")
	errTooMuch     = errors.New("the downloads of one message have more than 150 MB together")
)

// waits is the error of a message that is to wait because a download did not find room.
func waits(got block.Resources) error {
	for _, r := range got {
		if r.Err == errCrowded {
			return &Delayed{For: crowded, Cause: errCrowded}
		}
	}
	return nil
}

// documentError is the result of a document that is at fault, or for which something could not be had.
func documentError(err error) *mail.Error {
	if e, ok := errors.AsType[*node.Error](err); ok && e.Fault != node.Permanent {
		kind := mail.Lost
		if e.Fault == node.Timeout {
			kind = mail.Timeout
		}
		return &mail.Error{Code: 451, Status: "4.4.7", State: mail.StateResponsive, Kind: kind, Cause: err}
	}
	return fail(mail.StateResponsive, "5.6.5", err)
}

// personalization is what the templates of a message see.
func (p *Preparer) personalization(d *draft) compose.Personalization {
	return compose.Personalization{
		Data: d.data, Envelope: d.m.Envelope.String(), Recipient: d.m.Recipient.String(), Now: d.began, Document: d.document != nil, Templates: p.templates,
		Work: &d.work,
	}
}
