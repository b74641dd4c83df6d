package dmarc

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"posthoorn/internal/mailauth/authres"
	"posthoorn/internal/mime"
)

// zone has DMARC records by domain; a name that is not there, nor above one that is, does not exist.
type zone struct {
	records map[string]string // several are joined by |; "!" gives no answer
	asked   []string
}

type dnsError bool

func (e dnsError) Error() string   { return "no answer" }
func (e dnsError) Temporary() bool { return bool(e) }

func (z *zone) TXT(_ context.Context, name string) ([]string, error) {
	z.asked = append(z.asked, name)
	switch txt, ok := z.records[name]; {
	case !ok:
		return nil, dnsError(false)
	case txt == "!":
		return nil, dnsError(true)
	case txt == "":
		return nil, nil
	default:
		return strings.Split(txt, "|"), nil
	}
}

func dkim(domain string, r authres.Result) []Identifier { return []Identifier{{domain, r}} }

func spf(domain string, r authres.Result) Identifier { return Identifier{domain, r} }

func TestCheck(t *testing.T) {
	const reject = "v=DMARC1; p=reject"
	for _, c := range []struct {
		name    string
		from    string
		records map[string]string // of domains, without _dmarc; with a leading = of the name itself
		spf     Identifier
		dkim    []Identifier
		want    authres.Result
		policy  Disposition // of the owner
		org     string
	}{
		{name: "no record", from: "shop.test", want: "none", org: "shop.test"},
		{name: "nothing passed", from: "shop.test", records: map[string]string{"shop.test": reject}, want: "fail", policy: Reject, org: "shop.test"},
		{name: "same domain by DKIM", from: "shop.test", records: map[string]string{"shop.test": reject},
			dkim: dkim("shop.test", "pass"), want: "pass", policy: Reject, org: "shop.test"},
		{name: "same domain by SPF", from: "shop.test", records: map[string]string{"shop.test": reject},
			spf: spf("shop.test", "pass"), want: "pass", policy: Reject, org: "shop.test"},
		{name: "another domain", from: "shop.test", records: map[string]string{"shop.test": reject, "evil.test": reject},
			spf: spf("evil.test", "pass"), dkim: dkim("evil.test", "pass"), want: "fail", policy: Reject, org: "shop.test"},
		{name: "name that ends alike", from: "shop.test", records: map[string]string{"shop.test": reject},
			dkim: dkim("notshop.test", "pass"), want: "fail", policy: Reject, org: "shop.test"},
		{name: "only soft", from: "shop.test", records: map[string]string{"shop.test": reject},
			spf: spf("shop.test", "softfail"), dkim: dkim("shop.test", "policy"), want: "fail", policy: Reject, org: "shop.test"},
		{name: "relaxed, below", from: "shop.test", records: map[string]string{"shop.test": reject},
			dkim: dkim("mail.shop.test", "pass"), want: "pass", policy: Reject, org: "shop.test"},
		{name: "relaxed, beside", from: "news.shop.test", records: map[string]string{"shop.test": reject, "=news.shop.test": ""},
			spf: spf("mail.shop.test", "pass"), want: "pass", policy: Reject, org: "shop.test"},
		{name: "relaxed, above", from: "news.shop.test", records: map[string]string{"shop.test": reject, "=news.shop.test": ""},
			spf: spf("shop.test", "pass"), want: "pass", policy: Reject, org: "shop.test"},
		{name: "strict DKIM", from: "shop.test", records: map[string]string{"shop.test": reject + "; adkim=S"},
			dkim: dkim("mail.shop.test", "pass"), want: "fail", policy: Reject, org: "shop.test"},
		{name: "strict DKIM, relaxed SPF", from: "shop.test", records: map[string]string{"shop.test": reject + "; adkim=s"},
			spf: spf("mail.shop.test", "pass"), want: "pass", policy: Reject, org: "shop.test"},
		{name: "strict SPF", from: "shop.test", records: map[string]string{"shop.test": reject + "; aspf=s"},
			spf: spf("mail.shop.test", "pass"), want: "fail", policy: Reject, org: "shop.test"},
		{name: "one of many signatures", from: "shop.test", records: map[string]string{"shop.test": reject},
			dkim: []Identifier{{"a.test", "pass"}, {"shop.test", "fail"}, {"", "policy"}, {"shop.test", "pass"}}, want: "pass", policy: Reject, org: "shop.test"},

		{name: "record of its own", from: "news.shop.test", records: map[string]string{"shop.test": reject, "news.shop.test": "v=DMARC1; p=none; sp=reject"},
			want: "fail", policy: None, org: "shop.test"},
		{name: "sp", from: "news.shop.test", records: map[string]string{"shop.test": "v=DMARC1; p=reject; sp=quarantine; np=none", "=news.shop.test": ""},
			want: "fail", policy: Quarantine, org: "shop.test"},
		{name: "np", from: "no.shop.test", records: map[string]string{"shop.test": "v=DMARC1; p=none; sp=quarantine; np=reject"},
			want: "fail", policy: Reject, org: "shop.test"},
		{name: "np is sp", from: "no.shop.test", records: map[string]string{"shop.test": "v=DMARC1; p=none; sp=quarantine"},
			want: "fail", policy: Quarantine, org: "shop.test"},
		{name: "np is p", from: "no.shop.test", records: map[string]string{"shop.test": "v=DMARC1; p=reject"},
			want: "fail", policy: Reject, org: "shop.test"},
		{name: "sp is p", from: "news.shop.test", records: map[string]string{"shop.test": "v=DMARC1; p=quarantine; np=reject", "=news.shop.test": ""},
			want: "fail", policy: Quarantine, org: "shop.test"},
		{name: "a record between does not count", from: "a.mail.shop.test", records: map[string]string{"shop.test": reject, "mail.shop.test": "v=DMARC1; p=none", "=a.mail.shop.test": ""},
			want: "fail", policy: Reject, org: "shop.test"},

		{name: "public suffix", from: "shop.co.test", records: map[string]string{"co.test": "v=DMARC1; p=reject; sp=quarantine; psd=y", "=shop.co.test": ""},
			want: "fail", policy: Quarantine, org: "shop.co.test"},
		{name: "public suffix, no such name", from: "shop.co.test", records: map[string]string{"co.test": "v=DMARC1; p=none; np=reject; psd=y"},
			want: "fail", policy: Reject, org: "shop.co.test"},
		{name: "two shops of a suffix", from: "shop.co.test", records: map[string]string{"co.test": "v=DMARC1; p=reject; psd=y", "shop.co.test": reject},
			dkim: dkim("other.co.test", "pass"), want: "fail", policy: Reject, org: "shop.co.test"},
		{name: "below a shop of a suffix", from: "a.shop.co.test", records: map[string]string{"co.test": "v=DMARC1; p=reject; psd=y", "=a.shop.co.test": ""},
			dkim: dkim("b.shop.co.test", "pass"), want: "pass", policy: Reject, org: "shop.co.test"},
		{name: "the suffix itself", from: "co.test", records: map[string]string{"co.test": "v=DMARC1; p=reject; psd=y"},
			dkim: dkim("shop.co.test", "pass"), want: "fail", policy: Reject, org: "co.test"},
		{name: "a suffix does not end a walk that begins with it", from: "co.test", records: map[string]string{"co.test": "v=DMARC1; p=reject; psd=y", "test": "v=DMARC1"},
			want: "fail", policy: Reject, org: "test"},
		{name: "psd=n ends the walk", from: "dept.big.test", records: map[string]string{"dept.big.test": reject + "; psd=n", "big.test": "v=DMARC1; p=none"},
			dkim: dkim("big.test", "pass"), want: "fail", policy: Reject, org: "dept.big.test"},
		{name: "within psd=n", from: "a.dept.big.test", records: map[string]string{"dept.big.test": reject + "; psd=n", "big.test": "v=DMARC1; p=none", "=a.dept.big.test": ""},
			dkim: dkim("b.dept.big.test", "pass"), want: "pass", policy: Reject, org: "dept.big.test"},
		{name: "a part that left", from: "big.test", records: map[string]string{"dept.big.test": "v=DMARC1; psd=n", "big.test": reject},
			dkim: dkim("x.dept.big.test", "pass"), want: "fail", policy: Reject, org: "big.test"},

		{name: "two records are none", from: "shop.test", records: map[string]string{"shop.test": reject + "|" + reject}, want: "none", org: "shop.test"},
		{name: "one among others", from: "shop.test", records: map[string]string{"shop.test": "v=spf1 -all|" + reject + "|hello"}, want: "fail", policy: Reject, org: "shop.test"},
		{name: "broken", from: "shop.test", records: map[string]string{"shop.test": "v=DMARC1; p=refuse"}, dkim: dkim("shop.test", "pass"), want: "permerror", org: "shop.test"},
		{name: "broken with rua", from: "shop.test", records: map[string]string{"shop.test": "v=DMARC1; p=refuse; rua=mailto:d@shop.test"}, want: "fail", policy: None, org: "shop.test"},

		{name: "no answer", from: "shop.test", records: map[string]string{"shop.test": "!"}, want: "temperror"},
		{name: "no answer above", from: "a.shop.test", records: map[string]string{"shop.test": "!"}, want: "temperror"},
		{name: "no answer whether it exists", from: "a.shop.test", records: map[string]string{"shop.test": "v=DMARC1; np=reject", "=a.shop.test": "!"},
			want: "temperror", policy: None, org: "shop.test"},
		{name: "no answer to SPF", from: "shop.test", records: map[string]string{"shop.test": reject}, spf: spf("shop.test", "temperror"),
			want: "temperror", policy: Reject, org: "shop.test"},
		{name: "no answer to DKIM below", from: "shop.test", records: map[string]string{"shop.test": reject}, dkim: dkim("a.shop.test", "temperror"),
			want: "temperror", policy: Reject, org: "shop.test"},
		{name: "no answer to DKIM, pass by SPF", from: "shop.test", records: map[string]string{"shop.test": reject},
			dkim: dkim("shop.test", "temperror"), spf: spf("shop.test", "pass"), want: "pass", policy: Reject, org: "shop.test"},
		{name: "no answer to DKIM of others", from: "shop.test", records: map[string]string{"shop.test": reject}, dkim: dkim("other.test", "temperror"),
			want: "fail", policy: Reject, org: "shop.test"},
		{name: "no answer about the signer", from: "shop.test", records: map[string]string{"shop.test": reject, "a.shop.test": "!"}, dkim: dkim("a.shop.test", "pass"),
			want: "temperror", policy: Reject, org: "shop.test"},
	} {
		z := &zone{records: map[string]string{}}
		for name, txt := range c.records {
			if own, ok := strings.CutPrefix(name, "="); ok {
				z.records[own] = txt
			} else {
				z.records["_dmarc."+name] = txt
			}
		}
		v := Check(t.Context(), z, Mail{From: Author{Domain: c.from}, SPF: c.spf, DKIM: c.dkim})
		if v.Result != c.want || v.Policy != c.policy || v.Organizational != c.org || v.Domain != c.from || (v.Reason == "") != (c.want == "pass") {
			t.Errorf("%s: %s, policy %q, organisation %q, %q", c.name, v.Result, v.Policy, v.Organizational, v.Reason)
		}
		slices.Sort(z.asked)
		if len(slices.Compact(slices.Clone(z.asked))) != len(z.asked) {
			t.Errorf("%s: asked twice: %q", c.name, z.asked)
		}
	}
}

// RFC 9989 section 4.10: eight queries at most, however many labels a name has.
func TestWalk(t *testing.T) {
	for domain, want := range map[string][]string{
		"test":            {"test"},
		"a.mail.shop.com": {"a.mail.shop.com", "mail.shop.com", "shop.com", "com"},
		"a.b.c.d.e.f.com": {"a.b.c.d.e.f.com", "b.c.d.e.f.com", "c.d.e.f.com", "d.e.f.com", "e.f.com", "f.com", "com"},
		"a.b.c.d.e.f.g.h.i.j.mail.shop.com": {"a.b.c.d.e.f.g.h.i.j.mail.shop.com", "g.h.i.j.mail.shop.com", "h.i.j.mail.shop.com",
			"i.j.mail.shop.com", "j.mail.shop.com", "mail.shop.com", "shop.com", "com"},
	} {
		z := &zone{}
		if steps, err := (&walker{z, map[string]*Record{}}).walk(t.Context(), domain); err != nil || len(steps) != 0 {
			t.Errorf("%s: %v, %v", domain, steps, err)
		}
		for i := range want {
			want[i] = "_dmarc." + want[i]
		}
		if !slices.Equal(z.asked, want) {
			t.Errorf("%s: %q, want %q", domain, z.asked, want)
		}
	}
}

func TestApplied(t *testing.T) {
	for _, c := range []struct {
		result  authres.Result
		testing bool
		want    Disposition
	}{{"fail", false, Reject}, {"fail", true, None}, {"pass", false, None}, {"temperror", false, None}} {
		v := Verdict{Result: c.result, Policy: Reject, Record: &Record{Policy: Reject, Testing: c.testing}}
		if got := v.Applied(); got != c.want {
			t.Errorf("%+v: %s", c, got)
		}
	}
	if got := (&Verdict{Result: "none"}).Applied(); got != None {
		t.Errorf("no record: %s", got)
	}
}

func TestParseRecord(t *testing.T) {
	show := func(r Record) string {
		return fmt.Sprintf("%s/%s/%s %v %v %v %c %q %q %s %v", r.Policy, r.Subdomains, r.Nonexistent, r.StrictDKIM, r.StrictSPF, r.Testing,
			r.Suffix, r.Reports, r.Failures, r.FailureWhen, r.Broken)
	}
	for txt, want := range map[string]string{
		"v=DMARC1":                             `none// false false false u [] []  false`,
		"v=DMARC1;":                            `none// false false false u [] []  false`,
		" v = DMARC1 ; P = Reject ;":           `reject// false false false u [] []  false`,
		"v=DMARC1;p=reject;sp=none;np=reject":  `reject/none/reject false false false u [] []  false`,
		"v=DMARC1; sp=none; p=quarantine":      `quarantine/none/ false false false u [] []  false`,
		"v=DMARC1; p=reject; adkim=s; aspf=s":  `reject// true true false u [] []  false`,
		"v=DMARC1; p=reject; adkim=x; aspf=":   `reject// false false false u [] []  false`,
		"v=DMARC1; p=reject; t=Y; psd=n; fo=1": `reject// false false true n [] [] 1 false`,
		"v=DMARC1; psd=Y":                      `none// false false false y [] []  false`,
		"v=DMARC1; psd=maybe; x=1; ;;= ; junk": `none// false false false u [] []  false`,
		"v=DMARC1; p=reject; p=none":           `reject// false false false u [] []  false`,
		"v=DMARC1; p=reject; pct=0; rf=afrf":   `reject// false false false u [] []  false`,
		"v=DMARC1; p=reject; sp=refuse":        `none// false false false u [] []  true`,
		"v=DMARC1; p=":                         `none// false false false u [] []  true`,
		"v=DMARC1; p=x; rua=mailto:a@b.test!10m , https://c.test/d , nothing": `none// false false false u ["mailto:a@b.test" "https://c.test/d"] []  false`,
		"v=DMARC1; p=x; rua=nothing":                                          `none// false false false u [] []  true`,
		"v=DMARC1; ruf=mailto:a@b.test":                                       `none// false false false u [] ["mailto:a@b.test"]  false`,
	} {
		r, ok := ParseRecord(txt)
		if got := show(r); !ok || got != want {
			t.Errorf("%q: %v, %s, want %s", txt, ok, got, want)
		}
	}
	for _, txt := range []string{"", "v=DMARC", "v=dmarc1", "V=DMARC1", "v=DMARC10; p=none", "p=none; v=DMARC1", "v=DMARC1 p=none", "v=spf1 -all",
		"v=DMARC1;" + strings.Repeat(" ", maxText)} {
		if _, ok := ParseRecord(txt); ok {
			t.Errorf("%.40q was taken", txt)
		}
	}
}

func TestAuthorOf(t *testing.T) {
	for _, c := range []struct {
		header, address, domain string
		result                  authres.Result // of a mail without domain
	}{
		{"From: Ann <ann@Shop.TEST>\r\n", "ann@Shop.TEST", "shop.test", ""},
		{"fRoM:\r\n ann@shop.test (Ann)\r\n", "ann@shop.test", "shop.test", ""},
		{"From: \"ceo@bank.test\" <ann@shop.test>\r\n", "ann@shop.test", "shop.test", ""},
		{"From: ann@shop.test, Bob <bob@SHOP.test>\r\n", "ann@shop.test", "shop.test", ""},
		{"From: ann@b\xc3\xbccher.test\r\n", "ann@b\xc3\xbccher.test", "xn--bcher-kva.test", ""},
		{"From: ann@shop.test, bob@bank.test\r\n", "ann@shop.test", "", "none"},
		{"From: ann@shop.test\r\nFrom: ann@shop.test\r\n", "ann@shop.test", "", "permerror"},
		{"From: ann@shop.test, root\r\n", "ann@shop.test", "", "permerror"},
		{"From: ann@[192.0.2.1]\r\n", "ann@[192.0.2.1]", "", "permerror"},
		{"From: ann@shop..test\r\n", "ann@shop..test", "", "permerror"},
		{"From: nobody:;\r\n", "", "", "permerror"},
		{"From:\r\n", "", "", "permerror"},
		{"Subject: x\r\n", "", "", "permerror"},
	} {
		h, err := mime.ParseHeader([]byte(c.header + "\r\n"))
		if err != nil {
			t.Fatal(err)
		}
		a := AuthorOf(&h)
		v := Check(t.Context(), &zone{}, Mail{From: a, DKIM: dkim("", "pass")})
		want := c.result
		if want == "" {
			want = "none" // no record
		}
		if a.Address != c.address || a.Domain != c.domain || v.Result != want || v.Reason == "" {
			t.Errorf("%q: %+v, %s, %s", c.header, a, v.Result, v.Reason)
		}
	}
}

// Any record: no panic, and only policies that exist.
func FuzzParseRecord(f *testing.F) {
	f.Add("v=DMARC1; p=reject; sp=none; rua=mailto:a@b.test!10m,mailto:c@d.test")
	f.Add("v = DMARC1;;=;p;p=;psd=y;t=y")
	f.Fuzz(func(t *testing.T, txt string) {
		r, ok := ParseRecord(txt)
		if !ok {
			return
		}
		all := []Disposition{"", None, Quarantine, Reject}
		if !slices.Contains(all[1:], r.Policy) || !slices.Contains(all, r.Subdomains) || !slices.Contains(all, r.Nonexistent) ||
			!slices.Contains(all[1:], r.below(true)) || len(r.Reports) > maxURIs || strings.IndexByte("ynu", r.Suffix) < 0 {
			t.Errorf("%q: %+v", txt, r)
		}
	})
}
