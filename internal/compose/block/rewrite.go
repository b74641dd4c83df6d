package block

import (
	"strconv"
	"strings"

	"posthoorn/internal/compose/node"
)

const maxRules = 200

// rules change links (responsive-email.md section 7).
type rules []rule

type rule struct {
	tests    []test
	params   []pair
	protocol string
	last     bool
	unique   bool
}

// test looks at one part of a URL.
type test struct {
	part  string // domain, path or url
	holds func(string) bool
	work  int // for each byte, in comparisons of one
}

func (p *parser) rules(rewrite *node.Value) rules {
	links := p.problems.Object(rewrite).Get("links")
	if links == nil {
		return nil
	}
	var list rules
	switch links.Kind {
	case node.Array:
		for i := range links.Items {
			if v := p.problems.Object(&links.Items[i]); v != nil {
				list = p.rule(list, v, nil)
			}
		}
	case node.Object: // the older form: the keys are patterns for the host
		for i := range links.Members {
			m := &links.Members[i]
			if v := p.problems.Object(&m.Value); v != nil {
				list = p.rule(list, v, p.hostPattern(v, m.Name))
			}
		}
	default:
		p.problems.Add(links, "an array of rules is expected")
	}
	return list
}

func (p *parser) hostPattern(v *node.Value, pattern string) []test {
	kind := "regex"
	if strings.HasPrefix(pattern, "*") {
		kind = "match"
	}
	return p.test(nil, v, "domain", kind, pattern)
}

// rule leaves a rule out that makes no sense: one without its tests would match everything.
func (p *parser) rule(list rules, v *node.Value, tests []test) rules {
	r := rule{
		tests:    tests,
		params:   p.params(v),
		protocol: strings.ToLower(strings.TrimSuffix(p.problems.String(v.Get("protocol")), "://")),
		last:     p.problems.Bool(v.Get("last")),
		unique:   p.problems.Bool(v.Get("unique")),
	}
	for _, part := range []string{"domain", "path", "url"} {
		r.tests = p.matchers(r.tests, p.problems.Object(v.Get(part)), part)
	}
	r.tests = p.matchers(r.tests, v, "url")
	switch {
	case strings.Trim(r.protocol, "abcdefghijklmnopqrstuvwxyz") != "":
		p.problems.Add(v.Get("protocol"), "no name of a protocol")
	case len(list) == maxRules:
		p.problems.Add(v, "more than "+strconv.Itoa(maxRules)+" rules")
	default:
		list = append(list, r)
	}
	return list
}

func (p *parser) matchers(tests []test, v *node.Value, part string) []test {
	for _, kind := range []string{"equals", "contains", "match", "regex"} {
		if m := v.Get(kind); m != nil {
			tests = p.test(tests, m, part, kind, p.problems.String(m))
		}
	}
	return tests
}

func (p *parser) test(tests []test, at *node.Value, part, kind, pattern string) []test {
	if part == "domain" && kind != "regex" {
		pattern = strings.ToLower(pattern)
	}
	t := test{part: part, work: 1}
	switch kind {
	case "equals":
		t.holds = func(s string) bool { return s == pattern }
	case "contains":
		t.holds = func(s string) bool { return strings.Contains(s, pattern) }
	case "match":
		t.holds = wildcard(pattern)
	default:
		t.holds, t.work = p.regex(at, pattern)
	}
	return append(tests, t)
}

// rewritten is a link as the rules in force want it. Links that are relative, or of another kind than http, stay. The rules look
// at the link as the document has it; those of a block come last, so their parameters win.
func (b *builder) rewritten(m marked) marked {
	if len(m.text) > maxURL {
		return m
	}
	a := parseAddress(m)
	if a.scheme == "" {
		return m
	}
	original, changed := a, false
	for _, list := range b.rewrite {
		matched := false
		for i := range list {
			r := &list[i]
			if r.unique && matched || !b.matches(r, &original, m.text) {
				continue
			}
			matched, changed = true, true
			r.apply(b, &a)
			if r.last {
				break
			}
		}
	}
	if !changed {
		return m
	}
	return a.whole()
}

func (b *builder) matches(r *rule, a *address, whole string) bool {
	for _, t := range r.tests {
		s := whole
		switch t.part {
		case "domain":
			s = a.host
		case "path":
			s = either(a.path.text, "/")
		}
		if b.matching -= 1 + len(s)*t.work/64; b.matching < 0 || !t.holds(s) {
			return false
		}
	}
	return true
}

func (r *rule) apply(b *builder, a *address) {
	if r.protocol != "" {
		a.scheme = r.protocol
	}
	b.setParams(a, r.params)
}

func (b *builder) setParams(a *address, params []pair) {
	for _, p := range params {
		a.set(p.name, b.marked(b.encoded(p.value)))
	}
}

// params reads parameters of a query; their names may be anything.
func (p *parser) params(v *node.Value) []pair {
	v = p.problems.Object(v.Get("params", "param"))
	if v == nil {
		return nil
	}
	list := make([]pair, 0, len(v.Members))
	for i := range v.Members {
		if m := &v.Members[i]; m.Value.Kind != node.Null {
			list = append(list, pair{m.Name, p.problems.String(&m.Value)})
		}
	}
	return list
}
