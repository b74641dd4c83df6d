package prepare

import (
	"context"

	"posthoorn/internal/mail"
)

// Plain says that Message yields the content of m: nothing is to be loaded, built or changed.
func (p *Preparer) Plain(m *mail.Message) bool {
	return (m.Content == mail.SourceText || m.Content == mail.SourceBase64) &&
		!m.Data && !m.InlineCSS && !m.HeaderEdits && !m.DKIM && (p.o.Signing.Ring == nil || p.o.Signing.Ring.Empty())
}

// make does all steps.
func (p *Preparer) make(ctx context.Context, m *mail.Message) (Source, error) {
	d := &draft{m: m}
	if err := p.load(ctx, d); err != nil {
		return Source{}, err
	}
	s := finish(d.source)
	d.source = s.Data
	if err := p.sign(ctx, d); err != nil {
		return Source{}, err
	}
	s.Data = d.source
	return s, nil
}
