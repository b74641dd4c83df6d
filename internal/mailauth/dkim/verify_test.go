package dkim

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"posthoorn/internal/mime"
)

// verify checks every DKIM-Signature of a mail with the parts that sign. It is strict and small: dkimpy (verify.py) is the judge of
// what we sign, this one of what others have signed, and it is quick.
func verify(mail []byte, dns map[string]string) (verdicts []error) {
	header, err := mime.ParseHeader(mail)
	if err != nil {
		return []error{err}
	}
	for i := range header.Fields {
		if f := &header.Fields[i]; f.Is(fieldName) {
			verdicts = append(verdicts, verifyField(mail, &header, f, dns))
		}
	}
	return verdicts
}

func verifyField(mail []byte, header *mime.Header, field *mime.Field, dns map[string]string) error {
	tags, ok := parseTags(string(field.Value))
	if !ok {
		return errors.New("bad tags")
	}
	f, ok := parseForm(tags["c"])
	if !ok {
		return errors.New("bad form")
	}
	c := &content{source: mail, header: *header, bodies: map[bool][]byte{}}
	if got := string(c.body(f.relaxedBody)); got != squeeze(tags["bh"]) {
		return fmt.Errorf("body hash %s, want %s", got, tags["bh"])
	}
	record, ok := parseTags(dns[tags["s"]+"._domainkey."+tags["d"]])
	if !ok || record["p"] == "" {
		return errors.New("no record")
	}
	public, err := base64.StdEncoding.DecodeString(record["p"])
	if err != nil {
		return err
	}
	signature, err := base64.StdEncoding.DecodeString(squeeze(tags["b"]))
	if err != nil {
		return err
	}
	digest := sha256.Sum256(covered(mail, header, field, tags["h"], f))
	if strings.HasPrefix(tags["a"], "ed25519") {
		if !ed25519.Verify(public, digest[:], signature) {
			return errors.New("bad signature")
		}
		return nil
	}
	return rsa.VerifyPKCS1v15(publicRSA(public), crypto.SHA256, digest[:], signature)
}

func squeeze(s string) string { return strings.Join(strings.Fields(s), "") }

var emptied = regexp.MustCompile(`(?s)(;\s*b\s*=)[^;]*`)

// covered is what a signature is made over.
func covered(mail []byte, header *mime.Header, field *mime.Field, names string, f form) (all []byte) {
	used := map[string]int{}
	for name := range strings.SplitSeq(names, ":") {
		name = strings.ToLower(strings.TrimSpace(name))
		skip := used[name]
		used[name]++
		for i := len(header.Fields) - 1; i >= 0; i-- {
			if !header.Fields[i].Is(name) {
				continue
			}
			if skip == 0 {
				all = appendHeader(all, mail, &header.Fields[i], f.simpleHeader)
				break
			}
			skip--
		}
	}
	own := emptied.ReplaceAll(bytes.TrimSuffix(mail[field.Start:field.End], crlf), []byte("$1"))
	if f.simpleHeader {
		return append(all, own...)
	}
	colon := bytes.IndexByte(own, ':')
	return appendRelaxed(all, own[:colon], own[colon+1:])
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
		header, err := mime.ParseHeader(mail)
		if err != nil {
			t.Fatal(err)
		}
		field := &header.Fields[c.field]
		tags, _ := parseTags(string(field.Value))
		f, _ := parseForm(tags["c"])
		signature, err := p.sign(sha256.Sum256(covered(mail, &header, field, tags["h"], f)))
		if got := base64.StdEncoding.EncodeToString(signature); err != nil || got != squeeze(tags["b"]) {
			t.Errorf("%s: %s, want %s (%v)", c.mail, got, tags["b"], err)
		}
	}
}
