package smtpd

import (
	"crypto/tls"
	"errors"

	"posthoorn/internal/certs"
)

// errHandshake ends a session without a word: after a broken handshake nothing can be said.
var errHandshake = errors.New("TLS handshake failed")

// newTLS makes the configuration of the server. It gives no session tickets, which some senders stumble over.
func newTLS(o *Options) (*tls.Config, error) {
	c, err := certs.Server(certs.Files{Of: "SMTP", Certificate: o.CertificateFile, Key: o.KeyFile, Log: o.Log}, o.CipherSuites)
	if err == nil {
		c.SessionTicketsDisabled = true
	}
	return c, err
}
