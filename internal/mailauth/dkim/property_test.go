package dkim

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestProperty(t *testing.T) {
	l := NewLoader(Go(), 0)
	one := func(more string) string {
		return fmt.Sprintf(`{"domain": "Shop.Test.", "selector": "K1", "key": %q%s}`, seed, more)
	}
	for name, c := range map[string]struct {
		json     string
		keys     string // what is found, in short
		bad      string
		warnings string
	}{
		"nothing": {"", "", "", ""},
		"null":    {"null", "", "", ""},
		"empty":   {"[]", "", "", ""},
		"object":  {one(""), "k1@shop.test relaxed/simple", "", ""},
		"array":   {"[" + one("") + "," + one(`,"priority": "-3"`) + "]", "k1@shop.test relaxed/simple, k1@shop.test relaxed/simple -3", "", ""},
		"values":  {`{"$type": "x", "$values": [` + one("") + `]}`, "k1@shop.test relaxed/simple", "", ""},
		"all": {one(`,"expire":"2031-05-04 12:00:00","headers":["Feedback-ID","X-Shop","from"],"report":1,"oversign":"true",
			"priority":7,"canonicalization":"Simple/Relaxed","algorithm":"sha256","protocols":["arc","DKIM"]`),
			"k1@shop.test simple/relaxed 7 x=2031-05-04 r=y oversign +feedback-id +x-shop", "", ""},
		"nulls": {one(`,"expire":null,"headers":null,"report":null,"priority":null,"canonicalization":null,"algorithm":null,"protocols":null`),
			"k1@shop.test relaxed/simple", "", ""},
		"iso time":       {one(`,"expire":"2031-05-04T12:00:00+02:00"`), "k1@shop.test relaxed/simple x=2031-05-04", "", ""},
		"one header":     {one(`,"headers":"feedback-id"`), "k1@shop.test relaxed/simple +feedback-id", "", ""},
		"header, values": {one(`,"headers":{"$values":["feedback-id"]}`), "k1@shop.test relaxed/simple +feedback-id", "", ""},
		"arc":            {one(`,"protocols":["arc"]`), "", "", ""},
		"header alone":   {one(`,"canonicalization":"simple"`), "k1@shop.test simple/simple", "", ""},
		"sha1":           {one(`,"algorithm":"sha1"`), "k1@shop.test relaxed/simple", "", `algorithm "sha1" is not used`},
		"algorithm":      {one(`,"algorithm":"rsa-sha256"`), "k1@shop.test relaxed/simple", "", ""},
		"sha-256":        {one(`,"algorithm":"SHA-256"`), "k1@shop.test relaxed/simple", "", ""},
		"SHA-1":          {one(`,"algorithm":"SHA-1"`), "k1@shop.test relaxed/simple", "", `algorithm "SHA-1" is not used`},
		"form":           {one(`,"canonicalization":"simple/nofws"`), "k1@shop.test relaxed/simple", "", `canonicalization "simple/nofws" is unknown`},
		"bad time":       {one(`,"expire":"soon"`), "k1@shop.test relaxed/simple", "", "dkim.expire ignored"},
		"bad types":      {one(`,"report":"maybe","priority":[],"headers":[1,"x"]`), "k1@shop.test relaxed/simple +x", "", "dkim.report ignored"},
		"bad header": {one(`,"headers":["a:b","a;b","a\r\nX: y","Received","dkim-signature",""]`), "k1@shop.test relaxed/simple", "",
			`header "a:b" is not signed`},
		"no domain":    {`{"selector":"k1","key":"x"}`, "", "domain is missing", ""},
		"bad domain":   {`{"domain":"a b\r\nc","selector":"k1","key":"x"}`, "", `domain "a b\r\nc"`, ""},
		"literal":      {`{"domain":"[192.0.2.1]","selector":"k1","key":"x"}`, "", "domain is missing or is none", ""},
		"bad selector": {`{"domain":"shop.test","selector":"k;1","key":"x"}`, "", "selector is missing or is none", ""},
		"no key":       {`{"domain":"shop.test","selector":"k1"}`, "", `DKIM key "k1" of domain "shop.test": the private key is missing`, ""},
		"bad key":      {`{"domain":"shop.test","selector":"k1","key":"c2VjcmV0c2VjcmV0"}`, "", "damaged", ""},
		"one of two":   {`[{"domain":"shop.test"},` + one("") + `]`, "k1@shop.test relaxed/simple", "selector is missing", ""},
		"text":         {`"shop.test"`, "", "DKIM key: an element of dkim is no object", ""},
		"wrong things": {`[1,null,[],"x"]`, "", "DKIM key: an element of dkim is no object", ""},
		"idn":          {`{"domain":"bücher.test","selector":"k1","key":"` + seed + `"}`, "k1@xn--bcher-kva.test relaxed/simple", "", ""},
		"many":         {"[" + strings.Repeat("{},", 100) + "{}]", "", "more than 32 keys", ""},
	} {
		p := l.Property([]byte(c.json))
		if got := shorts(p.Keys); got != c.keys {
			t.Errorf("%s: keys %s, want %s", name, got, c.keys)
		}
		has(t, name+", bad", errorTexts(p.Bad), c.bad)
		has(t, name+", warnings", p.Warnings, c.warnings)
		if len(p.Bad) > MaxSignatures+1 {
			t.Errorf("%s: %d bad keys", name, len(p.Bad))
		}
		for _, text := range append(errorTexts(p.Bad), p.Warnings...) {
			if strings.Contains(text, seed) || strings.Contains(text, "c2VjcmV0") || strings.ContainsAny(text, "\r\n") {
				t.Errorf("%s: %s", name, text)
			}
		}
	}
}

func errorTexts(list []*KeyError) (texts []string) {
	for _, e := range list {
		texts = append(texts, e.Error())
	}
	return texts
}

// has wants the first of texts to contain something, or none to be there.
func has(t *testing.T, name string, texts []string, want string) {
	t.Helper()
	if want == "" && len(texts) > 0 || want != "" && (len(texts) == 0 || !slices.ContainsFunc(texts, func(s string) bool { return strings.Contains(s, want) })) {
		t.Errorf("%s: %q, want %q", name, texts, want)
	}
}

func shorts(keys []*Key) string {
	var all []string
	for _, k := range keys {
		s := k.Selector + "@" + k.Domain + " " + k.form.String()
		if k.Priority != 0 {
			s += fmt.Sprint(" ", k.Priority)
		}
		if !k.Expire.IsZero() {
			s += " x=" + k.Expire.Format(time.DateOnly)
		}
		if k.report {
			s += " r=y"
		}
		if k.oversign {
			s += " oversign"
		}
		for _, name := range k.extra {
			s += " +" + name
		}
		all = append(all, s)
	}
	return strings.Join(all, ", ")
}

// A loader keeps the keys used last, and no more than it may; bad ones too.
func TestLoaderIsBounded(t *testing.T) {
	l := NewLoader(Go(), 2)
	first, _ := l.private(seed)
	for i := range 5 {
		if _, err := l.private(strings.Repeat("x", i+1)); err == nil {
			t.Error("a key of nothing")
		}
		if again, err := l.private(seed); err != nil || again != first {
			t.Errorf("%d: the key was read again (%v)", i, err)
		}
	}
	if len(l.known) != 2 || l.order.Len() != 2 {
		t.Errorf("%d and %d keys are kept", len(l.known), l.order.Len())
	}
	for i := range 2 {
		_, _ = l.private(strings.Repeat("y", i+1))
	}
	if again, _ := l.private(seed); again == first {
		t.Error("a key that was not used stays")
	}
}

// Any JSON: no panic, and whatever comes out can sign.
func FuzzProperty(f *testing.F) {
	f.Add(`{"domain":"shop.test","selector":"k1","key":"` + seed + `","headers":["a"],"expire":"2031-05-04 12:00:00"}`)
	f.Add(`[{"domain":{}},null,{"$values":[1]}]`)
	l := NewLoader(Go(), 10)
	f.Fuzz(func(t *testing.T, value string) {
		p := l.Property([]byte(value))
		for _, k := range p.Keys {
			c, err := newContent([]byte("From: a@b.test\r\n\r\n"))
			if err != nil {
				t.Fatal(err)
			}
			field, err := c.append(nil, k, noon)
			if err != nil {
				t.Error(err)
			}
			if n := strings.Count(string(field), "\n"); strings.Count(string(field), "\r\n\t") != n-1 {
				t.Errorf("%q is more than one field", field)
			}
		}
		for _, e := range p.Bad {
			if strings.ContainsAny(e.Error(), "\r\n") {
				t.Errorf("%q", e)
			}
		}
	})
}
