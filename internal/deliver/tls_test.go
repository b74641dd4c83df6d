package deliver

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"strings"
	"testing"
	"time"

	"posthoorn/internal/mail"
)

// authority signs certificates for the tests.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pool *x509.CertPool
}

func newAuthority(t *testing.T) *authority {
	a := &authority{pool: x509.NewCertPool()}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Test Root", Country: []string{"NL"}, Organization: []string{"Test"}},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	cert := a.make(t, template, nil)
	a.cert, a.key = cert.Leaf, cert.PrivateKey.(*ecdsa.PrivateKey)
	a.pool.AddCert(a.cert)
	return a
}

// make signs template with the authority, or with its own key when by is nil.
func (a *authority) make(t *testing.T, template *x509.Certificate, by *authority) tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	parent, signer := template, key
	if by != nil {
		parent, signer = by.cert, by.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

func (a *authority) server(t *testing.T, name string, by *authority, end time.Duration) tls.Certificate {
	return a.make(t, &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name, "*." + name},
		NotBefore: time.Now().Add(-2 * time.Hour), NotAfter: time.Now().Add(end),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}, by)
}

// TestTLS is the table of certificates, versions and levels (T7, T37, T38). What is compared: the state at the end, whether
// it was encrypted, whether the certificate is called good, and whether a byte of the message went in clear.
func TestTLS(t *testing.T) {
	ca, other := newAuthority(t), newAuthority(t)
	good := ca.server(t, "mx.test", ca, time.Hour)
	for _, c := range []struct {
		name   string
		cert   tls.Certificate
		config *tls.Config
		level  Level
		names  []string
		want   string
	}{
		{"good, may", good, &tls.Config{}, TLSMay, nil, "message/accepted TLSv1.3 verified"},
		{"good, must", good, &tls.Config{}, TLSMust, nil, "message/accepted TLSv1.3 verified"},
		{"good, verify", good, &tls.Config{}, TLSVerify, nil, "message/accepted TLSv1.3 verified"},
		{"good, none", good, &tls.Config{}, TLSNone, nil, "message/accepted clear"},
		{"good, verify another name", good, &tls.Config{}, TLSVerify, []string{"b.test"}, "starttls/error 4.7.5 unverified"},
		{"good, verify one of the names", good, &tls.Config{}, TLSVerify, []string{"b.test", "a.mx.test."}, "message/accepted TLSv1.3 verified"},
		{"1.2, verify", good, &tls.Config{MaxVersion: tls.VersionTLS12}, TLSVerify, nil, "message/accepted TLSv1.2 verified"},
		{"expired, may", ca.server(t, "mx.test", ca, -time.Hour), &tls.Config{}, TLSMay, nil, "message/accepted TLSv1.3 unverified"},
		{"expired, verify", ca.server(t, "mx.test", ca, -time.Hour), &tls.Config{}, TLSVerify, nil, "starttls/error 4.7.5 unverified"},
		{"self-signed, must", ca.server(t, "mx.test", nil, time.Hour), &tls.Config{}, TLSMust, nil, "message/accepted TLSv1.3 unverified self-signed"},
		{"self-signed, verify", ca.server(t, "mx.test", nil, time.Hour), &tls.Config{}, TLSVerify, nil, "starttls/error 4.7.5 unverified self-signed"},
		{"unknown authority, must", other.server(t, "mx.test", other, time.Hour), &tls.Config{}, TLSMust, nil, "message/accepted TLSv1.3 unverified"},
		{"unknown authority, verify", other.server(t, "mx.test", other, time.Hour), &tls.Config{}, TLSVerify, nil, "starttls/error 4.7.5 unverified"},
		{"1.1 only, may", good, &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}, TLSMay, nil, "message/accepted clear"},
		{"1.1 only, must", good, &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}, TLSMust, nil, "starttls/error 4.7.5"},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.config.Certificates = []tls.Certificate{c.cert}
			p := &peer{tls: c.config}
			r := &recorder{ended: make(chan struct{}), jobs: []*Job{makeJob(1, "")}}
			client := New(Options{Connect: sockets(t, p.serve), TLS: &tls.Config{RootCAs: ca.pool}})
			client.Open(t.Context(), Dial{Name: "me.test", Targets: someTargets(1), TLS: TLS{c.level, c.names}}, r)
			<-r.ended
			if got := tlsOutcome(r); got != c.want {
				t.Errorf("got %q, want %q (%v)", got, c.want, r.events)
			}
			if strings.HasPrefix(c.want, "starttls") != (len(p.taken()) == 0) {
				t.Errorf("peer has %q", p.taken())
			}
		})
	}
}

func tlsOutcome(r *recorder) string {
	res := r.failed
	if len(r.results) > 0 {
		res = r.results[0]
	}
	out := string(res.State) + "/" + string(res.Kind)
	switch {
	case !res.OK():
		out += " " + res.Status
	case res.Cipher == nil:
		out += " clear"
	default:
		out += " " + res.Cipher.Version
	}
	if x := res.Certificate; x != nil {
		out += map[bool]string{true: " verified", false: " unverified"}[x.Verified] + map[bool]string{true: " self-signed"}[x.SelfSigned]
	}
	return out
}

// TestTLSSession: what the server said in clear is forgotten, the login goes inside, and the second connection resumes the
// first one's session, certificate still known.
func TestTLSSession(t *testing.T) {
	ca := newAuthority(t)
	p := &peer{
		tls:  &tls.Config{Certificates: []tls.Certificate{ca.server(t, "mx.test", ca, time.Hour)}},
		caps: []string{"SIZE 1"}, capsInside: []string{"AUTH PLAIN", "PIPELINING"},
	}
	client := New(Options{Connect: sockets(t, p.serve), TLS: &tls.Config{RootCAs: ca.pool}})
	for i := range 2 {
		r := &recorder{ended: make(chan struct{}), jobs: []*Job{makeJob(1, ""), makeJob(2, "size=70400"), makeJob(3, "")}, ahead: true}
		client.Open(t.Context(), Dial{Name: "me.test", Targets: someTargets(1), TLS: TLS{Level: TLSVerify}, Auth: Auth{Username: "ann", Password: "secret"}}, r)
		<-r.ended
		if len(r.results) != 3 || !r.results[2].OK() {
			t.Fatal(r.events)
		}
		last := r.results[2]
		if last.Authentication != "PLAIN" || last.Cipher == nil || last.Certificate == nil || !last.Certificate.Verified || last.Messages != 3 {
			t.Errorf("connection %d: %s", i, last.AppendJSON(nil))
		}
		if want := i == 1; p.resumed.Load() != want {
			t.Errorf("connection %d: resumed %v", i, p.resumed.Load())
		}
	}
	if got := strings.Join(p.heard()[:4], " | "); got != "EHLO me.test | STARTTLS | EHLO me.test | AUTH PLAIN AGFubgBzZWNyZXQ=" {
		t.Errorf("client said %s", got)
	}
}

func TestNoPlainBytesAfterFailedTLS(t *testing.T) {
	ca := newAuthority(t)
	p := &peer{tls: &tls.Config{Certificates: []tls.Certificate{ca.server(t, "mx.test", nil, time.Hour)}}}
	r := &recorder{ended: make(chan struct{}), jobs: []*Job{makeJob(1, "")}}
	New(Options{Connect: sockets(t, p.serve)}).Open(t.Context(), Dial{Name: "me.test", Targets: someTargets(2), TLS: TLS{Level: TLSVerify}}, r)
	<-r.ended
	for _, c := range p.heard() {
		if c != "EHLO me.test" && c != "STARTTLS" {
			t.Errorf("client said %q", c)
		}
	}
	if len(r.events) != 2 || p.conns.Load() != 2 {
		t.Errorf("heard %v", r.events)
	}
	if r.failed.Certificate == nil || r.failed.Certificate.Verification == "ok" || r.failed.State != mail.StateSTARTTLS {
		t.Errorf("result %+v", r.failed)
	}
}
