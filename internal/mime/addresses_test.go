package mime

import (
	"slices"
	"strings"
	"testing"
)

func TestAddresses(t *testing.T) {
	for _, c := range []struct {
		value string
		want  []string
	}{
		{" a@b.test", []string{"a@b.test"}},
		{" a@b.test, c@d.test,,", []string{"a@b.test", "c@d.test"}},
		{` "Doe, Jane" <jane@b.test>, John Q. Public <john@d.test>`, []string{"jane@b.test", "john@d.test"}},
		{` =?utf-8?q?J=C3=BCrgen?= <j@b.test>`, []string{"j@b.test"}},
		{"Friends: a@b.test, Bo <c@d.test>;, e@f.test", []string{"a@b.test", "c@d.test", "e@f.test"}},
		{"undisclosed-recipients:;", nil},
		{"a@b.test (a comment, with (nested) parts \\) here)", []string{"a@b.test"}},
		{"<@r1.test,@r2.test:a@b.test>", []string{"a@b.test"}},
		{`"odd local, part"@b.test`, []string{`"odd local, part"@b.test`}},
		{`a@[IPv6:2001:db8::1], b@[192.0.2.1]`, []string{"a@[IPv6:2001:db8::1]", "b@[192.0.2.1]"}},
		{"a . b @ c . test", []string{"a.b@c.test"}},
		{"two words@b.test, c@d.test", []string{"c@d.test"}},
		{"<>", nil},
		{"a@b.test,\r\n\tc@d.test", []string{"a@b.test", "c@d.test"}},
		{"jürgen@bücher.test", []string{"jürgen@bücher.test"}},
		{`"unfinished`, []string{`"unfinished`}},
		{"(unfinished", nil},
		{"<a@b.test> trailing words, c@d.test", []string{"a@b.test", "c@d.test"}},
		{"", nil},
	} {
		if got := Addresses([]byte(c.value)); !slices.Equal(got, c.want) {
			t.Errorf("%q: %q, want %q", c.value, got, c.want)
		}
	}
}

func TestAddressesOfAHugeFieldIsQuick(t *testing.T) {
	if n := len(Addresses([]byte(strings.Repeat("a@b.test, ", 100_000)))); n != 100_000 {
		t.Error(n)
	}
	Addresses([]byte(strings.Repeat("(", 1<<20)))
	Addresses([]byte(strings.Repeat("<", 1<<20)))
}
