package control

import (
	"strings"
	"testing"
)

func TestDestination(t *testing.T) {
	for text, want := range map[string]string{
		"example.com":                   "example.com",
		"EXAMPLE.Com.":                  "example.com",
		"Bücher.example":                "xn--bcher-kva.example",
		"xn--bcher-kva.example":         "xn--bcher-kva.example",
		"_dmarc.example.com":            "_dmarc.example.com",
		"localhost":                     "localhost",
		"Relay.Example.com:587":         "relay.example.com:587",
		"bücher.example:25":             "xn--bcher-kva.example:25",
		"192.0.2.1":                     "[192.0.2.1]",
		"[192.0.2.1]":                   "[192.0.2.1]",
		"::ffff:192.0.2.1":              "[192.0.2.1]",
		"2001:DB8:0:0::1":               "[IPv6:2001:db8::1]",
		"[ipv6:2001:db8::0001]":         "[IPv6:2001:db8::1]",
		"[2001:db8::1]":                 "[IPv6:2001:db8::1]",
		"192.0.2.1:2525":                "192.0.2.1:2525",
		"[2001:DB8::1]:2525":            "2001:db8::1:2525",
		"[::ffff:192.0.2.1]:25":         "192.0.2.1:25",
		strings.Repeat("a", 63) + ".nl": strings.Repeat("a", 63) + ".nl",
	} {
		got, err := destination(text)
		if err != nil || got != want {
			t.Errorf("%q: %q, %v; want %q", text, got, err, want)
		}
		if again, err := destination(got); err == nil && again != got && !strings.Contains(got, "::") {
			t.Errorf("%q is not its own destination: %q", got, again)
		}
	}
}

func TestNonsenseIsNoDestination(t *testing.T) {
	for _, text := range []string{
		"", ".", "*", "a b", "user@example.com", "example..com", "-a.example", "192.0.2.256", "1.2.3", "192.0.2.1.",
		"0.0.0.0", "::", "224.0.0.1", "fe80::1%eth0", "fe80::1%\x1b[2J", "example.com:0", "example.com:65536", "example.com:", ":25", "example.com:25:25",
		"[192.0.2.1", "[]", "[example.com]", "http://example.com/", "example.com\r\n", "\x1b[31mexample.com", "exa\u202emple.com:x",
		strings.Repeat("a", 64) + ".nl", strings.Repeat("a.", 200) + "nl", strings.Repeat("x", 1<<20), "\xff.com",
	} {
		_, err := destination(text)
		if Code(err) != ExitUsage {
			t.Errorf("%.50q: %v", text, err)
			continue
		}
		if msg := err.Error(); visible(msg) != msg || len(msg) > 800 || !strings.Contains(msg, "expected is") && !strings.Contains(msg, "IP") && !strings.Contains(msg, "brackets") {
			t.Errorf("%.50q: %q", text, msg)
		}
	}
}

func FuzzDestination(f *testing.F) {
	for _, s := range []string{"example.com", "[IPv6:::1]:25", "bücher.example", "a@b", "\x1b]0;x\a"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, err := destination(s)
		if err == nil && (got == "" || visible(got) != got || strings.ToLower(got) != strings.ReplaceAll(got, "IPv6", "ipv6")) {
			t.Errorf("%q: %q", s, got)
		}
		if err != nil && (Code(err) != ExitUsage || visible(err.Error()) != err.Error()) {
			t.Errorf("%q: %q", s, err)
		}
	})
}
