package app

import (
	"posthoorn/internal/mailauth/dkim"
	"posthoorn/internal/prepare"
	"posthoorn/internal/settings"
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
	ring := d.keyRing(loader)
	d.keyInDNS = ring.Again
	downloads, err := d.openDownloads()
	if err != nil {
		return err
	}
	o := prepare.Options{
		Downloads: downloads, Icons: d.cfg.Downloads.SocialIcons, Host: d.cfg.General.Hostname,
		Signing:    prepare.Signing{Loader: loader, Signer: signer, Ring: ring},
		Reschedule: d.cfg.Storage.Reschedule,
		Log:        d.named("content"),
	}
	if d.bodies != nil {
		o.Bodies = d.bodies
	}
	d.prepare = prepare.New(o)
	return nil
}

// keyRing holds the keys of the settings, as they are at any time.
func (d *Daemon) keyRing(loader *dkim.Loader) *dkim.Ring {
	ring := dkim.NewRing(dkim.RingOptions{DNS: d.resolver, Loader: loader, Logger: d.named("dkim")})
	update := func(s *settings.Snapshot) { ring.Update(s.DKIM()) }
	d.settings.Subscribe(update)
	update(d.settings.Current())
	done := make(chan struct{})
	go func() {
		defer close(done)
		ring.Run(d.ctx)
	}()
	d.later("checks of signing keys", func() { <-done })
	return ring
}
