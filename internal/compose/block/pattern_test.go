package block

import (
	"strconv"
	"strings"
	"testing"

	"posthoorn/internal/compose/node"
)

// rulesOf reads the links of a rewrite property.
func rulesOf(t *testing.T, links string) (rules, *parser, error) {
	t.Helper()
	v, err := node.Parse([]byte(`{"links":`+links+`}`), "rewrite")
	if err != nil {
		t.Fatal(err)
	}
	var problems node.Problems
	p := &parser{problems: &problems}
	list := p.rules(v)
	return list, p, problems.Err()
}

// TestLargeExpressions: one of a thousand bytes may stand for a program of millions of instructions.
func TestLargeExpressions(t *testing.T) {
	for expression, good := range map[string]bool{
		`^https://(www\\.)?shop\\.test/`:        true,
		`[0-9]{1,100}`:                          true,
		`\\p{L}+/\\p{L}+`:                       true,
		strings.Repeat("a{1000}", 140):          false,
		strings.Repeat(`(a?b?){500}`, 20):       false,
		strings.Repeat(`[\\p{L}\\p{N}]{9}`, 50): false,
		strings.Repeat("a", 1001):               false,
	} {
		if _, _, err := rulesOf(t, `[{"regex":"`+expression+`"}]`); (err == nil) != good {
			t.Errorf("%.40s: %v", expression, err)
		}
	}
}

// TestManyExpressions: they are compiled once each, and no more of them than there may be rules.
func TestManyExpressions(t *testing.T) {
	same := strings.Repeat(`{"regex":"a{100}"},`, 150)
	if _, p, err := rulesOf(t, "["+same+`{}]`); err != nil || len(p.patterns) != 1 {
		t.Errorf("%d, %v", len(p.patterns), err)
	}
	var different strings.Builder
	for i := range 100 {
		n := strconv.Itoa(i)
		different.WriteString(`{"regex":"a` + n + `","domain":{"regex":"b` + n + `"},"path":{"regex":"c` + n + `"}},`)
	}
	if _, p, err := rulesOf(t, "["+different.String()+`{}]`); err == nil || len(p.patterns) != maxPatterns {
		t.Errorf("%d, %v", len(p.patterns), err)
	}
}

// TestMatchingIsBounded: what is paid for is the length of links times what looks at them.
func TestMatchingIsBounded(t *testing.T) {
	list, _, err := rulesOf(t, `[{"regex":"(a?){300}(a?){300}b$"}]`)
	if err != nil {
		t.Fatal(err)
	}
	b := &builder{matching: maxMatching}
	link := "http://x/" + strings.Repeat("a", maxURL-9)
	a := parseAddress(plainText(link))
	tests := 0
	for b.matching >= 0 && tests < 1000 {
		b.matches(&list[0], &a, link)
		tests++
	}
	if tests > 20 {
		t.Errorf("%d tests of an expression of 2000 places on 16 KB", tests)
	}
}

func TestWildcard(t *testing.T) {
	for _, c := range []struct {
		pattern, text string
		want          bool
	}{
		{"a", "a", true}, {"a", "ab", false}, {"a*", "ab", true}, {"*a", "ba", true}, {"*", "", true}, {"a*a", "a", false}, {"a*b*c", "a-b-c", true},
		{"a*b*c", "a-c", false}, {"a*b*b", "a-b", false}, {"***", "x", true}, {"a**c", "abc", true}, {"*b*b*", "abab", true}, {"*bb*b*", "abbab", true},
	} {
		if got := wildcard(c.pattern)(c.text); got != c.want {
			t.Errorf("%s on %s: %v", c.pattern, c.text, got)
		}
	}
}
