package dkim

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"os"
	"testing"

	"posthoorn/internal/mailauth/authres"
)

// verify says what the verifier finds of each signature; nil: it is good.
func verify(mail []byte, dns map[string]string) (verdicts []error) {
	s, err := ReadSigned(mail)
	if err != nil {
		return []error{err}
	}
	v := Verifier{DNS: records(dns), Now: nowNoon}
	for _, verdict := range v.Verify(context.Background(), s) {
		if verdict.Result == authres.Pass {
			verdicts = append(verdicts, nil)
			continue
		}
		verdicts = append(verdicts, fmt.Errorf("%s: %s", verdict.Result, verdict.Reason))
	}
	return verdicts
}

// records are the TXT records of names, one each.
type records map[string]string

func (r records) TXT(_ context.Context, name string) ([]string, error) {
	if txt, ok := r[name]; ok {
		return []string{txt}, nil
	}
	return nil, nil
}

var rfcRecords = map[string]string{
	"brisbane._domainkey.example.com": "v=DKIM1; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDwIRP/UC3SBsEmGqZ9ZJW3/DkMoGeLnQg1fWn7/zYt" +
		"IxN2SnFCjxOCKG9v3b4jYfcTNh5ijSsq631uBItLa7od+v/RtdC2UzJ1lWT947qR+Rcac2gbto/NMqJ0fzfVjH4OuKhitdY9tf6mcwGjaNBcWToIMmPSPDdQPNUYckcQ2QIDAQAB",
	"test._domainkey.football.example.com": "v=DKIM1; k=rsa; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDkHlOQoBTzWRiGs5V6NpP3idY6Wk08a5qhdR6wy5bdOKb2jLQi" +
		"Y/J16JYi0Qvx/byYzCNb3W91y3FutACDfzwQ/BC/e/8uBsCR+yz1Lxj+PL6lHvqMKrM3rG4hstT5QjvHO9PzoxZyVYLzBfO2EeC3Ip3G+2kryOTIKT+l/K4w3QIDAQAB",
	"brisbane._domainkey.football.example.com": "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=",
}

func read(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// The signed mails of RFC 6376 appendix A and RFC 8463 appendix A: other people's signatures fit our canonical forms.
func TestVectors(t *testing.T) {
	for name, signatures := range map[string]int{"rfc6376.eml": 1, "rfc8463.eml": 2} {
		verdicts := verify(read(t, name), rfcRecords)
		if len(verdicts) != signatures {
			t.Errorf("%s: %d signatures", name, len(verdicts))
		}
		for i, err := range verdicts {
			if err != nil {
				t.Errorf("%s: signature %d: %v", name, i, err)
			}
		}
		changed := bytes.Replace(read(t, name), []byte("Suzie"), []byte("Susie"), 1)
		for i, err := range verify(changed, rfcRecords) {
			if err == nil {
				t.Errorf("%s: signature %d of a changed mail is good", name, i)
			}
		}
	}
}

// The keys of the RFCs make the signatures of the RFCs: both algorithms are deterministic.
func TestVectorSignatures(t *testing.T) {
	loader := NewLoader(testEngine(t), 0)
	for _, c := range []struct {
		mail, text, record string
		field              int
	}{
		{"rfc6376.eml", string(read(t, "rfc6376.pem")), "brisbane._domainkey.example.com", 0},
		{"rfc8463.eml", "nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=", "brisbane._domainkey.football.example.com", 0},
		{"rfc8463.eml", string(read(t, "rfc8463.pem")), "test._domainkey.football.example.com", 1},
	} {
		p, err := loader.private(c.text)
		if err != nil {
			t.Fatal(err)
		}
		if why := p.judge(rfcRecords[c.record]); why != "" {
			t.Errorf("%s: %s", c.record, why)
		}
		mail := read(t, c.mail)
		s, err := ReadSigned(mail)
		if err != nil {
			t.Fatal(err)
		}
		sig, bad := parseSignature(&s.Header().Fields[c.field], dkimSignature)
		if bad != "" {
			t.Fatal(bad)
		}
		h := sha256.New()
		s.cover(h, sig)
		signature, err := p.sign([sha256.Size]byte(h.Sum(nil)))
		if got := base64.StdEncoding.EncodeToString(signature); err != nil || got != sig.Text {
			t.Errorf("%s: %s, want %s (%v)", c.mail, got, sig.Text, err)
		}
	}
}
