package certs

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"log/slog"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// write puts a new pair of the serial number into the files.
func write(t *testing.T, f Files, serial int64, changed time.Time) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(serial), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	put(t, f.Certificate, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), changed)
	put(t, f.Key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), changed)
}

func put(t *testing.T, name string, data []byte, changed time.Time) {
	t.Helper()
	if err := os.WriteFile(name, data, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(name, changed, changed); err != nil {
		t.Fatal(err)
	}
}

func (c *certificate) serial(t *testing.T, now time.Time) int64 {
	t.Helper()
	leaf, err := x509.ParseCertificate(c.current(now).Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	return leaf.SerialNumber.Int64()
}

func TestReplacedFiles(t *testing.T) {
	dir := t.TempDir()
	f := Files{Of: "test", Certificate: filepath.Join(dir, "c.pem"), Key: filepath.Join(dir, "k.pem"), Log: slog.New(slog.DiscardHandler)}
	now := time.Now()
	write(t, f, 1, now)
	c := &certificate{Files: f}
	if err := c.load(now); err != nil {
		t.Fatal(err)
	}
	write(t, f, 2, now.Add(time.Second))
	if got := c.serial(t, now.Add(time.Second)); got != 1 {
		t.Errorf("the files were looked at at once: serial %d", got)
	}
	if got := c.serial(t, now.Add(4*time.Second)); got != 2 {
		t.Errorf("new files are not used: serial %d", got)
	}
	put(t, f.Certificate, []byte("nonsense"), now.Add(5*time.Second))
	if got := c.serial(t, now.Add(8*time.Second)); got != 2 {
		t.Errorf("the old pair does not stay: serial %d", got)
	}
	write(t, f, 3, now.Add(9*time.Second))
	if got := c.serial(t, now.Add(12*time.Second)); got != 3 {
		t.Errorf("a good pair after a bad one is not used: serial %d", got)
	}
}

// TestCertificatesAreChangedAsAPair: while the two files do not belong together, or one of them cannot be read, the old pair stays,
// and as soon as they do the new one is shown.
func TestCertificatesAreChangedAsAPair(t *testing.T) {
	var log bytes.Buffer
	dir, other := t.TempDir(), t.TempDir()
	now := time.Now()
	cert, key := writeIn(t, dir, 1, now)
	newCert, newKey := writeIn(t, other, 2, now)
	c := &certificate{Files: Files{Of: "test", Certificate: cert, Key: key, Log: slog.New(slog.NewTextHandler(&log, nil))}}
	if err := c.load(now); err != nil {
		t.Fatal(err)
	}
	for i, step := range []struct {
		name   string
		do     func() error
		serial int64
		lines  int
	}{
		{"nothing", func() error { return nil }, 1, 0},
		{"certificate without its key", func() error { return os.Rename(newCert, cert) }, 1, 1},
		{"no key", func() error { return os.Remove(key) }, 1, 2},
		{"both", func() error { return os.Rename(newKey, key) }, 2, 2},
		{"an empty file", func() error { return os.WriteFile(cert, nil, 0o600) }, 2, 3},
		{"no file", func() error { return os.Remove(cert) }, 2, 4},
		{"a directory", func() error { return os.Mkdir(cert, 0o700) }, 2, 5},
	} {
		if err := step.do(); err != nil {
			t.Fatal(err)
		}
		stamp := now.Add(time.Duration(i) * time.Minute)
		for _, name := range []string{cert, key} {
			_ = os.Chtimes(name, stamp, stamp)
		}
		for range 3 { // one line for one change
			now = now.Add(LookEvery)
			if got := c.current(now).Leaf.SerialNumber.Int64(); got != step.serial {
				t.Errorf("%s: certificate %d", step.name, got)
			}
		}
		if i == 0 {
			log.Reset()
		}
		if n := strings.Count(log.String(), "\n"); n != step.lines {
			t.Errorf("%s: %d lines: %s", step.name, n, log.String())
		}
	}
}

// writeIn puts a new pair into a folder.
func writeIn(t *testing.T, dir string, serial int64, changed time.Time) (cert, key string) {
	t.Helper()
	f := Files{Certificate: filepath.Join(dir, "c.pem"), Key: filepath.Join(dir, "k.pem")}
	write(t, f, serial, changed)
	return f.Certificate, f.Key
}

// TestUnusableFiles: an error names the files, and says what to do about a passphrase.
func TestUnusableFiles(t *testing.T) {
	dir := t.TempDir()
	cert, key := writeIn(t, dir, 1, time.Now())
	other := filepath.Join(dir, "other.pem")
	for name, c := range map[string]struct {
		key  string
		says []string
	}{
		"no file":        {"", []string{other, "no such file"}},
		"nonsense":       {"nonsense", []string{cert, other}},
		"passphrase":     {"-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n", []string{other, "passphrase", "openssl pkey"}},
		"old passphrase": {"-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nAAAA\n-----END RSA PRIVATE KEY-----\n", []string{other, "passphrase"}},
	} {
		_ = os.Remove(other)
		if c.key != "" {
			put(t, other, []byte(c.key), time.Now())
		}
		_, err := Server(Files{Of: "test", Certificate: cert, Key: other}, nil)
		for _, text := range c.says {
			if err == nil || !strings.Contains(err.Error(), text) {
				t.Errorf("%s: %v does not say %q", name, err, text)
			}
		}
	}
	if _, err := Server(Files{Of: "test", Certificate: cert, Key: key}, nil); err != nil {
		t.Error(err)
	}
}

// TestExpiry: a certificate that has expired is told of once, whether it was so at the start or is so later, and so is the next one.
func TestExpiry(t *testing.T) {
	var log bytes.Buffer
	dir := t.TempDir()
	now := time.Now()
	f := Files{Of: "test", Certificate: filepath.Join(dir, "c.pem"), Key: filepath.Join(dir, "k.pem"), Log: slog.New(slog.NewTextHandler(&log, nil))}
	write(t, f, 1, now) // for an hour
	c := &certificate{Files: f}
	if err := c.load(now); err != nil {
		t.Fatal(err)
	}
	c.current(now.Add(59 * time.Minute))
	if log.Len() > 0 {
		t.Error(log.String())
	}
	for i := range 3 {
		c.current(now.Add(61*time.Minute + time.Duration(i)*LookEvery))
	}
	if n := strings.Count(log.String(), "has expired"); n != 1 || !strings.Contains(log.String(), f.Certificate) {
		t.Error(log.String())
	}
	late := &certificate{Files: f}
	if err := late.load(now.Add(2 * time.Hour)); err != nil || strings.Count(log.String(), "has expired") != 2 {
		t.Error(err, log.String())
	}
}
