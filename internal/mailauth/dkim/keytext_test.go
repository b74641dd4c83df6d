package dkim

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"posthoorn/internal/mime"
)

func openssl(t *testing.T, dir string, args ...string) {
	t.Helper()
	cmd := exec.Command("openssl", args...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("openssl %v: %v\n%s", args, err, out)
	}
}

// Whatever the usual tools write is a key, in any layout that a database or a JSON file may give it.
func TestKeysOfTools(t *testing.T) {
	dir := t.TempDir()
	openssl(t, dir, "genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", "rsa8.pem")
	openssl(t, dir, "rsa", "-in", "rsa8.pem", "-traditional", "-out", "rsa1.pem")
	openssl(t, dir, "genpkey", "-algorithm", "ED25519", "-out", "ed.pem")
	tools := [][]string{{"opendkim-genkey", "-b", "1024", "-d", "shop.test", "-s", "od"}, {"dknewkey", "dr"}, {"dknewkey", "--ktype", "ed25519", "de"}}
	for _, args := range tools {
		cmd := exec.Command(args[0], args[1:]...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %v\n%s\n%s", args, err, out, install)
		}
	}
	for file, algorithm := range map[string]string{
		"rsa8.pem": "rsa-sha256", "rsa1.pem": "rsa-sha256", "ed.pem": "ed25519-sha256", "od.private": "rsa-sha256",
		"dr.key": "rsa-sha256", "de.key": "ed25519-sha256",
	} {
		data, err := os.ReadFile(filepath.Join(dir, file))
		if err != nil {
			t.Fatal(err)
		}
		for layout, text := range layouts(string(data)) {
			p, err := parsePrivate(text)
			if err != nil {
				t.Errorf("%s, %s: %v", file, layout, err)
				continue
			}
			if p.algorithm() != algorithm {
				t.Errorf("%s, %s: %s", file, layout, p.algorithm())
			}
		}
	}
	checkRecords(t, dir)
}

func layouts(text string) map[string]string {
	inner, err := withoutArmour(text)
	if err != nil {
		inner = text
	}
	all := map[string]string{
		"as it is": text, "CRLF": strings.ReplaceAll(text, "\n", "\r\n"), "one line": strings.ReplaceAll(text, "\n", " "),
		"without armour": inner, "base64 alone": packed(inner), "without padding": strings.TrimRight(packed(inner), "="),
	}
	if inner != text {
		all["text before"] = "Bag Attributes\n  name: x\n" + text
	}
	return all
}

// checkRecords compares the keys of the tools with the records that they propose.
func checkRecords(t *testing.T, dir string) {
	for key, record := range map[string]string{"od.private": "od.txt", "dr.key": "dr.dns", "de.key": "de.dns"} {
		private, err := os.ReadFile(filepath.Join(dir, key))
		if err != nil {
			t.Fatal(err)
		}
		p, err := parsePrivate(string(private))
		if err != nil {
			t.Fatal(err)
		}
		zone, err := os.ReadFile(filepath.Join(dir, record))
		if err != nil {
			t.Fatal(err)
		}
		txt := string(zone)
		if _, quoted, ok := strings.Cut(txt, `"`); ok { // a zone file: the strings are joined
			txt = ""
			for i, part := range strings.Split(`"`+quoted, `"`) {
				if i%2 == 1 {
					txt += part
				}
			}
		}
		if why := p.judge(txt); why != "" {
			t.Errorf("%s and %q: %s", key, txt, why)
		}
	}
}

func TestBadKeys(t *testing.T) {
	dir := t.TempDir()
	openssl(t, dir, "genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:512", "-out", "small.pem")
	openssl(t, dir, "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", "ec.pem")
	openssl(t, dir, "genpkey", "-algorithm", "RSA", "-aes128", "-pass", "pass:x", "-out", "locked8.pem")
	openssl(t, dir, "rsa", "-in", "locked8.pem", "-passin", "pass:x", "-traditional", "-aes128", "-passout", "pass:x", "-out", "locked1.pem")
	openssl(t, dir, "genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_primes:3", "-pkeyopt", "rsa_keygen_bits:2048", "-out", "three.pem")
	openssl(t, dir, "rsa", "-in", "small.pem", "-pubout", "-out", "public.pem")
	file := func(name string) string {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	good := string(read(t, "rfc6376.pem"))
	for name, c := range map[string]struct {
		text string
		want error
	}{
		"nothing": {"", errNoKey}, "blanks": {" \n", errNoKey}, "armour alone": {"-----BEGIN X-----\n-----END X-----", errNoKey},
		"512 bits": {file("small.pem"), errBits}, "elliptic": {file("ec.pem"), errDER}, "locked, PKCS #8": {file("locked8.pem"), errEncrypted},
		"locked, PKCS #1": {file("locked1.pem"), errEncrypted}, "three primes": {file("three.pem"), errMultiPrime},
		"public": {file("public.pem"), errPublic}, "words": {"my secret key!", errBase64}, "no end": {"-----BEGIN X-----\nAAAA", errBase64},
		"long text": {strings.Repeat("A", maxText+1), errKeySize}, "long DER": {strings.Repeat("A", maxText-4), errKeySize},
		"short DER": {"AAAA", errDER}, "changed": {strings.Replace(good, "ALmn+XwWk7akvkUlqb", "ALmn+XwWk7akvkUlqc", 1), errDER},
	} {
		if _, err := parsePrivate(c.text); err != c.want {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	if _, err := parsePrivate(string(read(t, "rsa8256.pem"))); err != errBits {
		t.Errorf("8256 bits: %v", err)
	}
}

func TestLargestKeySigns(t *testing.T) {
	l := NewLoader(testEngine(t), 0)
	k := keyOf(t, l, Spec{Domain: "shop.test", Selector: "big", Private: string(read(t, "rsa8192.pem"))})
	s := NewSigner(SignerOptions{})
	defer s.Close()
	source := tenKB()
	fields, err := s.Sign(context.Background(), source, []*Key{k})
	if err != nil {
		t.Fatal(err)
	}
	header, err := mime.ParseHeader(append(fields, source...))
	if err != nil {
		t.Fatal(err)
	}
	if f := header.Fields[0]; !f.Is(fieldName) || len(f.Value) < 1000 {
		t.Errorf("%s", f.Value)
	}
	verdicts := verify(append(fields, source...), map[string]string{"big._domainkey.shop.test": k.private.record()})
	if len(verdicts) != 1 || verdicts[0] != nil {
		t.Error(verdicts)
	}
}

// Any text: no panic, an error that shows nothing of it, or a key that signs.
func FuzzKey(f *testing.F) {
	f.Add(seed)
	f.Add("-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----")
	f.Add("-----BEGIN -----")
	if data, err := os.ReadFile("testdata/rfc6376.pem"); err == nil {
		f.Add(string(data))
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, err := parsePrivate(text)
		if err != nil {
			if len(text) > 20 && strings.Contains(err.Error(), text) {
				t.Errorf("%v shows the key", err)
			}
			return
		}
		if _, err := p.sign([32]byte{}); err != nil {
			t.Errorf("%s: %v", p.algorithm(), err)
		}
		if why := p.judge(p.record()); why != "" {
			t.Error(why)
		}
	})
}
