package smtpd

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"log/slog"
	"math/big"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"posthoorn/internal/broker"
	"posthoorn/internal/inject"
	"posthoorn/internal/mail"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fakeBroker keeps what is published. While held is set, confirms wait for it.
type fakeBroker struct {
	mu   sync.Mutex
	got  []broker.Publishing
	err  error
	held chan struct{}
}

func (f *fakeBroker) Send(_ context.Context, ps []broker.Publishing, done broker.Done) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err == nil {
		f.got = append(f.got, ps...)
	}
	if f.held != nil {
		err, held := f.err, f.held
		go func() { <-held; done(err) }()
		return
	}
	done(f.err)
}

func (f *fakeBroker) published() []broker.Publishing {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]broker.Publishing(nil), f.got...)
}

// fields are the properties of a published object.
func fields(t testing.TB, p broker.Publishing) map[string]any {
	t.Helper()
	got := map[string]any{}
	if err := json.Unmarshal(p.Body, &got); err != nil {
		t.Fatal(err)
	}
	return got
}

type localList map[string]bool

func (l localList) Local(a mail.Address) bool { return l[a.String()] }

// writeCertificate makes a key pair for mx.test in two files.
func writeCertificate(t testing.TB, dir string, serial int64) (certFile, keyFile string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: "mx.test"}, DNSNames: []string{"mx.test"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	certFile, keyFile = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for name, block := range map[string]*pem.Block{certFile: {Type: "CERTIFICATE", Bytes: der}, keyFile: {Type: "EC PRIVATE KEY", Bytes: keyDER}} {
		if err := os.WriteFile(name, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return certFile, keyFile
}

// testServer is a server on two ports of loopback: in clear and in TLS.
type testServer struct {
	*Server
	broker        *fakeBroker
	plain, secure string
}

func start(t testing.TB, change func(*Options, *inject.Options)) *testServer {
	t.Helper()
	ts := &testServer{broker: &fakeBroker{}}
	io := inject.Options{Sender: ts.broker, Queues: inject.Queues{Inbox: "inbox"}, Hostname: "mx.test",
		Log: slog.New(slog.DiscardHandler)}
	o := Options{Hostname: "mx.test", IPs: []netip.Addr{netip.MustParseAddr("127.0.0.1")}, Ports: []int{0}, SecurePorts: []int{0}, Extract: true, DSN: true,
		Log: slog.New(slog.DiscardHandler)}
	o.CertificateFile, o.KeyFile = writeCertificate(t, t.TempDir(), 1)
	if change != nil {
		change(&o, &io)
	}
	if o.Door == nil {
		o.Door = inject.New(io)
	}
	var err error
	if ts.Server, err = New(o); err != nil {
		t.Fatal(err)
	}
	if err := ts.Listen(); err != nil {
		t.Fatal(err)
	}
	ts.Serve()
	ts.plain, ts.secure = ts.Addresses()[0].String(), ts.Addresses()[1].String()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		ts.Stop(ctx)
	})
	return ts
}

var clientTLS = &tls.Config{InsecureSkipVerify: true} // the certificate is self-signed

func dial(t testing.TB, address string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(2 * time.Minute))
	return c
}
