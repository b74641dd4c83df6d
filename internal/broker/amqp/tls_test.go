package amqp_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"posthoorn/internal/broker"
	"posthoorn/internal/broker/amqp"
)

// certificate is self-signed for 127.0.0.1; the file holds it in PEM.
func certificate(t *testing.T) (tls.Certificate, string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	must(t, err)
	file := filepath.Join(t.TempDir(), "ca.pem")
	must(t, os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, file
}

// tlsFront takes TLS off in front of target.
func tlsFront(t *testing.T, c tls.Certificate, target string) string {
	t.Helper()
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{c}})
	must(t, err)
	var running sync.WaitGroup
	t.Cleanup(func() {
		_ = l.Close()
		running.Wait()
	})
	running.Go(func() {
		for {
			near, err := l.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("tcp", target)
			if err != nil {
				_ = near.Close()
				continue
			}
			for _, x := range [][2]net.Conn{{near, far}, {far, near}} {
				running.Go(func() {
					_, _ = io.Copy(x[0], x[1])
					_ = x[0].Close()
					_ = x[1].Close()
				})
			}
		}
	})
	return l.Addr().String()
}

// amqps: the certificate counts unless verifying is off.
func TestTLS(t *testing.T) {
	c, ca := certificate(t)
	addr := tlsFront(t, c, rabbit.Get(t).Addr())
	q := name(t)
	url := "amqps://guest:guest@" + addr + "/"
	for _, o := range []amqp.Options{{Address: url, Insecure: true}, {Address: url + "?cacertfile=" + ca}} {
		b := open(t, o)
		must(t, publish(t, b, broker.Publishing{Queue: q, Body: make([]byte, 300_000)}))
		in := make(deliveries, 1)
		consumer, err := b.Consume(q, 1, 1, in)
		must(t, err)
		d := in.next(t)
		if len(d.Body) != 300_000 {
			t.Errorf("%d bytes came", len(d.Body))
		}
		consumer.Ack(d.Ticket)
		must(t, consumer.Flush(patience(t)))
		must(t, b.Close())
	}
	strict := open(t, amqp.Options{Address: url})
	eventually(t, func() bool {
		reason, is := strict.Blocked()
		return is && strings.Contains(reason, "certificate")
	})
}
