package compose

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the results of the golden files anew")

// A golden file has sections under lines such as "-- output --". Lines of a message end with CRLF where it is used, but for
// those that end with the sign ␊ in the file: they end with LF.
type golden map[string]string

func readGolden(t testing.TB, path string) golden {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	g := golden{}
	section := "about"
	for line := range strings.Lines(string(raw)) {
		if name, ok := strings.CutPrefix(line, "-- "); ok && strings.HasSuffix(name, " --\n") {
			section = strings.TrimSuffix(name, " --\n")
			continue
		}
		g[section] += line
	}
	return g
}

func (g golden) message(section string) string {
	return strings.ReplaceAll(strings.ReplaceAll(g[section], "\n", "\r\n"), "␊\r\n", "\n")
}

func shown(message string) string {
	text := strings.ReplaceAll(strings.ReplaceAll(message, "\r\n", "\r"), "\n", "␊\r")
	return strings.ReplaceAll(text, "\r", "\n")
}

// goldens runs a family: do returns the message and the error of a case, which are its sections output and error.
func goldens(t *testing.T, family string, do func(t *testing.T, g golden) (output string, err error)) {
	files, _ := filepath.Glob(filepath.Join("testdata", family, "*.txt"))
	if len(files) == 0 {
		t.Fatal("no cases")
	}
	for _, path := range files {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txt"), func(t *testing.T) {
			g := readGolden(t, path)
			output, err := do(t, g)
			text := ""
			if err != nil {
				text = err.Error() + "\n"
			}
			if *update {
				g.write(t, path, shown(output), text)
				return
			}
			if want := g["output"]; shown(output) != want {
				t.Errorf("got\n%s\nwant\n%s", shown(output), want)
			}
			if want := g["error"]; text != want {
				t.Errorf("error %q, want %q", text, want)
			}
		})
	}
}

func (g golden) write(t *testing.T, path, output, err string) {
	text := g["about"]
	for _, name := range []string{"options", "data", "input"} {
		if s, ok := g[name]; ok {
			text += "-- " + name + " --\n" + s
		}
	}
	if err != "" {
		text += "-- error --\n" + err
	}
	if err := os.WriteFile(path, []byte(text+"-- output --\n"+output), 0o644); err != nil {
		t.Fatal(err)
	}
}
