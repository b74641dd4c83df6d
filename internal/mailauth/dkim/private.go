package dkim

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"strings"
)

// Limits of private keys. Those of RSA are of RFC 8301 section 3.2, upwards what verifiers are known to take.
const (
	minBits = 1024
	maxBits = 8192
	maxText = 16 << 10 // bytes of PEM
	maxDER  = 5000     // bytes; a key of maxBits has 4700
)

// private is a private key that is ready to sign.
type private struct {
	rsa    *rsa.PrivateKey
	ed     ed25519.PrivateKey
	engine rsaKey // of rsa; nil: Go does it
}

// rsaKey is a key in the hands of an engine.
type rsaKey interface {
	// sign makes a signature of RSASSA-PKCS1-v1_5 over a SHA-256 hash.
	sign(digest []byte) ([]byte, error)
}

func (p *private) algorithm() string {
	if p.rsa != nil {
		return "rsa-sha256"
	}
	return "ed25519-sha256"
}

// sign signs a hash. What the engine cannot do Go does.
func (p *private) sign(digest [sha256.Size]byte) ([]byte, error) {
	if p.rsa == nil {
		return ed25519.Sign(p.ed, digest[:]), nil
	}
	if p.engine != nil {
		if signature, err := p.engine.sign(digest[:]); err == nil {
			return signature, nil
		}
	}
	return rsa.SignPKCS1v15(nil, p.rsa, crypto.SHA256, digest[:])
}

func (p *private) equal(other *private) bool {
	if p.rsa != nil {
		return other.rsa != nil && p.rsa.PublicKey.Equal(&other.rsa.PublicKey)
	}
	return p.ed.Equal(other.ed)
}

// Why a text is no key to sign with.
var (
	errNoKey      = errors.New("the private key is missing")
	errKeySize    = errors.New("the private key is too long")
	errEncrypted  = errors.New("the private key is encrypted: give it without passphrase")
	errPublic     = errors.New("this is a public key: the private one is needed")
	errBase64     = errors.New("the private key is neither PEM nor base64")
	errDER        = errors.New("the private key is damaged or of a kind that DKIM does not know: RSA or Ed25519 as PKCS #1 or PKCS #8 is needed")
	errBits       = errors.New("the RSA key has fewer than 1024 or more than 8192 bits")
	errMultiPrime = errors.New("the RSA key has more than two primes")
)

// parsePrivate reads PEM, or base64 without armour: of the DER forms, or of the 32 bytes of Ed25519 (RFC 8463 appendix A.2, and what
// dknewkey writes). Lines may be joined or broken in any way. The errors show nothing of the key.
func parsePrivate(text string) (*private, error) {
	der, err := decodeKey(text)
	if err != nil {
		return nil, err
	}
	defer clear(der)
	if len(der) == ed25519.SeedSize {
		return &private{ed: ed25519.NewKeyFromSeed(der)}, nil
	}
	if key, err := x509.ParsePKCS1PrivateKey(der); err == nil {
		return checkedRSA(key)
	}
	key, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, errDER
	}
	switch key := key.(type) {
	case *rsa.PrivateKey:
		return checkedRSA(key)
	case ed25519.PrivateKey:
		return &private{ed: key}, nil
	}
	return nil, errDER
}

func checkedRSA(key *rsa.PrivateKey) (*private, error) {
	switch bits := key.N.BitLen(); {
	case bits < minBits || bits > maxBits:
		return nil, errBits
	case len(key.Primes) != 2:
		return nil, errMultiPrime
	}
	key.Precompute()
	return &private{rsa: key}, nil
}

// decodeKey takes armour and line ends off.
func decodeKey(text string) ([]byte, error) {
	if len(text) > maxText {
		return nil, errKeySize
	}
	inner, err := withoutArmour(text)
	if err != nil {
		return nil, err
	}
	packed := make([]byte, 0, len(inner))
	for i := 0; i < len(inner); i++ {
		if c := inner[i]; c > ' ' && c != '=' {
			packed = append(packed, c)
		}
	}
	defer clear(packed)
	if len(packed) == 0 {
		return nil, errNoKey
	}
	der, err := base64.RawStdEncoding.AppendDecode(nil, packed)
	switch {
	case err != nil:
		return nil, errBase64
	case len(der) > maxDER:
		return nil, errKeySize
	}
	return der, nil
}

// withoutArmour is what stands between the lines of BEGIN and END, or all if there are none.
func withoutArmour(text string) (string, error) {
	_, after, armoured := strings.Cut(text, "-----BEGIN ")
	if !armoured {
		return text, nil
	}
	kind, inner, ok := strings.Cut(after, "-----")
	inner, _, ended := strings.Cut(inner, "-----END ")
	switch {
	case !ok || !ended:
		return "", errBase64
	case strings.Contains(kind, "ENCRYPTED"), strings.Contains(inner, "ENCRYPTED"):
		return "", errEncrypted
	case strings.Contains(kind, "PUBLIC"):
		return "", errPublic
	}
	return inner, nil
}
