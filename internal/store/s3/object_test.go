package s3

import (
	"strings"
	"testing"
)

func TestObject(t *testing.T) {
	for _, plain := range []string{"a", "ph-0", "2026/11/x.eml", "a b", "%2e", "?#&=+", "ключ", "...", "a..b/.c", strings.Repeat("x", 255)} {
		if have := object(plain); have != plain {
			t.Errorf("%q became %q", plain, have)
		}
	}
	seen := map[string]bool{}
	for _, odd := range []string{"/", "//", "/a", "a/", "a//b", ".", "..", "../../etc/passwd", "a/./b", "a/..", `a\b`, "a\nb", "\x7f", "\u0085", strings.Repeat("€", 86)} {
		name := object(odd)
		if len(name) != 64 || strings.Trim(name, "0123456789abcdef") != "" || seen[name] {
			t.Errorf("%q became %q", odd, name)
		}
		seen[name] = true
	}
}
