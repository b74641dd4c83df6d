package arc

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"posthoorn/internal/mailauth/authres"
	"posthoorn/internal/mailauth/dkim"
)

const plainMail = "From: Ann <ann@shop.test>\r\nTo: bob@customer.test\r\nSubject: Hello\r\n\r\nHello,\r\n\r\nthis is  all. \r\n"

// records are the keys of relay1.test and so on.
type records map[string]string

func (r records) TXT(_ context.Context, name string) ([]string, error) {
	if r == nil {
		return nil, errors.New("no answer")
	}
	if txt, ok := r[name]; ok {
		return []string{txt}, nil
	}
	return nil, nil
}

func validate(t testing.TB, dns records, mail string) Verdict {
	t.Helper()
	s, err := dkim.ReadSigned([]byte(mail))
	if err != nil {
		t.Fatal(err)
	}
	v := &dkim.Verifier{DNS: dns, Now: func() time.Time { return time.Unix(1_900_000_000, 0) }}
	return Validate(t.Context(), v, s)
}

// sealer makes sets of its own: all relays have one key.
type sealer struct {
	algorithm string
	sign      func(digest []byte) []byte
	dns       records
}

func newSealer() sealer {
	key := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, ed25519.SeedSize))
	record := "v=DKIM1; k=ed25519; p=" + base64.StdEncoding.EncodeToString(key.Public().(ed25519.PublicKey))
	return sealer{"ed25519-sha256", func(digest []byte) []byte { return ed25519.Sign(key, digest) }, relays(record)}
}

// newRSASealer has the key of RFC 6376 appendix C.
func newRSASealer(t *testing.T, text []byte) sealer {
	t.Helper()
	block, _ := pem.Decode(text)
	key, err := x509.ParsePKCS1PrivateKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return sealer{"rsa-sha256", func(digest []byte) []byte {
		signature, err := rsa.SignPKCS1v15(nil, key, crypto.SHA256, digest)
		if err != nil {
			t.Error(err)
		}
		return signature
	}, relays(rfcKey)}
}

func relays(record string) records {
	dns := records{}
	for n := range MaxSets + 2 {
		dns[fmt.Sprintf("a._domainkey.relay%d.test", n+1)] = record
	}
	return dns
}

// seal puts set n on top of a mail. The change is done to the set before it is signed: it gets the tags of message and seal.
func (s sealer) seal(t testing.TB, mail string, n int, change func(message, seal string) (string, string)) string {
	t.Helper()
	cv := "pass"
	if n == 1 {
		cv = "none"
	}
	tags := fmt.Sprintf("i=%d; a=%s; d=relay%d.test; s=a", n, s.algorithm, n)
	message, seal := tags+"; c=relaxed/relaxed; h=from:to:subject; bh="+bodyHash(), tags+"; cv="+cv+"; t=12345"
	if change != nil {
		message, seal = change(message, seal)
	}
	mail = s.signed(t, fmt.Sprintf("ARC-Message-Signature: %s; b=", message), mail, func(f *dkim.Signed) []byte {
		var covered []byte
		for _, name := range []string{"from", "to", "subject"} {
			for _, field := range slices.Backward(f.Fields(name)) {
				covered = dkim.AppendSealed(covered, field)
			}
		}
		sig, _ := dkim.ParseARCMessage(f.Fields("arc-message-signature")[0])
		return sig.AppendSeal(covered) // relaxed too
	})
	mail = fmt.Sprintf("ARC-Authentication-Results: i=%d; relay%d.test;\r\n\tspf=pass\r\n", n, n) + mail
	return s.signed(t, fmt.Sprintf("ARC-Seal: %s; b=", seal), mail, func(f *dkim.Signed) (covered []byte) {
		sets := map[int][3][]byte{}
		for kind, name := range names {
			for _, field := range f.Fields(name) {
				set := sets[instance(field.Value)]
				set[kind] = dkim.AppendSealed(nil, field)
				sets[instance(field.Value)] = set
			}
		}
		for i := 1; i < n; i++ {
			covered = slices.Concat(covered, sets[i][0], sets[i][1], sets[i][2])
		}
		sig, _ := dkim.ParseARCSeal(f.Fields("arc-seal")[0])
		return sig.AppendSeal(slices.Concat(covered, sets[n][0], sets[n][1]))
	})
}

// signed puts a field on top of a mail, signed over what covered says.
func (s sealer) signed(t testing.TB, field, mail string, covered func(*dkim.Signed) []byte) string {
	t.Helper()
	read, err := dkim.ReadSigned([]byte(field + "\r\n" + mail))
	if err != nil {
		t.Fatal(err)
	}
	digest := sha256.Sum256(covered(read))
	return field + base64.StdEncoding.EncodeToString(s.sign(digest[:])) + "\r\n" + mail
}

func bodyHash() string {
	sum := sha256.Sum256([]byte("Hello,\r\n\r\nthis is all.\r\n"))
	return base64.StdEncoding.EncodeToString(sum[:])
}

func (s sealer) chain(t testing.TB, n int) string {
	mail := plainMail
	for i := range n {
		mail = s.seal(t, mail, i+1, nil)
	}
	return mail
}

func TestChains(t *testing.T) {
	s := newSealer()
	if v := validate(t, s.dns, plainMail); v.Result != authres.None || v.Sets != 0 {
		t.Errorf("without a chain: %+v", v)
	}
	for _, n := range []int{1, 2, 3, MaxSets} {
		v := validate(t, s.dns, s.chain(t, n))
		if v.Result != authres.Pass || v.Sets != n || v.Domain != fmt.Sprintf("relay%d.test", n) || v.Reason != "" {
			t.Errorf("%d sets: %+v", n, v)
		}
	}
	if v := validate(t, s.dns, s.chain(t, 3)+"more\r\n"); v.Result != authres.Fail || !strings.Contains(v.Reason, "body") {
		t.Errorf("changed: %+v", v)
	}
	if v := validate(t, nil, s.chain(t, 1)); v.Result != authres.Fail || !strings.Contains(v.Reason, "looked up") {
		t.Errorf("no DNS: %+v", v)
	}
}

// A mail that was changed on its way is good when the last handler has signed what it made of it.
func TestChangedOnTheWay(t *testing.T) {
	s := newSealer()
	first := s.seal(t, strings.Replace(plainMail, "Hello\r\n", "Hi\r\n", 1), 1, nil)
	second := s.seal(t, strings.Replace(first, "Subject: Hi", "Subject: [list] Hi", 1), 2, nil)
	if v := validate(t, s.dns, second); v.Result != authres.Pass {
		t.Errorf("%+v", v)
	}
}

// Every way to break a chain.
func TestBrokenChains(t *testing.T) {
	s := newSealer()
	three := s.chain(t, 3)
	swap := func(old, replacement string) string {
		if !strings.Contains(three, old) {
			t.Fatalf("%q is not there", old)
		}
		return strings.Replace(three, old, replacement, 1)
	}
	without := func(start string) string {
		return regexp.MustCompile(`(?m)^`+start+`.*\r\n(\t.*\r\n)*`).ReplaceAllString(three, "")
	}
	twice := func(start string) string {
		return regexp.MustCompile(`(?m)^`+start+`.*\r\n(\t.*\r\n)*`).FindString(three) + three
	}
	marked := func(n int, cv string) string {
		mail := s.chain(t, n-1)
		return s.seal(t, mail, n, func(m, seal string) (string, string) {
			return m, regexp.MustCompile(`cv=\w+`).ReplaceAllString(seal, cv)
		})
	}
	for name, c := range map[string]struct{ mail, reason string }{
		"results 1 gone":      {without("ARC-Authentication-Results: i=1"), "set"},
		"message 2 gone":      {without("ARC-Message-Signature: i=2"), "whole"},
		"seal 3 gone":         {without("ARC-Seal: i=3"), "whole"},
		"set 2 gone":          {without("ARC-[A-Za-z-]*: i=2"), "missing"},
		"set 1 gone":          {without("ARC-[A-Za-z-]*: i=1"), "missing"},
		"seal 2 twice":        {twice("ARC-Seal: i=2"), "whole"},
		"instance 0":          {swap("ARC-Seal: i=3", "ARC-Seal: i=0"), "instance"},
		"instance 51":         {swap("ARC-Seal: i=3", "ARC-Seal: i=51"), "instance"},
		"instance +1":         {swap("ARC-Seal: i=3", "ARC-Seal: i=+3"), "instance"},
		"no instance":         {swap("ARC-Authentication-Results: i=3;", "ARC-Authentication-Results:"), "instance"},
		"same instance":       {swap("ARC-Seal: i=3", "ARC-Seal: i=2"), "twice"},
		"results 1 changed":   {swap("relay1.test;\r\n\tspf=pass", "relay1.test;\r\n\tspf=fail"), "seal of set 1"},
		"results 3 changed":   {swap("relay3.test;\r\n\tspf=pass", "relay3.test;\r\n\tspf=fail"), "seal of set 3"},
		"time of seal 2":      {regexp.MustCompile(`(ARC-Seal: i=2.*)t=12345`).ReplaceAllString(three, "${1}t=12346"), "seal of set 2"},
		"message 1 changed":   {regexp.MustCompile(`(ARC-Message-Signature: i=1.*)h=from`).ReplaceAllString(three, "${1}h=FROM"), "seal of set 1"},
		"seal 3 by another":   {regexp.MustCompile(`(ARC-Seal: i=3.*)d=relay3`).ReplaceAllString(three, "${1}d=relay99"), "no key"},
		"Subject changed":     {swap("Subject: Hello", "Subject: Hallo"), "last ARC-Message-Signature"},
		"tags of the seal":    {swap("ARC-Seal: i=1;", "ARC-Seal: i=1; i=1;"), "list"},
		"tags of the message": {swap("ARC-Message-Signature: i=1;", "ARC-Message-Signature: i=1; x=y;"), "x="},
		"starts with pass":    {marked(1, "cv=pass"), "set 1"},
		"starts with fail":    {marked(1, "cv=fail"), "set 1"},
		"goes on with none":   {marked(2, "cv=none"), "set 2"},
		"goes on with fail":   {marked(3, "cv=fail"), "set 3"},
		"no cv":               {marked(2, "zz=pass"), "set 2"},
		"h= in a seal": {s.seal(t, plainMail, 1, func(m, seal string) (string, string) {
			return m, seal + "; h=from"
		}), "h="},
		"seals covered": {s.seal(t, plainMail, 1, func(m, seal string) (string, string) {
			return strings.Replace(m, "h=from", "h=ARC-Seal:from", 1), seal
		}), "covers seals"},
		"From not covered": {s.seal(t, plainMail, 1, func(m, seal string) (string, string) {
			return strings.Replace(m, "h=from:", "h=", 1), seal
		}), "From"},
		"expired": {s.seal(t, plainMail, 1, func(m, seal string) (string, string) {
			return m + "; x=20000", seal
		}), "expired"},
		"51 sets": {s.seal(t, s.chain(t, MaxSets), MaxSets+1, nil), "more than 50"},
	} {
		if c.mail == three {
			t.Errorf("%s: nothing is broken", name)
		}
		if v := validate(t, s.dns, c.mail); v.Result != authres.Fail || !strings.Contains(v.Reason, c.reason) {
			t.Errorf("%s: %s, %q, want %q", name, v.Result, v.Reason, c.reason)
		}
	}
}

func dkimpy(t *testing.T, task map[string]any, answer any) {
	t.Helper()
	text, err := json.Marshal(task)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("/usr/bin/python3", "testdata/arc.py")
	var complaints strings.Builder
	cmd.Stdin, cmd.Stderr = bytes.NewReader(text), &complaints
	out, err := cmd.Output()
	if err == nil {
		err = json.Unmarshal(out, answer)
	}
	if err != nil {
		t.Fatalf("%v: %s\nrun as root: .ci/install", err, complaints.String())
	}
}

const rfcKey = "v=DKIM1; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDwIRP/UC3SBsEmGqZ9ZJW3/DkMoGeLnQg1fWn7/zYt" +
	"IxN2SnFCjxOCKG9v3b4jYfcTNh5ijSsq631uBItLa7od+v/RtdC2UzJ1lWT947qR+Rcac2gbto/NMqJ0fzfVjH4OuKhitdY9tf6mcwGjaNBcWToIMmPSPDdQPNUYckcQ2QIDAQAB"

// Chains of an independent sealer are good here, ours are good there, and what is broken is broken for both.
func TestIndependent(t *testing.T) {
	text, err := os.ReadFile("../dkim/testdata/rfc6376.pem")
	if err != nil {
		t.Fatal(err)
	}
	s := newRSASealer(t, text)
	for _, times := range []int{1, 2, 5} {
		var mails [][]byte
		dkimpy(t, map[string]any{"do": "seal", "key": string(text), "times": times, "mails": [][]byte{[]byte(plainMail)}}, &mails)
		if v := validate(t, s.dns, string(mails[0])); v.Result != authres.Pass || v.Sets != times {
			t.Errorf("%d sets of theirs: %+v\n%s", times, v, mails[0])
		}
		changed := strings.Replace(string(mails[0]), "spf=pass", "spf=fail", 1)
		if v := validate(t, s.dns, changed); v.Result != authres.Fail {
			t.Errorf("%d sets of theirs, changed: %+v", times, v)
		}
		ours := s.chain(t, times)
		var words []string
		dkimpy(t, map[string]any{"do": "validate", "dns": s.dns, "mails": [][]byte{
			[]byte(ours), []byte(strings.Replace(ours, "spf=pass", "spf=fail", 1)), []byte(plainMail)}}, &words)
		if !slices.Equal(words, []string{"pass", "fail", "none"}) {
			t.Errorf("%d sets of ours: %q", times, words)
		}
	}
}

// Any fields at all: no panic, and no pass, since they have no good signature.
func FuzzSets(f *testing.F) {
	s := newSealer()
	chain := strings.TrimSuffix(s.chain(f, 2), plainMail)
	f.Add(strings.ReplaceAll(chain, "b=", "b=x"))
	f.Add("ARC-Seal: i=1\r\nARC-Message-Signature: i=1\r\nARC-Authentication-Results: i=1\r\n")
	f.Add("ARC-Authentication-Results: i=\r\nARC-Authentication-Results: 1\r\n")
	f.Fuzz(func(t *testing.T, fields string) {
		read, err := dkim.ReadSigned([]byte(fields + plainMail))
		if err != nil {
			return
		}
		dns := records{"a._domainkey.relay1.test": rfcKey}
		v := Validate(t.Context(), &dkim.Verifier{DNS: dns}, read)
		if v.Result == authres.Pass || v.Sets > MaxSets || (v.Result == authres.Fail) != (v.Reason != "") {
			t.Errorf("%q: %+v", fields, v)
		}
	})
}
