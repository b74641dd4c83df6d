package console

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// writePair makes a certificate and its key, in one file.
func writePair(t *testing.T) (file string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"mta.test"}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	text := append(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})...)
	file = filepath.Join(t.TempDir(), "pair.pem")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// TestTLS: HTTP leads to HTTPS, where cookies are of TLS alone, and one connection has one request at a time.
func TestTLS(t *testing.T) {
	file := writePair(t)
	r := start(t, func(o *Options, _ *Parts) {
		o.SecureAddress, o.Certificate, o.Key = "127.0.0.1:0", file, file
	})
	secure := r.Addresses()[1].String()
	b := r.browser()
	_, port, _ := strings.Cut(secure, ":")
	for host, want := range map[string]string{
		"mta.test:80": "https://mta.test:" + port + "/x?y=1", "127.0.0.1": "https://127.0.0.1:" + port + "/x?y=1", "[::1]:80": "https://[::1]:" + port + "/x?y=1",
	} {
		if got := b.do("GET", "/x?y=1", nil, "Host", host); got.status != http.StatusPermanentRedirect || got.header.Get("Location") != want {
			t.Errorf("%s: %d to %q", host, got.status, got.header.Get("Location"))
		}
	}
	b.do("GET", "/", nil, "Host", "a b").wants(t, 400, "a host that is none")
	b.do("POST", api+"/login", map[string]string{"password": goodPassword}).wants(t, 308, "a login in clear")
	b.do("GET", "/healthz", nil).wants(t, 200, "a health check in clear")

	r.url = "https://" + secure
	b = r.browser()
	b.client.Transport = &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true, ForceAttemptHTTP2: true}
	b.do("POST", api+"/login", map[string]string{"user": "ann", "password": goodPassword}).wants(t, 204, "a login over TLS")
	if !b.cookie.Secure || !strings.HasPrefix(b.cookie.Name, "__Host-") {
		t.Errorf("cookie: %v", b.cookie)
	}
	b.do("GET", api+"/backlog", nil).wants(t, 200, "over TLS")

	for version, good := range map[uint16]bool{tls.VersionTLS11: false, tls.VersionTLS12: true, tls.VersionTLS13: true} {
		c, err := tls.Dial("tcp", secure, &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS10, MaxVersion: version, NextProtos: []string{"h2", "http/1.1"}})
		if (err == nil) != good {
			t.Errorf("TLS %x: %v", version, err)
		}
		if err == nil {
			if got := c.ConnectionState().NegotiatedProtocol; got != "http/1.1" {
				t.Errorf("protocol %q", got)
			}
			_ = c.Close()
		}
	}
}

func TestBadCertificate(t *testing.T) {
	_, err := New(Options{Address: "127.0.0.1:0", SecureAddress: "127.0.0.1:0", Certificate: "/nowhere", Key: "/nowhere"})
	if err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("%v", err)
	}
}
