package dkim

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"strings"
)

// record is what should stand in the DNS for a key (RFC 6376 section 3.6.1, RFC 8463 section 4).
func (p *private) record() string {
	if p.rsa == nil {
		return "v=DKIM1; k=ed25519; p=" + base64.StdEncoding.EncodeToString(p.ed.Public().(ed25519.PublicKey))
	}
	der, err := x509.MarshalPKIXPublicKey(&p.rsa.PublicKey)
	if err != nil {
		return ""
	}
	return "v=DKIM1; k=rsa; p=" + base64.StdEncoding.EncodeToString(der)
}

// judge says why a record does not let receivers verify what p signs; empty: it does.
func (p *private) judge(txt string) string {
	tags, why := keyTags(txt, p.algorithm())
	if why != "" {
		return why
	}
	return p.compare(tags["p"])
}

// compare looks at the public half in p=.
func (p *private) compare(text string) string {
	if text = packed(text); text == "" {
		return "the DNS record has no key: it was revoked (p=)"
	}
	der, err := decodeBase64(text)
	if err != nil {
		return "the DNS record has no base64 in p="
	}
	same := false
	if p.rsa == nil {
		same = bytes.Equal(der, p.ed.Public().(ed25519.PublicKey))
	} else if public := publicRSA(der); public != nil {
		same = p.rsa.PublicKey.Equal(public)
	}
	if !same {
		return "the DNS record has another public key"
	}
	return ""
}

// publicRSA reads both forms that are in use: that of RFC 6376 and, by its erratum 3017, that of most records. Nil: it is none.
func publicRSA(der []byte) *rsa.PublicKey {
	if any, err := x509.ParsePKIXPublicKey(der); err == nil {
		key, _ := any.(*rsa.PublicKey)
		return key
	}
	key, _ := x509.ParsePKCS1PublicKey(der)
	return key
}

// listed says that a colon-separated list has a word.
func listed(list, word string) bool {
	for one := range strings.SplitSeq(list, ":") {
		if is(one, word) {
			return true
		}
	}
	return false
}

// parseTags reads a tag list (RFC 6376 section 3.2). A tag that is there twice makes it invalid.
func parseTags(s string) (map[string]string, bool) {
	tags := map[string]string{}
	for part := range strings.SplitSeq(s, ";") {
		if strings.TrimSpace(part) == "" {
			continue
		}
		name, value, ok := strings.Cut(part, "=")
		name = strings.TrimSpace(name)
		if _, again := tags[name]; !ok || again || name == "" {
			return nil, false
		}
		tags[name] = strings.TrimSpace(value)
	}
	return tags, true
}
