package e2e

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"maps"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// tlsDoor is what the configuration of an SMTP door with TLS needs, and its clients.
type tlsDoor struct {
	keys   map[string]string // of the configuration, with those of the test
	cert   string            // file; clients trust it
	secure string            // host:port with TLS from the first byte
}

func newTLSDoor(t *testing.T, own map[string]string) tlsDoor {
	t.Helper()
	dir, port := t.TempDir(), freePort(t)
	d := tlsDoor{cert: filepath.Join(dir, "cert.pem"), secure: "127.0.0.1:" + port}
	key := filepath.Join(dir, "key.pem")
	if err := writeCertificate(d.cert, key); err != nil {
		t.Fatal(err)
	}
	d.keys = map[string]string{"smtp-certificate": d.cert, "smtp-key": key, "smtp-secure-port": port}
	maps.Copy(d.keys, own)
	return d
}

// withLogin is the login that the tests use where one is needed.
var withLogin = map[string]string{"smtp-username": "shop", "smtp-password": "open sesame"}

// writeCertificate makes a certificate for the daemon, signed by itself.
func writeCertificate(certFile, keyFile string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: "mta.example.test"},
		DNSNames: []string{"mta.example.test"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return err
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	return errors.Join(
		os.WriteFile(certFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert}), 0o644),
		os.WriteFile(keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}), 0o600))
}
