// Package arc validates the chain of those who handled a mail before us and say what they found of it (RFC 8617): up to 50 sets of
// ARC-Authentication-Results, ARC-Message-Signature and ARC-Seal. The results are none, pass and fail; whatever cannot be verified is
// a fail, also when the DNS gives no answer (section 5.2.1).
package arc

import (
	"context"
	"crypto/sha256"
	"fmt"
	"hash"

	"posthoorn/internal/mailauth/authres"
	"posthoorn/internal/mailauth/dkim"
)

// MaxSets is how many sets a chain may have (RFC 8617 section 4.2.1).
const MaxSets = 50

// Verdict is the outcome.
type Verdict struct {
	Result authres.Result // none, pass or fail
	Reason string         // for people, when it failed
	Sets   int            // of the chain, as far as it could be read
	Domain string         // who sealed last
}

// Validate validates the chain of a message (RFC 8617 section 5.2).
func Validate(ctx context.Context, v *dkim.Verifier, s *dkim.Signed) Verdict {
	c, bad := collect(s)
	verdict := Verdict{Result: authres.Fail, Reason: bad, Sets: len(c)}
	switch {
	case bad != "":
		return verdict
	case len(c) == 0:
		return Verdict{Result: authres.None}
	}
	last := &c[len(c)-1]
	verdict.Domain = last.seal.Domain
	if verdict.Reason = c.marks(); verdict.Reason != "" {
		return verdict
	}
	if result, why := v.Check(ctx, s, last.message); result != authres.Pass {
		verdict.Reason = fmt.Sprintf("the last ARC-Message-Signature: %s", why)
		return verdict
	}
	if verdict.Reason = c.seals(ctx, v); verdict.Reason == "" {
		verdict.Result = authres.Pass
	}
	return verdict
}

// marks looks at what each set says of those before it. The last one is looked at first: where it says that the chain had failed
// before, nothing else counts.
func (c chain) marks() (bad string) {
	for i := len(c) - 1; i >= 0; i-- {
		want := "pass"
		if i == 0 {
			want = "none"
		}
		if cv := c[i].seal.Tag("cv"); cv != want {
			return fmt.Sprintf("set %d says that the chain before it is %.10q", i+1, cv)
		}
	}
	return ""
}

// seals verifies all seals. Each covers all sets up to its own, so that what it covers is hashed once for all of them.
func (c chain) seals(ctx context.Context, v *dkim.Verifier) (bad string) {
	digest := sha256.New()
	var line []byte
	for i := range c {
		set := &c[i]
		line = dkim.AppendSealed(dkim.AppendSealed(line[:0], set.fields[results]), set.fields[message])
		_, _ = digest.Write(line)
		own, err := digest.(hash.Cloner).Clone()
		if err != nil {
			return err.Error()
		}
		_, _ = own.Write(set.seal.AppendSeal(line[:0]))
		if result, why := v.CheckDigest(ctx, set.seal, own); result != authres.Pass {
			return fmt.Sprintf("the seal of set %d: %s", i+1, why)
		}
		_, _ = digest.Write(dkim.AppendSealed(line[:0], set.fields[seal]))
	}
	return ""
}
