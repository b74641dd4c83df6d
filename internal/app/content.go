package app

import (
	"posthoorn/internal/mailauth/dkim"
	"posthoorn/internal/prepare"
)

// openContent is what makes bytes of messages: signing, and all that comes before it.
func (d *Daemon) openContent() error {
	engine, err := dkim.Fastest()
	if err != nil {
		d.log.Warn("signatures are made in Go, which is slower", "error", err)
	}
	d.log.Info("signing", "with", engine.Name())
	loader := dkim.NewLoader(engine, 0)
	signer := dkim.NewSigner(dkim.SignerOptions{Registerer: d.metrics})
	d.later("signatures", signer.Close)
	o := prepare.Options{
		Signing:    prepare.Signing{Loader: loader, Signer: signer},
		Reschedule: d.cfg.Storage.Reschedule,
		Log:        d.named("content"),
	}
	if d.bodies != nil {
		o.Bodies = d.bodies
	}
	d.prepare = prepare.New(o)
	return nil
}
