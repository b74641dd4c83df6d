package prepare

import (
	"context"
	"errors"
	"slices"

	"posthoorn/internal/mail"
	"posthoorn/internal/mailauth/dkim"
)

// Signing is what is needed to sign. Without a Signer nothing can be signed.
type Signing struct {
	Loader *dkim.Loader // reads the keys that a message brings
	Signer *dkim.Signer
	Ring   *dkim.Ring // the keys of the settings; nil: there are none
}

// keysOf are all keys that sign a message: those that it brings and those of the settings. Keys that cannot be used are left out
// and told in the log; only when the message has asked for a signature and none is left is that an error (message-json.md section
// 6).
func (p *Preparer) keysOf(ctx context.Context, d *draft) ([]*dkim.Key, error) {
	var keys []*dkim.Key
	var bad []*dkim.KeyError
	for _, text := range [][]byte{d.m.Property("dkim"), d.dkim} {
		prop := p.o.Signing.Loader.Property(text)
		keys, bad = append(keys, prop.Keys...), append(bad, prop.Bad...)
		for _, w := range prop.Warnings {
			p.log.Warn("part of a dkim key is ignored", "recipient", d.m.Recipient.String(), "reason", w)
		}
	}
	for _, e := range bad {
		p.log.Warn("dkim key of a message cannot be used", "recipient", d.m.Recipient.String(), "error", e)
	}
	if r := p.o.Signing.Ring; r != nil {
		d.waits(func() { keys = append(keys, r.For(ctx, dkim.FromDomain(d.source))...) })
	}
	if len(keys) == 0 && len(bad) > 0 && !d.m.Force {
		return nil, fail(mail.StateData, "5.7.0", bad[0])
	}
	slices.SortStableFunc(keys, func(a, b *dkim.Key) int { return a.Priority - b.Priority })
	return keys[:min(len(keys), dkim.MaxSignatures)], nil
}

// sign puts the signatures in front: the last step, over the bytes as they go out.
func (p *Preparer) sign(ctx context.Context, d *draft) error {
	keys, err := p.keysOf(ctx, d)
	if err != nil || len(keys) == 0 {
		return err
	}
	fields, err := p.o.Signing.Signer.Sign(ctx, d.source, keys)
	switch key := (*dkim.KeyError)(nil); {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.As(err, &key):
		p.log.Warn("signature failed", "recipient", d.m.Recipient.String(), "error", key)
		if len(fields) == 0 && !d.m.Force {
			return fail(mail.StateData, "5.7.0", err)
		}
	case err != nil && !d.m.Force:
		return fail(mail.StateData, "5.7.0", err)
	}
	d.source = append(fields, d.source...)
	return nil
}
