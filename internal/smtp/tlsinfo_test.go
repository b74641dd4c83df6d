package smtp

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"posthoorn/internal/mail"
)

func TestEverySuiteHasItsName(t *testing.T) {
	for _, s := range tls.CipherSuites() {
		if _, ok := suites[s.ID]; !ok {
			t.Errorf("%s has no OpenSSL name", s.Name)
		}
	}
	c := DescribeCipher(tls.ConnectionState{Version: tls.VersionTLS12, CipherSuite: tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384})
	if got, want := string(c.JSON()), `{"name":"ECDHE-RSA-AES256-GCM-SHA384","bits":256,"algbits":256,"version":"TLSv1.2","id":49200}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestCertificate(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	name := pkix.Name{CommonName: "mx.test", Country: []string{"NL"}, Locality: []string{"Delft"}, Province: []string{"ZH"}, Organization: []string{"Post"}}
	moment := time.Date(2031, 5, 4, 9, 0, 0, 0, time.UTC)
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: name, NotBefore: moment, NotAfter: moment.Add(time.Hour), DNSNames: []string{"mx.test", "*.mx.test"},
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment | x509.KeyUsageDecipherOnly,
	}, &x509.Certificate{Subject: name}, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	x, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	state := tls.ConnectionState{PeerCertificates: []*x509.Certificate{x}}
	who := `{"common":"mx.test","country":"NL","locality":"Delft","state":"ZH","organization":"Post"}`
	want := `{"notbefore":"2031-05-04 09:00:00","notafter":"2031-05-04 10:00:00","version":3,"verified":false,"result":"no good",` +
		`"keyusage":32928,"self-signed":true,"subject":` + who + `,"issuer":` + who + `,"altnames":["mx.test","*.mx.test"]}`
	if got := string(DescribeCertificate(state, errors.New("no good")).JSON()); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if c := DescribeCertificate(state, nil); !c.Verified || c.Verification != "ok" {
		t.Errorf("good one: %s", c.JSON())
	}
	if DescribeCertificate(tls.ConnectionState{}, nil) != nil {
		t.Error("a certificate out of nothing")
	}
}

// What a hostile server puts into its certificate does not swell the results.
func TestHugeCertificate(t *testing.T) {
	long := strings.Repeat("x", maxCertName-1) + strings.Repeat("é", 10_000)
	names := slices.Repeat([]string{long}, 5000)
	name := pkix.Name{CommonName: long, Country: names, Locality: names, Province: names, Organization: names}
	x := &x509.Certificate{Subject: name, Issuer: name, DNSNames: names}
	c := DescribeCertificate(tls.ConnectionState{PeerCertificates: []*x509.Certificate{x}}, errors.New(strings.Repeat(long, 9)))
	short := long[:maxCertName-1]
	if n := (mail.Name{Common: short, Country: short, Locality: short, State: short, Organization: short}); c.Subject != n || c.Issuer != n {
		t.Errorf("subject %+v", c.Subject)
	}
	if len(c.AltNames) != maxAltNames || c.AltNames[maxAltNames-1] != short {
		t.Errorf("%d names", len(c.AltNames))
	}
	if n := len(c.Verification); n > maxVerification || n < maxVerification-1 || !utf8.ValidString(c.Verification) {
		t.Errorf("%d bytes of %q", n, c.Verification)
	}
	if n := len(c.JSON()); n > 20_000 {
		t.Errorf("%d bytes", n)
	}
}
