package dkim

import (
	"encoding/base64"
	"slices"
	"strconv"
	"strings"

	"posthoorn/internal/mime"
)

// Signature is what a field claims that signs: DKIM-Signature (RFC 6376 section 3.5), or one of the two that ARC makes of it
// (RFC 8617 section 4.1). What cannot be read of a bad one is empty.
type Signature struct {
	Domain, Selector string // A-labels in lower case
	Algorithm        string
	Identity         string // i= of DKIM, decoded; @domain when there is none
	Text             string // b= without white space

	field         *mime.Field
	tags          map[string]string
	form          form
	names         []string // h= in lower case
	bodyHash      string
	value         []byte
	made, expires int64 // seconds since 1970; 0: not said
	limited       bool  // l=: only a part of the body is signed
}

// kind says which field a signature is.
type kind int

const (
	dkimSignature kind = iota
	arcMessage
	arcSeal
)

// maxNames bounds h=: no message has more fields.
const maxNames = mime.MaxFields + 100

// ParseARCMessage reads an ARC-Message-Signature. The error is a text for people.
func ParseARCMessage(f *mime.Field) (*Signature, string) { return parseSignature(f, arcMessage) }

// ParseARCSeal reads an ARC-Seal. The error is a text for people.
func ParseARCSeal(f *mime.Field) (*Signature, string) { return parseSignature(f, arcSeal) }

// Covers says that h= has a name, which is in lower case.
func (sig *Signature) Covers(name string) bool { return slices.Contains(sig.names, name) }

// Tag is the value of any tag; empty: there is none.
func (sig *Signature) Tag(name string) string { return sig.tags[name] }

// parseSignature reads a field; bad says why it cannot be a signature.
func parseSignature(f *mime.Field, k kind) (sig *Signature, bad string) {
	sig = &Signature{field: f}
	var ok bool
	if sig.tags, ok = parseTags(string(f.Value)); !ok {
		return sig, "it is no list of tags"
	}
	readers := []func() string{sig.readName, sig.readValue, sig.readTimes}
	switch k {
	case dkimSignature:
		readers = append(readers, sig.readVersion, sig.readIdentity, sig.readCover)
	case arcMessage:
		readers = append(readers, sig.readCover)
	case arcSeal:
		readers = append(readers, sig.readSeal) // its form stays relaxed, whatever c= says
	}
	for _, read := range readers {
		if why := read(); why != "" && bad == "" {
			bad = why
		}
	}
	return sig, bad
}

func (sig *Signature) readName() string {
	var ok bool
	if sig.Domain, ok = hostname(sig.tags["d"]); !ok {
		sig.Domain = ""
		return "its domain is missing or is none (d=)"
	}
	if sig.Selector, ok = hostname(sig.tags["s"]); !ok {
		sig.Selector = ""
		return "its selector is missing or is none (s=)"
	}
	return ""
}

func (sig *Signature) readValue() string {
	sig.Algorithm = strings.ToLower(sig.tags["a"])
	sig.Text = packed(sig.tags["b"])
	var err error
	sig.value, err = decodeBase64(sig.Text)
	switch {
	case sig.Algorithm == "rsa-sha1":
		return "rsa-sha1 is not safe (RFC 8301)"
	case sig.Algorithm != "rsa-sha256" && sig.Algorithm != "ed25519-sha256":
		return "its algorithm is unknown (a=)"
	case err != nil || len(sig.value) == 0:
		return "it has no signature (b=)"
	}
	return ""
}

// readTimes reads t= and x=.
func (sig *Signature) readTimes() string {
	for name, to := range map[string]*int64{"t": &sig.made, "x": &sig.expires} {
		text, ok := sig.tags[name]
		if !ok {
			continue
		}
		n, err := strconv.ParseUint(text, 10, 40) // 12 digits: RFC 6376 section 3.5
		if err != nil {
			return "its time cannot be read (" + name + "=)"
		}
		*to = int64(n)
	}
	if _, ok := sig.tags["x"]; ok && sig.expires <= sig.made {
		return "it expires before it was made (x=)"
	}
	return ""
}

func (sig *Signature) readVersion() string {
	if sig.tags["v"] != "1" {
		return "its version is missing or unknown (v=)"
	}
	return ""
}

// readIdentity reads i=, whose domain must be d= or below it (RFC 6376 section 3.5).
func (sig *Signature) readIdentity() string {
	text, ok := sig.tags["i"]
	if !ok {
		sig.Identity = "@" + sig.Domain
		return ""
	}
	sig.Identity = unquotePrintable(text)
	if domain := sig.identityDomain(); domain == "" || domain != sig.Domain && !strings.HasSuffix(domain, "."+sig.Domain) {
		return "it is for another domain (i=)"
	}
	return ""
}

// identityDomain is the domain of i= in the form of Domain; empty: there is none.
func (sig *Signature) identityDomain() string {
	at := strings.LastIndexByte(sig.Identity, '@')
	domain, ok := hostname(sig.Identity[at+1:])
	if at < 0 || !ok {
		return ""
	}
	return domain
}

// readCover reads what is signed: c=, h=, bh=, l= and q=.
func (sig *Signature) readCover() string {
	sig.form = form{simpleHeader: true}
	if c, ok := sig.tags["c"]; ok {
		if sig.form, ok = parseForm(c); !ok || c == "" {
			return "its canonicalization is unknown (c=)"
		}
	}
	sig.bodyHash = packed(sig.tags["bh"])
	_, sig.limited = sig.tags["l"]
	if strings.Count(sig.tags["h"], ":") >= maxNames {
		return "it names too many fields (h=)"
	}
	from := false
	for name := range strings.SplitSeq(sig.tags["h"], ":") {
		name = strings.ToLower(strings.TrimSpace(name))
		from = from || name == "from"
		sig.names = append(sig.names, name)
	}
	queries, chosen := sig.tags["q"]
	switch {
	case !from:
		return "it does not cover From (h=)"
	case sig.bodyHash == "":
		return "it has no hash of the body (bh=)"
	case chosen && !listed(queries, "dns/txt"):
		return "its key is not in the DNS (q=)"
	}
	return ""
}

// readSeal looks for what a seal must not say (RFC 8617 section 4.1.3).
func (sig *Signature) readSeal() string {
	if _, ok := sig.tags["h"]; ok {
		return "it says what it covers (h=)"
	}
	return ""
}

// packed is a text without white space.
func packed(s string) string { return strings.Join(strings.Fields(s), "") }

// decodeBase64 takes base64 with or without its padding.
func decodeBase64(s string) ([]byte, error) {
	return base64.RawStdEncoding.DecodeString(strings.TrimRight(s, "="))
}

// unquotePrintable decodes dkim-quoted-printable (RFC 6376 section 2.11). What is no code stays as it is.
func unquotePrintable(s string) string {
	s = packed(s)
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '=' && i+2 < len(s) {
			if c, err := strconv.ParseUint(s[i+1:i+3], 16, 8); err == nil {
				b.WriteByte(byte(c))
				i += 2
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}
