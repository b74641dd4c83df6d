package dkim

import (
	"context"
	"crypto/sha256"
	"hash"
	"time"

	"posthoorn/internal/mailauth/authres"
	"posthoorn/internal/mailauth/lookup"
)

// Limits of what is done for one message or signature.
const (
	maxSignatures = 10 // verified; RFC 6376 section 8.4 wants a limit
	maxRecords    = 5  // key records that are tried; there should be one (section 3.6.2.2)
)

// Verifier verifies signatures of others.
type Verifier struct {
	DNS lookup.TXT
	Now func() time.Time // nil: time.Now
}

// Verdict is what was found out about one signature.
type Verdict struct {
	*Signature
	Result authres.Result // none is not among them
	Reason string         // for people, unless it passed
}

// Verify verifies the DKIM-Signature fields of a message, top down. Of more than ten the rest is one verdict of policy without
// domain. A signature that has l= is good only when it covers the whole body.
func (v *Verifier) Verify(ctx context.Context, s *Signed) (verdicts []Verdict) {
	for i, f := range s.Fields("dkim-signature") {
		if i == maxSignatures {
			return append(verdicts, Verdict{&Signature{}, authres.Policy, "there are more than 10 signatures: the others were not verified"})
		}
		sig, bad := parseSignature(f, dkimSignature)
		verdict := Verdict{sig, authres.PermError, bad}
		if bad == "" {
			verdict.Result, verdict.Reason = v.Check(ctx, s, sig)
		}
		verdicts = append(verdicts, verdict)
	}
	return verdicts
}

// Check verifies a signature that could be read: its time, its key, what it covers of the header, and the body.
func (v *Verifier) Check(ctx context.Context, s *Signed, sig *Signature) (authres.Result, string) {
	if v.expired(sig) {
		return authres.Fail, "it has expired (x=)"
	}
	digest := sha256.New()
	s.cover(digest, sig)
	result, why := v.CheckDigest(ctx, sig, digest)
	switch {
	case result != authres.Pass || string(s.content.body(sig.form.relaxedBody)) == sig.bodyHash:
		return result, why
	case sig.limited:
		return authres.Policy, "it covers only a part of the body (l=)"
	}
	return authres.Fail, "the body was changed"
}

func (v *Verifier) expired(sig *Signature) bool {
	now := time.Now
	if v.Now != nil {
		now = v.Now
	}
	return sig.expires != 0 && now().Unix() >= sig.expires
}

// CheckDigest verifies a signature over a SHA-256 hash with its key from the DNS.
func (v *Verifier) CheckDigest(ctx context.Context, sig *Signature, digest hash.Hash) (authres.Result, string) {
	records, err := v.DNS.TXT(ctx, sig.Selector+"._domainkey."+sig.Domain)
	switch {
	case err != nil && lookup.Temporary(err):
		return authres.TempError, "its key could not be looked up"
	case len(records) == 0:
		return authres.PermError, "there is no key for it in the DNS"
	}
	sum := digest.Sum(nil)
	result, why := authres.PermError, ""
	for _, txt := range records[:min(len(records), maxRecords)] {
		switch r, reason := sig.checkRecord(txt, sum); {
		case r == authres.Pass:
			return r, reason
		case why == "" || r == authres.Fail:
			result, why = r, reason
		}
	}
	return result, why
}

// checkRecord verifies with one key record.
func (sig *Signature) checkRecord(txt string, digest []byte) (authres.Result, string) {
	p, bad := parsePublic(txt, sig.Algorithm)
	switch {
	case bad != "":
		return authres.PermError, bad
	case p.strict && sig.Identity != "" && sig.identityDomain() != sig.Domain:
		return authres.PermError, "the key is for its own domain only (t=s)"
	case p.verifies(digest, sig.value):
		return authres.Pass, ""
	case p.testing:
		return authres.Fail, "it does not fit the header; the key is being tested (t=y)"
	}
	return authres.Fail, "it does not fit the header"
}
