package prepare

import (
	"context"
	"encoding/json"
	"errors"
	"sync/atomic"
	"time"

	"posthoorn/internal/compose"
	"posthoorn/internal/compose/inline"
	"posthoorn/internal/mail"
)

// Plain says that Message yields the content of m: nothing is to be loaded, built or changed.
func (p *Preparer) Plain(m *mail.Message) bool {
	return (m.Content == mail.SourceText || m.Content == mail.SourceBase64) &&
		!m.Data && !m.InlineCSS && !m.HeaderEdits && !m.DKIM && (p.o.Signing.Ring == nil || p.o.Signing.Ring.Empty())
}

// draft is a message on its way through the steps.
type draft struct {
	m        *mail.Message
	document []byte // JSON to build the source from
	data     []byte // for the templates, as JSON; nothing or null: there are none
	dkim     []byte // keys that the document brings, as JSON
	source   []byte // MIME, once there is some
	began    time.Time
	work     int          // what its templates may still take
	held     atomic.Int64 // bytes that are counted in Preparer.held while it is made

	downloaded atomic.Int64 // bytes
	slow       *atomic.Bool // set while others are waited for
}

// waits does f, which waits for others.
func (d *draft) waits(f func()) {
	d.slow.Store(true)
	defer d.slow.Store(false)
	f()
}

// hold counts bytes that a message has while it is made.
func (p *Preparer) hold(d *draft, n int) {
	d.held.Add(int64(n))
	p.held.Add(int64(n))
}

// crowded says that other messages have so much that this one is to wait.
func (p *Preparer) crowded(d *draft) bool { return p.held.Load()-d.held.Load() > p.o.Memory }

// make does all steps.
func (p *Preparer) make(ctx context.Context, m *mail.Message, slow *atomic.Bool) (s Source, err error) {
	d := &draft{m: m, slow: slow, data: m.Property("data"), began: began(m), work: compose.MaxWork}
	defer func() { p.held.Add(-d.held.Load()) }()
	for _, step := range [...]func(context.Context, *draft) error{p.load, p.build} {
		if err := step(ctx, d); err != nil {
			return Source{}, err
		}
	}
	err = p.computes.in(ctx, func() error {
		for _, step := range [...]func(*draft) error{p.personalize, p.inline, p.edit} {
			if err := step(d); err != nil {
				return err
			}
		}
		s = finish(d.source)
		return nil
	})
	if err != nil {
		return Source{}, err
	}
	d.source = s.Data
	if err := p.sign(ctx, d); err != nil {
		return Source{}, err
	}
	s.Data = d.source
	return s, nil
}

// began is the time of the first attempt: what is made of a message is to be the same at every one.
func began(m *mail.Message) time.Time {
	var results []struct{ Time string }
	if m.Attempts > 0 && json.Unmarshal(m.Property("results"), &results) == nil && len(results) > 0 {
		if t, err := mail.ParseTime(results[0].Time); err == nil {
			return t
		}
	}
	return time.Now()
}

// personalize fills in the templates (personalization.md).
func (p *Preparer) personalize(d *draft) (err error) {
	if isNothing(d.data) {
		return nil
	}
	d.source, err = compose.Personalize(d.source, p.personalization(d))
	return p.forgive(d, mail.StatePersonalize, err)
}

// maxInlined is how many HTML parts of a message have their style sheets inlined: a part may take half a second.
const maxInlined = 10

// inline moves style sheets into the elements (inline-css.md). A part that is too large for it, or one too many, goes out as it is.
func (p *Preparer) inline(d *draft) (err error) {
	if !d.m.InlineCSS {
		return nil
	}
	parts := 0
	d.source, err = compose.Inline(d.source, func(html []byte) ([]byte, error) {
		if parts++; parts > maxInlined {
			return html, nil
		}
		out, err := p.inliner.HTML(html)
		if limit, ok := errors.AsType[*inline.LimitError](err); ok {
			p.log.Warn("style sheets are not inlined", "recipient", d.m.Recipient.String(), "reason", limit)
			err = nil
		}
		return out, err
	})
	if parts > maxInlined {
		p.log.Warn("style sheets are not inlined", "recipient", d.m.Recipient.String(), "reason", "too many HTML parts", "has", parts, "max", maxInlined)
	}
	return p.forgive(d, mail.StateRewrite, err)
}

// forgive lets a message with force go out in spite of a step that failed.
func (p *Preparer) forgive(d *draft, state mail.State, err error) error {
	if err == nil {
		return nil
	}
	p.log.Warn("content of a message could not be made", "recipient", d.m.Recipient.String(), "step", state, "error", err, "sent all the same", d.m.Force)
	if d.m.Force {
		return nil
	}
	return fail(state, "5.6.0", err)
}
