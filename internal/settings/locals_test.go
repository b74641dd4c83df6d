package settings

import (
	"fmt"
	"strings"
	"testing"

	"posthoorn/internal/mail"
)

func address(t testing.TB, s string) mail.Address {
	t.Helper()
	a, err := mail.ParseAddress(s, false)
	if err != nil {
		t.Fatal(s, err)
	}
	return a
}

func TestLocal(t *testing.T) {
	for _, c := range []struct{ kind, pattern, local, other string }{
		{"exact", "desk@shop.test", "desk@shop.test DESK@Shop.Test", "desk@shop.test.evil.test desks@shop.test xdesk@shop.test desk@shop.tes"},
		{" EXACT ", " Desk@SHOP.test ", "desk@shop.test", "desk@shop.example"},
		{"exact", "grüße@bücher.test", "GRÜßE@bücher.test grüße@BÜCHER.test grüße@xn--bcher-kva.test", "grüsse@bücher.test"},
		{"exact", "desk@xn--bcher-kva.test", "desk@Bücher.test desk@XN--BCHER-KVA.test", "desk@bucher.test"},
		{"exact", `"two words"@shop.test`, `"two words"@shop.test "TWO words"@shop.test`, `"two  words"@shop.test`},
		{"exact", "desk@[192.0.2.1]", "desk@[192.0.2.1]", "desk@[192.0.2.2]"},
		{"fnmatch", "*@shop.test", "a@shop.test B@SHOP.TEST", `a@shop.test.evil.test a@xshop.test a@sub.shop.test "x@shop.test"@evil.test`},
		{"fnmatch", "bounce-*@*.shop.test", "bounce-17=a@eu.shop.test", "bounce-@shop.test bounce17@eu.shop.test"},
		{"fnmatch", "*@BÜCHER.test", "a@bücher.test a@xn--bcher-kva.test", "a@bucher.test"},
		{"fnmatch", "*@xn--bcher-kva.test", "a@bücher.test", "a@bucher.test"},
		{"fnmatch", "?@b.t", "a@b.t", "ab@b.t"},
		{"regex", `^b-\d+@shop\.test$`, "b-12@shop.test B-1@SHOP.TEST", `b-@shop.test b-1@shop-test "x b-1@shop.test"@evil.test`},
		{"regex", `/@(shop|store)\.test$/i`, "a@store.test a@shop.test", "a@store.test.evil.test"},
		{"substr", "@shop.", "a@shop.test A@SHOP.example", "a@xshop.test"},
		{"substr", "a", "xax@b.test", "x@b.test"},
	} {
		s := snapshotOf(t, map[string][]Row{"locals": {{"id": "1", "type": c.kind, "address": c.pattern}}})
		for _, a := range split(c.local) {
			if !s.Local(address(t, a)) {
				t.Errorf("%s %s does not take %s", c.kind, c.pattern, a)
			}
		}
		for _, a := range split(c.other) {
			if s.Local(address(t, a)) {
				t.Errorf("%s %s takes %s", c.kind, c.pattern, a)
			}
		}
		if s.Local(mail.Address{}) || !s.HasLocals() {
			t.Errorf("%s %s: the empty address is local, or there are no locals", c.kind, c.pattern)
		}
	}
	if Empty().Local(address(t, "a@b.test")) || Empty().HasLocals() {
		t.Error("local without rows")
	}
}

// split cuts at blanks that are not in quotes.
func split(s string) (list []string) {
	quoted := false
	return strings.FieldsFunc(s, func(r rune) bool {
		if r == '"' {
			quoted = !quoted
		}
		return r == ' ' && !quoted
	})
}

// Many rows of both kinds cost what a few do: of 20,000 domains only those are compared that an address can belong to.
func TestManyLocals(t *testing.T) {
	var rows []Row
	for i := range 20_000 {
		rows = append(rows, Row{"id": fmt.Sprint(2 * i), "type": "exact", "address": fmt.Sprintf("u%d@exact.test", i)},
			Row{"id": fmt.Sprint(2*i + 1), "type": "fnmatch", "address": fmt.Sprintf("*@d%d.test", i)})
	}
	s := snapshotOf(t, map[string][]Row{"locals": rows})
	for _, a := range []string{"U19999@exact.test", "x@d19999.test", "x@d0.test"} {
		if !s.Local(address(t, a)) {
			t.Error(a)
		}
	}
	for _, a := range []string{"u20000@exact.test", "x@d20000.test", "x@d1.test.evil.test"} {
		if s.Local(address(t, a)) {
			t.Error(a)
		}
	}
	folded := fold("x@d12345.test")
	if n := len(s.locals.index.candidates(folded)); n > 2000 {
		t.Errorf("%d patterns are tried for one address", n)
	}
}

func BenchmarkLocal(b *testing.B) {
	var rows []Row
	for i := range 10_000 {
		rows = append(rows, Row{"id": fmt.Sprint(2 * i), "type": "exact", "address": fmt.Sprintf("u%d@exact.test", i)},
			Row{"id": fmt.Sprint(2*i + 1), "type": "fnmatch", "address": fmt.Sprintf("*@d%d.test", i)})
	}
	s := snapshotOf(b, map[string][]Row{"locals": rows})
	for _, c := range []struct{ name, address string }{{"exact", "u777@exact.test"}, {"pattern", "x@d777.test"}, {"none", "x@other.example"}} {
		a := address(b, c.address)
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				s.Local(a)
			}
		})
	}
}
