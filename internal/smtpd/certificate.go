package smtpd

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"
)

// errHandshake ends a session without a word: after a broken handshake nothing can be said.
var errHandshake = errors.New("TLS handshake failed")

// newTLS makes the configuration of the server: TLS 1.2 at least, no session tickets, which some senders stumble over.
func newTLS(o *Options) (*tls.Config, error) {
	c := &certificate{certFile: o.CertificateFile, keyFile: o.KeyFile, log: o.Log}
	if err := c.load(time.Now()); err != nil {
		return nil, fmt.Errorf("SMTP certificate: %w", err)
	}
	return &tls.Config{
		MinVersion: tls.VersionTLS12, CipherSuites: o.CipherSuites, SessionTicketsDisabled: true,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return c.current(time.Now()), nil },
	}, nil
}

// lookEvery is how often the files are looked at, at most.
const lookEvery = 3 * time.Second

// certificate is a pair of files, read again when they have changed.
type certificate struct {
	certFile, keyFile string
	log               *slog.Logger

	mu      sync.Mutex
	pair    *tls.Certificate
	looked  time.Time
	changed [2]time.Time // of the files that pair came from
}

// current is the certificate to show now. A new pair that cannot be read leaves the old one.
func (c *certificate) current(now time.Time) *tls.Certificate {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now.Sub(c.looked) >= lookEvery && c.times() != c.changed {
		if err := c.load(now); err != nil {
			c.log.Error("new SMTP certificate cannot be used, the old one stays", "error", err)
		}
	}
	return c.pair
}

func (c *certificate) load(now time.Time) error {
	c.looked, c.changed = now, c.times()
	pair, err := tls.LoadX509KeyPair(c.certFile, c.keyFile)
	if err == nil {
		c.pair = &pair
	}
	return err
}

func (c *certificate) times() (t [2]time.Time) {
	for i, name := range []string{c.certFile, c.keyFile} {
		if info, err := os.Stat(name); err == nil {
			t[i] = info.ModTime()
		}
	}
	return t
}
