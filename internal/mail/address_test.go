package mail

import (
	"strings"
	"testing"
)

func TestParseAddress(t *testing.T) {
	for _, c := range []struct{ in, path, domain string }{
		{"a@b.c", "a@b.c", "b.c"},
		{"A.b+c@EXAMPLE.Org", "A.b+c@example.org", "example.org"},
		{`"a b"@x.y`, `"a b"@x.y`, "x.y"},
		{`"simple"@x.y`, `simple@x.y`, "x.y"},
		{`"a\"b\\c"@x.y`, `"a\"b\\c"@x.y`, "x.y"},
		{`"a> NOTIFY=NEVER x"@x.y`, `"a> NOTIFY=NEVER x"@x.y`, "x.y"},
		{"jörg@bücher.example", "jörg@xn--bcher-kva.example", "bücher.example"},
		{"a@[192.0.2.1]", "a@[192.0.2.1]", "[192.0.2.1]"},
		{"a@[IPv6:2001:DB8::1]", "a@[IPv6:2001:db8::1]", "[IPv6:2001:db8::1]"},
		{"a@b_c.d", "a@b_c.d", "b_c.d"},
	} {
		a, err := ParseAddress(c.in, false)
		if err != nil || string(a.AppendPath(nil, false)) != c.path || a.Domain != c.domain {
			t.Errorf("%q: %+v %v, path %q", c.in, a, err, a.AppendPath(nil, false))
		}
		b, err := ParseAddress(a.String(), false)
		if err != nil || b != a {
			t.Errorf("%q does not survive print and parse: %+v %v", c.in, b, err)
		}
	}
}

func TestRefusedAddresses(t *testing.T) {
	for _, s := range []string{"", "@", "a@", "@b", "a", "a@b..c", "a@-b.c", "a@b-.c", ".a@b.c", "a.@b.c", "a..b@c.d", "a b@c.d", "<a@b.c>", "a@b.c>",
		"a@b.c\r\n", "a\r\n@b.c", "a\x00@b.c", "\"a@b.c", "\"a\"b\"@c.d", "a@b c", "a@[1.2.3]", "a@[192.0.2.1", "a@[IPv6:1.2.3.4]", "a@[fe80::1%eth0]", `"\"@b.c`,
		"a@b.c SIZE=1", strings.Repeat("x", 65) + "@b.c", "a@" + strings.Repeat("x", 64) + ".c", "\"\"@b.c", "\u0085a@b.c"} {
		if a, err := ParseAddress(s, false); err == nil {
			t.Errorf("%q is taken as %+v", s, a)
		}
	}
}

func TestLooseAddressCannotLeaveThePath(t *testing.T) {
	for s, ok := range map[string]bool{"a..b@c.d": true, "a,b;c@c.d": true, "a b@c.d": false, "a>b@c.d": false, "a@b@c.d": true, "a\n@c.d": false} {
		a, err := ParseAddress(s, true)
		if (err == nil) != ok {
			t.Errorf("%q: %v", s, err)
		}
		if path := string(a.AppendPath(nil, false)); err == nil && strings.ContainsAny(strings.Trim(path, `"`), "\r\n") {
			t.Errorf("%q becomes %q", s, path)
		}
	}
}

func FuzzAddress(f *testing.F) {
	for _, s := range []string{"a@b.c", `"a b"@c.d`, "ö@ü.x", "a@[IPv6:::1]", "a\x01@b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		a, err := ParseAddress(s, false)
		if err != nil {
			return
		}
		path := string(a.AppendPath(nil, false))
		if strings.ContainsAny(path, "\r\n\x00") || strings.ContainsAny(path, "<> ") && path[0] != '"' {
			t.Fatalf("%q becomes %q", s, path)
		}
		if b, err := ParseAddress(path, false); err != nil || b.Local != a.Local || b.ASCIIDomain() != a.ASCIIDomain() {
			t.Fatalf("%q: path %q is read as %+v (%v)", s, path, b, err)
		}
	})
}
