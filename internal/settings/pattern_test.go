package settings

import (
	"strings"
	"testing"
)

func TestPattern(t *testing.T) {
	for _, c := range []struct {
		kind, pattern, text string
		want                bool
	}{
		{"exact", "Too many", "too MANY", true},
		{"exact", "Too many", "too many ", false},
		{"substr", "BLOCK", "you are blocked", true},
		{"substr", "block", "blo ck", false},
		{"substr", ".*", "anything", false},
		{"substr", "Grüße", "viele GRÜSSE", false},
		{"substr", "GRÜß", "viele grüße", true},
		{"substr", "kelvin", "273 \u212aelvin", true},
		{"fnmatch", "block", "blocked", false},
		{"fnmatch", "*block*", "you are BLOCKED here", true},
		{"fnmatch", "*block*", "two\nlines, blocked\n", true},
		{"fnmatch", "a?c", "aXc", true},
		{"fnmatch", "a?c", "ac", false},
		{"fnmatch", "a[bc]d", "aCd", true},
		{"fnmatch", "a[b-d]e", "ace", true},
		{"fnmatch", "a[!b-d]e", "ace", false},
		{"fnmatch", "a[!b-d]e", "aée", true},
		{"fnmatch", "a[]]b", "a]b", true},
		{"fnmatch", "a[!]]b", "axb", true},
		{"fnmatch", "a[^x]b", "a^b", true},
		{"fnmatch", `a[\d]b`, "a5b", false},
		{"fnmatch", `a\b`, `a\b`, true},
		{"fnmatch", "a[b", "a[b", true},
		{"fnmatch", "a[", "a[", true},
		{"fnmatch", "a[!", "a[!", true},
		{"fnmatch", "(a|b)+.$", "(A|B)+.$", true},
		{"regex", "rate.*limit", "Your RATE is over the Limit", true},
		{"regex", "/rate limit/i", "the RATE LIMIT", true},
		{"regex", "/rate limit/", "the RATE LIMIT", true},
		{"regex", "^try", "please try", false},
		{"regex", "/a/b", "x/a/b", true},
		{"regex", "/", "a/b", true},
		{"REGEX", "a{2}", "AA", true},
		{"regex", `\S+@\S+`, "to a@b", true},
		{"global", "", "anything", true},
		{"global", "[", "", true},
	} {
		p, err := newPattern(c.kind, c.pattern)
		if err != nil {
			t.Errorf("%s %q: %v", c.kind, c.pattern, err)
			continue
		}
		if got := p.match(c.text, fold(c.text)); got != c.want {
			t.Errorf("%s %q with %q: %v", c.kind, c.pattern, c.text, got)
		}
	}
}

func TestBadPattern(t *testing.T) {
	for _, c := range [][2]string{
		{"", "a"}, {"glob", "a"}, {"exact", ""}, {"substr", " "}, {"fnmatch", ""}, {"regex", ""},
		{"regex", "("}, {"regex", "(?=a)"}, {"regex", `(a)\1`}, {"regex", "a{1001}"}, {"regex", ")("}, {"fnmatch", "[z-a]"},
		{"substr", "\xff"}, {"substr", strings.Repeat("a", maxPattern+1)},
		{"regex", "((a{100}){100}){100}"}, {"regex", "((ab|cde){30}){30}"}, {"regex", "(abcdefghi){999}"}, {"regex", "(?:(?:x{20}){20}y*){12}"},
	} {
		if _, err := newPattern(c[0], c[1]); err == nil {
			t.Errorf("%s %.20q is a pattern", c[0], c[1])
		} else if len(err.Error()) > 300 {
			t.Errorf("%s %.20q: an error of %d bytes", c[0], c[1], len(err.Error()))
		}
	}
}

// Whatever a pattern matches has one of its literals.
func TestLiterals(t *testing.T) {
	for pattern, want := range map[string]string{
		"too many": "too many", "a(bcde)+f": "bcde", "x*rate|limit": "rate,limit",
		"rate|speed": "rate,speed", "(blocked|refused) by": "blocked,refused",
		"abc.*defg": "defg", "a?": "", "[ab]c": "c", "(abcd){2,3}": "abcd", "^$": "", "Straße": "straße",
	} {
		p, err := newPattern("regex", pattern)
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(p.literals, ","); got != want {
			t.Errorf("%q: %q", pattern, got)
		}
	}
}

func TestFold(t *testing.T) {
	for _, s := range []string{"S", "s", "ſ"} {
		if fold(s) != "s" {
			t.Errorf("%q: %q", s, fold(s))
		}
	}
	for _, s := range []string{"Σ", "σ", "ς"} {
		if fold(s) != "σ" {
			t.Errorf("%q: %q", s, fold(s))
		}
	}
	if fold("\u0130") != "\u0130" { // no simple fold: another letter
		t.Errorf("%q", fold("\u0130"))
	}
}
