package app

import (
	"net"
	"net/url"
	"strconv"

	"posthoorn/internal/app/config"
	"posthoorn/internal/fetch"
	"posthoorn/internal/journal"
	"posthoorn/internal/store"
)

// openDownloads is for resources that documents refer to (responsive-email.md section 8).
func (d *Daemon) openDownloads() (*fetch.Fetcher, error) {
	c := &d.cfg.Downloads
	o := fetch.Options{
		Resolver: d.resolver, Blacklist: c.Blacklist, Proxy: proxyURL(c.Proxy), UserAgent: c.UserAgent, CacheBytes: noneIsNegative(c.CacheSize),
		TTL: noneIsNegative(c.TTL), Registerer: d.metrics,
		Log: func(r fetch.Record) { d.journal.Download(journal.Download{Time: r.Start, URL: r.URL}) },
	}
	for _, w := range c.Whitelist {
		o.Whitelist = append(o.Whitelist, fetch.Exception{Prefix: w.Prefix, Port: w.Port})
	}
	if !c.Cache.IsZero() {
		s, err := openStore(c.Cache, store.Options{Threads: 4, Logger: d.named("store")})
		if err != nil {
			return nil, wrong(config.ExitConfig, "download-cache: %w", err)
		}
		d.later("cache of downloads", func() { _ = s.Close() })
		o.Store = s
	}
	f := fetch.New(o)
	d.later("downloads", f.Close)
	return f, nil
}

// noneIsNegative says 0 of the configuration, nothing is kept, as options say it whose zero is a default.
func noneIsNegative[T ~int64](v T) T {
	if v == 0 {
		return -1
	}
	return v
}

// proxyURL is nil without a proxy.
func proxyURL(a config.Address) *url.URL {
	if a.IsZero() {
		return nil
	}
	u := &url.URL{Scheme: a.Scheme, Host: a.Hosts[0].Host}
	if port := a.Hosts[0].Port; port != 0 {
		u.Host = net.JoinHostPort(a.Hosts[0].Host, strconv.Itoa(int(port)))
	}
	if a.User != "" {
		u.User = url.UserPassword(a.User, a.Password.Reveal())
	}
	return u
}
