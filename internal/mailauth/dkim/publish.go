package dkim

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"

	"posthoorn/internal/mailauth/lookup"
)

// Generate makes a private key as PEM: of RSA with so many bits, or (bits 0) of Ed25519.
func Generate(bits int) (string, error) {
	var key any
	var err error
	if bits == 0 {
		_, key, err = ed25519.GenerateKey(rand.Reader)
	} else {
		if bits < minBits || bits > maxBits {
			return "", errBits
		}
		key, err = rsa.GenerateKey(rand.Reader, bits)
	}
	if err != nil {
		return "", err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return "", err
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})), nil
}

// Record is the TXT record that belongs into the DNS for a private key. The error shows nothing of it.
func Record(key string) (string, error) {
	p, err := parsePrivate(key)
	if err != nil {
		return "", err
	}
	return p.record(), nil
}

// InDNS says why receivers cannot verify what a private key signs for a domain; empty: they can. An error says that this could not
// be found out, or that the key cannot be read.
func InDNS(ctx context.Context, dns lookup.TXT, domain, selector, key string) (why string, err error) {
	p, err := parsePrivate(key)
	if err != nil {
		return "", err
	}
	name := selector + "._domainkey." + domain
	records, err := dns.TXT(ctx, name)
	switch {
	case err != nil && lookup.Temporary(err):
		return "", err
	case err != nil || len(records) == 0:
		return fmt.Sprintf("there is no TXT record %s", name), nil
	}
	for _, record := range records {
		if why = p.judge(record); why == "" {
			return "", nil
		}
	}
	return why, nil
}
