package smtp

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"strings"
	"unicode/utf8"

	"posthoorn/internal/mail"
)

// suites are the names that OpenSSL has for what crypto/tls can negotiate (TLS 1.3 names are the same) and their bits.
var suites = map[uint16]mail.Cipher{
	tls.TLS_AES_128_GCM_SHA256:                        {Name: "TLS_AES_128_GCM_SHA256", Bits: 128},
	tls.TLS_AES_256_GCM_SHA384:                        {Name: "TLS_AES_256_GCM_SHA384", Bits: 256},
	tls.TLS_CHACHA20_POLY1305_SHA256:                  {Name: "TLS_CHACHA20_POLY1305_SHA256", Bits: 256},
	tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256:       {Name: "ECDHE-ECDSA-AES128-GCM-SHA256", Bits: 128},
	tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384:       {Name: "ECDHE-ECDSA-AES256-GCM-SHA384", Bits: 256},
	tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256:         {Name: "ECDHE-RSA-AES128-GCM-SHA256", Bits: 128},
	tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384:         {Name: "ECDHE-RSA-AES256-GCM-SHA384", Bits: 256},
	tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256: {Name: "ECDHE-ECDSA-CHACHA20-POLY1305", Bits: 256},
	tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256:   {Name: "ECDHE-RSA-CHACHA20-POLY1305", Bits: 256},
	tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA:          {Name: "ECDHE-ECDSA-AES128-SHA", Bits: 128},
	tls.TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA:          {Name: "ECDHE-ECDSA-AES256-SHA", Bits: 256},
	tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA:            {Name: "ECDHE-RSA-AES128-SHA", Bits: 128},
	tls.TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA:            {Name: "ECDHE-RSA-AES256-SHA", Bits: 256},
	tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256:       {Name: "ECDHE-ECDSA-AES128-SHA256", Bits: 128},
	tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256:         {Name: "ECDHE-RSA-AES128-SHA256", Bits: 128},
	tls.TLS_RSA_WITH_AES_128_GCM_SHA256:               {Name: "AES128-GCM-SHA256", Bits: 128},
	tls.TLS_RSA_WITH_AES_256_GCM_SHA384:               {Name: "AES256-GCM-SHA384", Bits: 256},
	tls.TLS_RSA_WITH_AES_128_CBC_SHA:                  {Name: "AES128-SHA", Bits: 128},
	tls.TLS_RSA_WITH_AES_256_CBC_SHA:                  {Name: "AES256-SHA", Bits: 256},
	tls.TLS_RSA_WITH_AES_128_CBC_SHA256:               {Name: "AES128-SHA256", Bits: 128},
}

var versions = map[uint16]string{
	tls.VersionTLS10: "TLSv1", tls.VersionTLS11: "TLSv1.1", tls.VersionTLS12: "TLSv1.2", tls.VersionTLS13: "TLSv1.3",
}

// DescribeCipher says how a connection is encrypted (results-json.md section 8), with its JSON made, so that it may be
// shared.
func DescribeCipher(s tls.ConnectionState) *mail.Cipher {
	c, ok := suites[s.CipherSuite]
	if !ok {
		c.Name = tls.CipherSuiteName(s.CipherSuite)
	}
	c.AlgBits, c.ID, c.Version = c.Bits, int(s.CipherSuite), versions[s.Version]
	c.JSON()
	return &c
}

// Bounds of what is told of a certificate, which may be made to fill every result.
const (
	maxAltNames     = 50
	maxCertName     = 256 // bytes of an alternative name and of each part of subject and issuer
	maxVerification = 500 // bytes of why it is not good
)

// DescribeCertificate says what the peer showed first, nil if nothing. Verified is the outcome of checking it: nil is good.
func DescribeCertificate(s tls.ConnectionState, verified error) *mail.Certificate {
	if len(s.PeerCertificates) == 0 {
		return nil
	}
	x := s.PeerCertificates[0]
	c := &mail.Certificate{
		NotBefore: x.NotBefore, NotAfter: x.NotAfter, Version: x.Version, Verified: verified == nil, Verification: "ok",
		KeyUsage: keyUsage(x.KeyUsage), SelfSigned: selfSigned(x),
		Subject: describeName(x.Subject), Issuer: describeName(x.Issuer), AltNames: altNames(x.DNSNames),
	}
	if verified != nil {
		c.Verification = cut(verified.Error(), maxVerification)
	}
	c.JSON()
	return c
}

// selfSigned asks the signature, since a name alone proves nothing; what CheckSignatureFrom wants of a parent is not wanted here.
func selfSigned(x *x509.Certificate) bool {
	return bytes.Equal(x.RawSubject, x.RawIssuer) && x.CheckSignature(x.SignatureAlgorithm, x.RawTBSCertificate, x.Signature) == nil
}

// keyUsage is the mask as OpenSSL has it.
func keyUsage(u x509.KeyUsage) (mask int) {
	for i, bit := range [...]int{0x80, 0x40, 0x20, 0x10, 0x08, 0x04, 0x02, 0x01, 0x8000} {
		if u&(1<<i) != 0 {
			mask |= bit
		}
	}
	return mask
}

func describeName(n pkix.Name) mail.Name {
	return mail.Name{
		Common: cut(n.CommonName, maxCertName), Country: joined(n.Country), Locality: joined(n.Locality),
		State: joined(n.Province), Organization: joined(n.Organization),
	}
}

func joined(parts []string) string { return cut(strings.Join(parts, " "), maxCertName) }

func altNames(names []string) (list []string) {
	for _, n := range names[:min(len(names), maxAltNames)] {
		list = append(list, cut(n, maxCertName))
	}
	return list
}

// cut shortens s to at most n bytes, between two characters.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}
