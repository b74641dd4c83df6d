package certs

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"log/slog"
	"math/big"
	"os"
	"path/filepath"
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

func TestUnusableFiles(t *testing.T) {
	if _, err := Server(Files{Of: "test", Certificate: "/nowhere/c.pem", Key: "/nowhere/k.pem"}, nil); err == nil {
		t.Error("files that are not there make a server")
	}
}
