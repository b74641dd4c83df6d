package smtp

import "testing"

// Printers and old programs leave the angle brackets out. That is taken where addresses need not be strictly valid, and what stands
// behind the address stays a parameter.
func TestAddressesWithoutBrackets(t *testing.T) {
	for _, c := range []struct{ arg, strict, loose, notify string }{
		{"TO:<ann@shop.test>", "ann@shop.test", "ann@shop.test", ""},
		{"TO:ann@shop.test", "", "ann@shop.test", ""},
		{"to: ann@shop.test ", "", "ann@shop.test", ""},
		{"TO:ann@shop.test NOTIFY=NEVER", "", "ann@shop.test", "NEVER"},
		{"TO:ann@shop.test NOTIFY=MAYBE", "", "", ""},
		{"TO:ann@shop.test>", "", "", ""},
		{"TO:ann@shop.test<", "", "", ""},
		{"TO:Ann <ann@shop.test>", "", "", ""},
		{"TO:\"ann b\"@shop.test", "", "", ""},
		{"TO:@a.test:ann@shop.test", "", "ann@shop.test", ""},
		{"TO:postmaster", "", "postmaster@mx.shop.test", ""},
		{"TO:", "", "", ""},
		{"TO: ", "", "", ""},
	} {
		for loose, want := range map[bool]string{false: c.strict, true: c.loose} {
			got, err := ParseRcpt([]byte(c.arg), Rules{Loose: loose, Extended: true, DSN: true, Hostname: "mx.shop.test"})
			if err != nil && want != "" || err == nil && (got.To.String() != want || got.Notify != c.notify && loose) {
				t.Errorf("%q, loose %t: %q %q %v", c.arg, loose, got.To, got.Notify, err)
			}
		}
	}
	if c, err := ParseMail([]byte("FROM:ann@shop.test SIZE=7"), Rules{Loose: true, Extended: true}); err != nil || c.From.String() != "ann@shop.test" || c.Size != 7 {
		t.Error(c, err)
	}
	if c, err := ParseMail([]byte("FROM:"), Rules{Loose: true, Extended: true}); err == nil {
		t.Error("no address is not the null path", c)
	}
}
