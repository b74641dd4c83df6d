package dir

import (
	"path/filepath"
	"strings"
	"testing"
)

// FuzzPlace looks for a key whose file lies elsewhere than in its folders, or that the sweep does not know again.
func FuzzPlace(f *testing.F) {
	for _, key := range []string{"a", "..", ".", "../../etc/passwd", "a/b", "~x", strings.Repeat("0", 64), "\u2028", "a\\b"} {
		f.Add(key)
	}
	d := &folder{depth: 4}
	f.Fuzz(func(t *testing.T, key string) {
		if key == "" {
			return
		}
		place := d.place(key)
		folders, file := filepath.Split(place)
		if len(folders) != 12 || strings.Trim(folders, "0123456789abcdef/") != "" || file == "" || strings.Trim(file, plain) != "" || !filepath.IsLocal(place) {
			t.Errorf("%q lies at %q", key, place)
		}
		if !d.ours(filepath.Clean(folders), file) || isTemporary(file) {
			t.Errorf("%q at %q is not known again", key, place)
		}
	})
}
