package dkim

import (
	"context"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"posthoorn/internal/mailauth/authres"
)

const shortMail = "From: Ann <ann@shop.test>\r\nTo: bob@customer.test\r\nSubject: Hello\r\n\r\nHello,\r\n\r\nthis is all.\r\n"

// signedBy puts a signature with any tags before a mail: bh= and b= fit whatever the tags say.
func signedBy(t testing.TB, p *private, tags, mail string) []byte {
	t.Helper()
	field := func(bodyHash, signature string) string {
		return fmt.Sprintf("DKIM-Signature: %s; bh=%s; b=%s\r\n", tags, bodyHash, signature)
	}
	read := func(source string) (*Signed, *Signature) {
		s, err := ReadSigned([]byte(source))
		if err != nil {
			t.Fatal(err)
		}
		sig, _ := parseSignature(s.Fields("dkim-signature")[0], dkimSignature)
		return s, sig
	}
	s, sig := read(field("x", "x") + mail)
	bodyHash := string(s.content.body(sig.form.relaxedBody))
	s, sig = read(field(bodyHash, "x") + mail)
	h := sha256.New()
	s.cover(h, sig)
	signature, err := p.sign([sha256.Size]byte(h.Sum(nil)))
	if err != nil {
		t.Fatal(err)
	}
	return []byte(field(bodyHash, base64.StdEncoding.EncodeToString(signature)) + mail)
}

// answers are the TXT records of names, or an error for all.
type answers struct {
	list map[string][]string
	err  error
}

func (a answers) TXT(_ context.Context, name string) ([]string, error) { return a.list[name], a.err }

type lookupError bool

func (e lookupError) Error() string   { return "no answer" }
func (e lookupError) Temporary() bool { return bool(e) }

func nowNoon() time.Time { return noon }

// rsaOfAnySize reads a key that a Loader might refuse.
func rsaOfAnySize(t *testing.T, text string) *private {
	t.Helper()
	der, err := decodeKey(text)
	if err != nil {
		t.Fatal(err)
	}
	key, err := x509.ParsePKCS1PrivateKey(der)
	if err != nil {
		any, err8 := x509.ParsePKCS8PrivateKey(der)
		if err8 != nil {
			t.Fatal(err, err8)
		}
		key = any.(*rsa.PrivateKey)
	}
	return &private{rsa: key}
}

var regexpB = regexp.MustCompile(`; b=[^;]*\r\nFrom`)

const goodTags = "v=1; a=ed25519-sha256; c=relaxed/relaxed; d=shop.test; s=k1; h=from:to:subject"

func TestVerifier(t *testing.T) {
	key := ed25519Key(t, Spec{Domain: "shop.test", Selector: "k1"}).private
	with := func(more string) string { return goodTags + "; " + more }
	but := func(old, replacement string) string { return strings.Replace(goodTags, old, replacement, 1) }
	for _, c := range []struct {
		name, tags, record string
		change             func(mail string) string
		want               authres.Result
		reason             string
	}{
		{name: "good", want: "pass"},
		{name: "no c=: simple", tags: but("c=relaxed/relaxed; ", ""), want: "pass"},
		{name: "c= without a body", tags: but("relaxed/relaxed", "relaxed"), want: "pass"},
		{name: "capitals", tags: but("d=shop.test; s=k1; h=from:to", "d=Shop.TEST; s=K1; h=FROM : To"), want: "pass"},
		{name: "unknown tag", tags: with("zz=1"), want: "pass"},
		{name: "z= that looks like b=", tags: with("z=From:a=20b=20c|X:b=3Dy"), want: "pass"},
		{name: "h= names fields that are not there", tags: but("subject", "subject:subject:from:list-id"), want: "pass"},
		{name: "h= names signatures", tags: but("subject", "subject:dkim-signature:dkim-signature"), want: "pass"},
		{name: "no c=: blanks count", tags: but("c=relaxed/relaxed; ", ""), change: func(m string) string { return strings.Replace(m, "Subject: ", "Subject:  ", 1) },
			want: "fail", reason: "header"},
		{name: "i= below d=", tags: with("i=news@Mail.SHOP.test"), want: "pass"},
		{name: "i= encoded", tags: with("i=a=3Bb=40c@shop.test"), want: "pass"},
		{name: "expires later", tags: with(fmt.Sprint("t=5; x=", noon.Unix()+1)), want: "pass"},
		{name: "made later", tags: with(fmt.Sprint("t=", noon.Unix()+1000)), want: "pass"},
		{name: "l= of the whole body", tags: with("l=23"), want: "pass"},
		{name: "q=", tags: with("q=other : dns/txt"), want: "pass"},
		{name: "record without v=", record: "k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=", want: "pass"},
		{name: "record in pieces", record: "v=DKIM1 ; k=ed25519;h=sha1 : sha256; s=email;t=y:s; n=hello; p=11qYAYKxCrfVS/7 TyWQHOg7hcvPapiMlrwIaaPcHURo", want: "pass"},

		{name: "v=2", tags: but("v=1", "v=2"), want: "permerror", reason: "(v=)"},
		{name: "no v=", tags: but("v=1; ", ""), want: "permerror", reason: "(v=)"},
		{name: "sha1", tags: but("ed25519-sha256", "rsa-sha1"), want: "permerror", reason: "8301"},
		{name: "unknown algorithm", tags: but("ed25519-sha256", "rsa-md5"), want: "permerror", reason: "(a=)"},
		{name: "unknown form", tags: but("relaxed/relaxed", "relaxed/nowsp"), want: "permerror", reason: "(c=)"},
		{name: "no d=", tags: but("d=shop.test; ", ""), want: "permerror", reason: "(d=)"},
		{name: "d= is none", tags: but("d=shop.test", "d=shop .test/"), want: "permerror", reason: "(d=)"},
		{name: "no s=", tags: but("s=k1; ", ""), want: "permerror", reason: "(s=)"},
		{name: "no From in h=", tags: but("from:", ""), want: "permerror", reason: "From"},
		{name: "tag twice", tags: with("d=shop.test"), want: "permerror", reason: "list"},
		{name: "tag without value", tags: with("d"), want: "permerror", reason: "list"},
		{name: "i= elsewhere", tags: with("i=@notshop.test"), want: "permerror", reason: "(i=)"},
		{name: "i= above", tags: with("i=@test"), want: "permerror", reason: "(i=)"},
		{name: "i= no address", tags: with("i=shop.test"), want: "permerror", reason: "(i=)"},
		{name: "bad x=", tags: with("x=soon"), want: "permerror", reason: "(x=)"},
		{name: "x= before t=", tags: with("t=10; x=9"), want: "permerror", reason: "(x=)"},
		{name: "q= elsewhere", tags: with("q=dns/other"), want: "permerror", reason: "(q=)"},
		{name: "many names", change: func(m string) string {
			return strings.Replace(m, "h=from", "h=from"+strings.Repeat(":x", maxNames), 1)
		}, want: "permerror", reason: "many"},
		{name: "expired", tags: with(fmt.Sprint("x=", noon.Unix())), want: "fail", reason: "expired"},

		{name: "no key", record: "-", want: "permerror", reason: "no key"},
		{name: "revoked", record: "v=DKIM1; k=ed25519; p=", want: "permerror", reason: "revoked"},
		{name: "no p=", record: "v=DKIM1; k=ed25519", want: "permerror", reason: "revoked"},
		{name: "another version", record: strings.Replace(edRecord, "DKIM1", "DKIM2", 1), want: "permerror", reason: "DKIM1"},
		{name: "v= is not first", record: "k=ed25519; v=DKIM1; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=", want: "permerror", reason: "DKIM1"},
		{name: "another kind", record: "v=DKIM1; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=", want: "permerror", reason: "kind"},
		{name: "h= of the key", record: edRecord + "; h=sha1", want: "permerror", reason: "(h=)"},
		{name: "s= of the key", record: edRecord + "; s=other", want: "permerror", reason: "(s=)"},
		{name: "t=s", tags: with("i=@mail.shop.test"), record: edRecord + "; t=s", want: "permerror", reason: "t=s"},
		{name: "t=s, same domain", tags: with("i=x@SHOP.test"), record: edRecord + "; t=s", want: "pass"},
		{name: "short key", record: "v=DKIM1; k=ed25519; p=11qY", want: "permerror", reason: "Ed25519"},
		{name: "no base64", record: "v=DKIM1; k=ed25519; p=!!", want: "permerror", reason: "base64"},
		{name: "another key", record: "v=DKIM1; k=ed25519; p=21qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=", want: "fail", reason: "header"},

		{name: "header changed", change: func(m string) string { return strings.Replace(m, "Hello", "Hallo", 1) }, want: "fail", reason: "header"},
		{name: "body changed", change: func(m string) string { return m + "more\r\n" }, want: "fail", reason: "body"},
		{name: "body longer than l=", tags: with("l=23"), change: func(m string) string { return m + "more\r\n" }, want: "policy", reason: "(l=)"},
		{name: "a second Subject", change: func(m string) string { return strings.Replace(m, "\r\n\r\n", "\r\nSubject: x\r\n\r\n", 1) }, want: "fail"},
		{name: "no b=", change: func(m string) string { return regexpB.ReplaceAllString(m, "; b=\r\nFrom") }, want: "permerror", reason: "(b=)"},
	} {
		tags, record := c.tags, c.record
		if tags == "" {
			tags = goodTags
		}
		if record == "" {
			record = edRecord
		}
		dns := answers{list: map[string][]string{"k1._domainkey.shop.test": {record}}}
		if record == "-" {
			dns.list = nil
		}
		mail := string(signedBy(t, key, tags, shortMail))
		if c.change != nil {
			mail = c.change(mail)
		}
		got := verifyOne(t, dns, mail)
		if got.Result != c.want || !strings.Contains(got.Reason, c.reason) || (got.Reason == "") != (c.want == "pass") {
			t.Errorf("%s: %s, %q, want %s, %q", c.name, got.Result, got.Reason, c.want, c.reason)
		}
	}
}

func verifyOne(t *testing.T, dns answers, mail string) Verdict {
	t.Helper()
	s, err := ReadSigned([]byte(mail))
	if err != nil {
		t.Fatal(err)
	}
	v := Verifier{DNS: dns, Now: nowNoon}
	list := v.Verify(t.Context(), s)
	if len(list) != 1 {
		t.Fatalf("%d verdicts", len(list))
	}
	return list[0]
}

// Errors of the DNS, and several records.
func TestVerifierDNS(t *testing.T) {
	key := ed25519Key(t, Spec{Domain: "shop.test", Selector: "k1"}).private
	mail := string(signedBy(t, key, goodTags, shortMail))
	other := strings.Replace(edRecord, "p=1", "p=2", 1)
	for _, c := range []struct {
		records []string
		err     error
		want    authres.Result
	}{
		{nil, nil, "permerror"},
		{nil, lookupError(false), "permerror"},
		{nil, lookupError(true), "temperror"},
		{nil, errors.New("unknown"), "temperror"},
		{nil, context.DeadlineExceeded, "temperror"},
		{[]string{"v=spf1 -all", edRecord}, nil, "pass"},
		{[]string{other, edRecord}, nil, "pass"},
		{[]string{"v=spf1 -all", other}, nil, "fail"},
		{[]string{"", "", "", "", "", edRecord}, nil, "permerror"}, // so many are not tried
	} {
		dns := answers{map[string][]string{"k1._domainkey.shop.test": c.records}, c.err}
		if got := verifyOne(t, dns, mail); got.Result != c.want {
			t.Errorf("%q, %v: %s, %q", c.records, c.err, got.Result, got.Reason)
		}
	}
}

// RSA keys that are too short or too long count for nothing, however good the signature is.
func TestVerifierRSASizes(t *testing.T) {
	tags := strings.Replace(goodTags, "ed25519", "rsa", 1)
	for _, c := range []struct {
		text string
		want authres.Result
	}{
		{newRSA(t, 1024), "pass"},
		{string(read(t, "rsa8192.pem")), "pass"},
		{string(read(t, "rsa8256.pem")), "permerror"},
	} {
		p := rsaOfAnySize(t, c.text)
		mail := string(signedBy(t, p, tags, shortMail))
		dns := answers{list: map[string][]string{"k1._domainkey.shop.test": {p.record()}}}
		if got := verifyOne(t, dns, mail); got.Result != c.want {
			t.Errorf("%d bits: %s, %q", p.rsa.N.BitLen(), got.Result, got.Reason)
		}
	}
	const bits512 = "v=DKIM1; p=MFwwDQYJKoZIhvcNAQEBBQADSwAwSAJBAMPLAmJ7V9bDcHGoXDqkMa3CnCfkVGLS4sS4Q6J0bW2hQm5jPIY7hM6IhN6yjm3bqE+uNqg/9zJUbQfCrZKyj/ECAwEAAQ=="
	if _, why := parsePublic(bits512, "rsa-sha256"); !strings.Contains(why, "1024") {
		t.Errorf("512 bits: %q", why)
	}
}

// Ten signatures are verified; the rest, however many, is one verdict.
func TestVerifierCounts(t *testing.T) {
	key := ed25519Key(t, Spec{Domain: "shop.test", Selector: "k1"}).private
	mail := string(signedBy(t, key, goodTags, shortMail))
	field := mail[:strings.Index(mail, "From:")]
	counted := &counting{answers: answers{list: map[string][]string{"k1._domainkey.shop.test": {edRecord}}}}
	s, err := ReadSigned([]byte(strings.Repeat(field, 500) + mail))
	if err != nil {
		t.Fatal(err)
	}
	list := (&Verifier{DNS: counted, Now: nowNoon}).Verify(t.Context(), s)
	if len(list) != maxSignatures+1 || list[maxSignatures].Result != authres.Policy || counted.n != maxSignatures {
		t.Errorf("%d verdicts, %d lookups", len(list), counted.n)
	}
	for _, v := range list[:maxSignatures] {
		if v.Result != authres.Pass {
			t.Errorf("%s: %s", v.Result, v.Reason)
		}
	}
}

type counting struct {
	answers
	n int
}

func (c *counting) TXT(ctx context.Context, name string) ([]string, error) {
	c.n++
	return c.answers.TXT(ctx, name)
}

// Mails signed by dkimpy, in all forms, are good for us, and bad after a change.
func TestSignedByOthers(t *testing.T) {
	rsaText, p := string(read(t, "rfc6376.pem")), rsaOfAnySize(t, string(read(t, "rfc6376.pem")))
	dns := answers{list: map[string][]string{"r._domainkey.shop.test": {p.record()}, "e._domainkey.shop.test": {edRecord}}}
	var sources [][]byte
	for _, header := range matrixHeaders {
		for _, body := range matrixBodies {
			if body != "" { // dkimpy wants the blank line
				sources = append(sources, []byte(header+body))
			}
		}
	}
	for _, form := range []string{"simple/simple", "simple/relaxed", "relaxed/simple", "relaxed/relaxed"} {
		mails := signedByDkimpy(t, form, rsaText, sources)
		for i, mail := range mails {
			for _, c := range []struct {
				mail []byte
				want bool
			}{{mail, true}, {spoil(slices.Clone(mail), 1+i%2*2), false}} {
				s, err := ReadSigned(c.mail)
				if err != nil {
					t.Fatal(err)
				}
				list := (&Verifier{DNS: dns}).Verify(t.Context(), s)
				for _, v := range list {
					if (v.Result == authres.Pass) != c.want {
						t.Errorf("%s: %.60q: %s, %s", form, c.mail, v.Result, v.Reason)
					}
				}
				if len(list) != 2 {
					t.Errorf("%d signatures", len(list))
				}
			}
		}
	}
}

// Any DKIM-Signature and any record: no panic, and no pass.
func FuzzSignature(f *testing.F) {
	key := ed25519Key(f, Spec{Domain: "shop.test", Selector: "k1"}).private
	good := string(signedBy(f, key, goodTags, shortMail))
	value := good[len("DKIM-Signature:"):strings.Index(good, "\r\nFrom")]
	f.Add(value, strings.Replace(edRecord, "p=1", "p=2", 1))
	f.Add(" v=1; a=rsa-sha256; d=shop.test; s=k1; h=from; bh=x; b=eA==; l=0; i==40shop.test", rfcRecords["brisbane._domainkey.example.com"])
	f.Add(" ;;=;b=b;b", "v=DKIM1;;p==")
	f.Fuzz(func(t *testing.T, value, record string) {
		if record == edRecord || strings.Contains(record, "11qYAYKxCrfVS") {
			t.Skip()
		}
		s, err := ReadSigned([]byte("DKIM-Signature:" + value + "\r\n" + shortMail))
		if err != nil {
			return
		}
		v := Verifier{DNS: anyName(record), Now: nowNoon}
		for _, got := range v.Verify(t.Context(), s) {
			if got.Result == authres.Pass || got.Result == authres.None || got.Reason == "" {
				t.Errorf("%q: %+v", value, got)
			}
		}
	})
}

type anyName string

func (a anyName) TXT(context.Context, string) ([]string, error) { return []string{string(a)}, nil }

// Whatever else a value has, only the tag b is emptied.
func FuzzWithoutSignature(f *testing.F) {
	f.Add("a=1; b=x; z=b=20")
	f.Add("b = \r\n x\r\n ;bh=y")
	f.Add(" z= b=1 ;b=2;b=3")
	f.Fuzz(func(t *testing.T, value string) {
		tags, ok := parseTags(value)
		if !ok {
			return
		}
		emptied, ok := parseTags(string(withoutSignature([]byte(value))))
		if !ok {
			t.Fatalf("%q: no list any more", value)
		}
		if _, has := tags["b"]; has {
			tags["b"] = ""
		}
		if fmt.Sprint(tags) != fmt.Sprint(emptied) {
			t.Errorf("%q: %q, want %q", value, emptied, tags)
		}
	})
}
