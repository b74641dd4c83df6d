package dkim

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rsa"
	"strings"
)

// public is a key record as the DNS has it (RFC 6376 section 3.6.1).
type public struct {
	rsa     *rsa.PublicKey
	ed      ed25519.PublicKey
	strict  bool // t=s: the domain of i= must be d=
	testing bool // t=y
}

// parsePublic reads a record for signatures of an algorithm; bad says why it is not one.
func parsePublic(txt, algorithm string) (p *public, bad string) {
	tags, why := keyTags(txt, algorithm)
	if why != "" {
		return nil, why
	}
	p = &public{strict: listed(tags["t"], "s"), testing: listed(tags["t"], "y")}
	text := packed(tags["p"])
	if text == "" {
		return nil, "the key was revoked (p=)"
	}
	der, err := decodeBase64(text)
	if err != nil || len(der) > maxDER {
		return nil, "the DNS record has no base64 in p="
	}
	if algorithm == "ed25519-sha256" {
		p.ed = der
		if len(der) != ed25519.PublicKeySize {
			return nil, "the key is no Ed25519 key"
		}
		return p, ""
	}
	if p.rsa = publicRSA(der); p.rsa == nil {
		return nil, "the key is no RSA key"
	}
	if bits := p.rsa.N.BitLen(); bits < minBits || bits > maxBits {
		return nil, "the RSA key has fewer than 1024 or more than 8192 bits (RFC 8301)"
	}
	return p, ""
}

// keyTags reads the tags of a record and looks whether it is meant for signatures of an algorithm on mail.
func keyTags(txt, algorithm string) (tags map[string]string, bad string) {
	tags, ok := parseTags(txt)
	if !ok {
		return nil, "the DNS record is no list of tags"
	}
	kind, kindOK := tags["k"]
	if !kindOK {
		kind = "rsa"
	}
	version, versionOK := tags["v"]
	hashes, hashesOK := tags["h"]
	services, servicesOK := tags["s"]
	switch {
	case versionOK && (version != "DKIM1" || !strings.HasPrefix(strings.TrimSpace(txt), "v")):
		return nil, "the DNS record is not of DKIM1"
	case algorithm != kind+"-sha256":
		return nil, "the DNS record is for a key of another kind"
	case hashesOK && !listed(hashes, "sha256"):
		return nil, "the DNS record does not allow sha256 (h=)"
	case servicesOK && !listed(services, "*") && !listed(services, "email"):
		return nil, "the DNS record is not for mail (s=)"
	}
	return tags, ""
}

// verifies says whether signature was made over digest.
func (p *public) verifies(digest, signature []byte) bool {
	if p.rsa == nil {
		return ed25519.Verify(p.ed, digest, signature)
	}
	return rsa.VerifyPKCS1v15(p.rsa, crypto.SHA256, digest, signature) == nil
}
