package authres

import (
	"slices"
	"strings"
	"testing"

	"posthoorn/internal/mime"
)

func about(pairs ...string) (list []Property) {
	for i := 0; i < len(pairs); i += 2 {
		list = append(list, Property{pairs[i], pairs[i+1]})
	}
	return list
}

func TestAppend(t *testing.T) {
	for _, c := range []struct {
		list []Finding
		want string
	}{
		{nil, "none"},
		{[]Finding{{Method: "spf", Result: Pass, About: about("smtp.mailfrom", "ann@shop.test")}}, "spf=pass smtp.mailfrom=ann@shop.test"},
		{[]Finding{{Method: "dkim", Result: None}, {Method: "dmarc", Result: Fail, Reason: "it is not", About: about("header.from", "shop.test", "x", "")}},
			"dkim=none;\r\n\tdmarc=fail reason=\"it is not\" header.from=shop.test"},
		{[]Finding{{Method: "dkim", Result: Pass, About: about("header.i", "@shop.test", "header.b", "Ab/c+d=")}},
			"dkim=pass header.i=@shop.test header.b=\"Ab/c+d=\""},
		{[]Finding{{Method: "spf", Result: Pass, About: about("smtp.mailfrom", "\"a; dkim=pass\"@shop.test")}},
			`spf=pass smtp.mailfrom="\"a; dkim=pass\"@shop.test"`},
		{[]Finding{{Method: "spf", Result: Pass, About: about("smtp.mailfrom", "a\r\nSubject: x@b")}}, `spf=pass smtp.mailfrom="aSubject: x@b"`},
		{[]Finding{{Method: "spf", Result: Fail, Reason: "\"quoted\\\" \x00\u0085\u2028\xff"}}, `spf=fail reason="\"quoted\\\" "`},
		{[]Finding{{Method: "spf", Result: Pass, About: about("smtp.mailfrom", "j\u00fcrgen@b\u00fccher.test")}}, "spf=pass smtp.mailfrom=j\u00fcrgen@b\u00fccher.test"},
		{[]Finding{{Method: "spf", Result: Pass, About: about("a", "@", "b", "x@", "c", "a@b@c", "d", "a b")}}, `spf=pass a="@" b="x@" c="a@b@c" d="a b"`},
	} {
		if got := string(Append(nil, c.list)); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}

// Lines are folded, and long texts are cut, also within a character.
func TestAppendLong(t *testing.T) {
	list := []Finding{{Method: "dkim", Result: Fail, Reason: strings.Repeat("\u00e4", 500),
		About: about("header.i", strings.Repeat("x", 1000)+"@shop.test", "header.d", "shop.test", "header.s", "selector", "header.a", "rsa-sha256")}}
	got := string(Append(nil, slices.Repeat(list, 3)))
	for line := range strings.SplitSeq(got, "\r\n\t") {
		if len(line) > maxValue+20 || len(line) > 78 && strings.Contains(line, " ") || strings.ToValidUTF8(line, "") != line {
			t.Errorf("%q", line)
		}
	}
}

func TestForged(t *testing.T) {
	forged := Forged("mx.shop.test")
	for value, want := range map[string]bool{
		"mx.shop.test; spf=pass":                                    true,
		" MX.Shop.TEST;spf=pass":                                    true,
		"mx.shop.test 1; spf=pass":                                  true,
		"mx.shop.test.; none":                                       true,
		"mx.shop.test":                                              true,
		"\"mx.shop.test\"; none":                                    true,
		"\"mx\\.shop.test\" 1; none":                                true,
		" (a (nested\\) ) one) mx.shop.test; x":                     true,
		"(a)\r\n\t(b) mx.shop.test(c); x":                           true,
		"\r\n mx.shop.test\r\n ; x":                                 true,
		"mx.other.test; spf=pass":                                   false,
		"mx.shop.test.evil.test; spf=pass":                          false,
		"x.mx.shop.test; spf=pass":                                  false,
		"other.test; x=mx.shop.test":                                false,
		"(mx.shop.test) other.test; x":                              false,
		"(mx.shop.test":                                             false,
		"mx.(x)shop.test; spf=pass":                                 true, // as those read it who take comments out before anything else
		"mx(a(b)c)\r\n .shop(;).test 1; spf=pass":                   true,
		"mx . shop . test; spf=pass":                                true,
		"\v\f\u00a0mx.shop.test\v; spf=pass":                        true,
		"\x01mx.shop.test\x7f; spf=pass":                            true,
		"=?utf-8?q?mx=2Eshop?= =?us-ascii?B?LnRlc3Q7IHNwZj1wYXNz?=": true,
		"=?utf-8?q?mx=2Eshop=2Eorg?=; none":                         false,
		"\u216ex.shop.test":                                         false,
		"\"":                                                        false,
		"":                                                          false,
	} {
		f := mime.Field{Name: []byte("authentication-RESULTS"), Value: []byte(value)}
		if got := forged(&f); got != want {
			t.Errorf("%q: %v", value, got)
		}
		f.Name = []byte("ARC-Authentication-Results")
		if forged(&f) {
			t.Errorf("%q: another field was taken", value)
		}
	}
	f := mime.Field{Name: []byte("Authentication-Results"), Value: []byte("mx.b\u00fccher.test; none")}
	if !Forged("MX.xn--bcher-kva.test")(&f) {
		t.Error("the same name in letters is another one")
	}
	if Forged("")(&mime.Field{Name: []byte("Authentication-Results")}) {
		t.Error("without an id everything is forged")
	}
}

// The pieces that are left have everything else, byte for byte.
func TestWithoutForged(t *testing.T) {
	source := "Authentication-Results: mx.shop.test;\r\n\tspf=pass\r\nFrom: a@b.test\r\nAuthentication-Results : other.test; none\r\n" +
		"authentication-results: (x) MX.shop.test; dmarc=pass\r\n\r\nAuthentication-Results: mx.shop.test; in the body\r\n"
	h, err := mime.ParseHeader([]byte(source))
	if err != nil {
		t.Fatal(err)
	}
	got := string(slices.Concat(h.Without(Forged("mx.shop.test"))...))
	want := "From: a@b.test\r\nAuthentication-Results : other.test; none\r\n\r\nAuthentication-Results: mx.shop.test; in the body\r\n"
	if got != want {
		t.Errorf("%q", got)
	}
}

// Whatever a mail says of itself, it stays within its value: the field has as many findings as were given, and no other line.
func FuzzAppend(f *testing.F) {
	f.Add("it failed", "ann@shop.test")
	f.Add("\";\r\nx", "a\"; dkim=pass; x=\\")
	f.Fuzz(func(t *testing.T, reason, value string) {
		text := string(Append(nil, []Finding{{Method: "spf", Result: Fail, Reason: reason, About: about("smtp.mailfrom", value)}, {Method: "dkim", Result: None}}))
		bare := strings.ReplaceAll(text, "\r\n\t", " ")
		if strings.ContainsAny(bare, "\r\n\x00") {
			t.Fatalf("%q", text)
		}
		parts, quoted := 1, false
		for i := 0; i < len(bare); i++ {
			switch c := bare[i]; {
			case quoted && c == '\\':
				i++
			case c == '"':
				quoted = !quoted
			case c == ';' && !quoted:
				parts++
			}
		}
		if parts != 2 || quoted || !strings.HasSuffix(bare, "; dkim=none") {
			t.Errorf("%q", text)
		}
	})
}
