package dir

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"posthoorn/internal/store/storetest"
)

func TestContract(t *testing.T) {
	for name, options := range map[string]string{"flat": "?depth=0", "usual": ""} {
		t.Run(name, func(t *testing.T) {
			storetest.Run(t, func(t *testing.T) storetest.Place {
				path := filepath.Join(t.TempDir(), "new", "odd #%?")
				return storetest.Place{
					Address: "dir://" + strings.NewReplacer("%", "%25", "?", "%3F").Replace(path) + options, Open: Open, Large: 6 << 20,
					Count: func(t *testing.T) int { return len(files(t, path)) },
				}
			})
		})
	}
}

// files are those below a folder, by their paths from there.
func files(t *testing.T, path string) (names []string) {
	t.Helper()
	err := filepath.WalkDir(path, func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			name, err = filepath.Rel(path, name)
			names = append(names, name)
		}
		return err
	})
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return names
}
