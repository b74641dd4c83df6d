// Package certs is the certificate of a TLS server: a pair of PEM files that may be replaced while the program runs.
//
// The files are looked at when a client comes, at most every three seconds, and read again when they have changed. New ones that
// cannot be used leave the old pair in force, with a line in the log. A certificate that has expired has one too, and is shown all the
// same, since many clients do not look. The package starts no goroutine.
package certs

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"
)

// Files are where a certificate is.
type Files struct {
	Of          string // the door it belongs to, for the log: "SMTP"
	Certificate string
	Key         string
	Log         *slog.Logger // nil: slog.Default
}

// Server makes the configuration of a server with TLS 1.2 at least, and with these suites below TLS 1.3; none: those that Go
// prefers. An error says that the files cannot be used now.
func Server(f Files, suites []uint16) (*tls.Config, error) {
	if f.Log == nil {
		f.Log = slog.Default()
	}
	c := &certificate{Files: f}
	if err := c.load(time.Now()); err != nil {
		return nil, fmt.Errorf("%s certificate: %w", f.Of, err)
	}
	return &tls.Config{
		MinVersion: tls.VersionTLS12, CipherSuites: suites,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return c.current(time.Now()), nil },
	}, nil
}

// LookEvery is how often the files are looked at, at most.
const LookEvery = 3 * time.Second

type certificate struct {
	Files

	mu      sync.Mutex
	pair    *tls.Certificate
	looked  time.Time
	told    bool         // that pair has expired
	changed [2]time.Time // of the files that pair came from
}

// current is the certificate to show now.
func (c *certificate) current(now time.Time) *tls.Certificate {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now.Sub(c.looked) >= LookEvery {
		c.looked = now
		if c.times() != c.changed {
			if err := c.load(now); err != nil {
				c.Log.Error("a new certificate cannot be used, the old one stays", "of", c.Of, "error", err)
			}
		}
		c.tellExpiry(now)
	}
	return c.pair
}

func (c *certificate) load(now time.Time) error {
	c.looked, c.changed = now, c.times()
	pair, err := tls.LoadX509KeyPair(c.Certificate, c.Key)
	if err != nil {
		return c.explained(err)
	}
	c.pair, c.told = &pair, false
	c.tellExpiry(now)
	return nil
}

// tellExpiry says once that the certificate is over.
func (c *certificate) tellExpiry(now time.Time) {
	if c.told || !now.After(c.pair.Leaf.NotAfter) {
		return
	}
	c.told = true
	c.Log.Error("the certificate has expired: clients that look at it go away", "of", c.Of, "file", c.Certificate,
		"expired", c.pair.Leaf.NotAfter.UTC().Format(time.DateTime))
}

// explained says which files an error is about. Nobody could type the passphrase of a key.
func (c *certificate) explained(err error) error {
	text, _ := os.ReadFile(c.Key)
	if bytes.Contains(text, []byte("ENCRYPTED")) {
		return fmt.Errorf("the key in %s has a passphrase: openssl pkey -in %[1]s -out NEW writes it without one", c.Key)
	}
	return fmt.Errorf("%w (certificate: %s, key: %s)", err, c.Certificate, c.Key)
}

func (c *certificate) times() (t [2]time.Time) {
	for i, name := range []string{c.Certificate, c.Key} {
		if info, err := os.Stat(name); err == nil {
			t[i] = info.ModTime()
		}
	}
	return t
}
