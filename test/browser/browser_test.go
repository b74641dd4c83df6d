// Package browser drives the console as an operator does: Chromium before a daemon that is really delivering, with receivers that
// refuse, put off, dawdle and answer with markup. The steps are the scripts of this folder, run by Node with what web/test and
// web/node_modules have. One daemon and one browser serve them all, one after the other.
//
// POSTHOORN_SHOTS=directory keeps a picture of every view, at three widths, light and dark, and needs go test -timeout 20m; without it
// there is one of each step that fails, below the test's own directory. POSTHOORN_STEPS=words runs the steps whose names contain one of
// them.
package browser

import (
	"bufio"
	"context"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestConsole does all that the console is for, and looks at every view.
func TestConsole(t *testing.T) {
	r := newRig(t, buildPage(t))
	ctx := t.Context()
	if end, ok := t.Deadline(); ok { // it takes about a minute, and longer on a busy machine
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, end.Add(-30*time.Second)) // time to tell how far it came
		defer cancel()
	}
	node := exec.CommandContext(ctx, "node", "drive.mjs")
	node.Env = append(os.Environ(), "CONSOLE_URL="+r.console, "CONSOLE_PASSWORD="+password, "BACKSTAGE="+r.backstage(), "STRANGER="+r.stranger(),
		"OWN="+ownIP, "OTHER="+r.other, "SHOTS="+shots(t))
	node.Stderr = os.Stderr
	out, err := node.StdoutPipe()
	if err == nil {
		err = node.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	report(t, bufio.NewScanner(out))
	if err := node.Wait(); err != nil && !t.Failed() {
		t.Errorf("drive.mjs: %v", err)
	}
}

// report makes a test of every step: "ok NAME" or "FAIL NAME", with what is wrong behind it, indented. Other lines are figures.
func report(t *testing.T, lines *bufio.Scanner) {
	steps := 0
	var name string
	var wrong []string
	end := func() {
		if name != "" {
			t.Run(name, func(t *testing.T) {
				for _, w := range wrong {
					t.Error(w)
				}
			})
		}
		name, wrong = "", nil
	}
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		word, rest, _ := strings.Cut(lines.Text(), " ")
		switch word {
		case "ok", "FAIL":
			end()
			name, steps = rest, steps+1
			if word == "FAIL" {
				wrong = []string{"failed"}
			}
		case "":
			wrong = append(wrong, strings.TrimSpace(rest))
		default:
			t.Log(lines.Text())
		}
	}
	end()
	if steps == 0 {
		t.Error("no step was made")
	}
}

func shots(t *testing.T) string {
	if dir := os.Getenv("POSTHOORN_SHOTS"); dir != "" {
		return dir
	}
	return t.TempDir()
}

const web = "../../web"

// buildPage makes the page where it is missing, and fetches the modules of the scripts. It returns the folder to serve the page
// from; empty: it is in this binary.
func buildPage(t *testing.T) (dir string) {
	t.Helper()
	for _, program := range []string{"node", "npm", "chromium"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Fatalf("%v; run as root: .ci/install", err)
		}
	}
	if _, err := os.Stat(page); err != nil {
		dir = assets
	}
	if _, err := os.Stat(web + "/node_modules/playwright-core"); err == nil && dir == "" {
		return ""
	}
	if out, err := exec.CommandContext(t.Context(), "make", "-C", "../..", "web").CombinedOutput(); err != nil {
		t.Fatalf("make web: %v\n%s", err, out)
	}
	return dir
}

const (
	assets     = "../../internal/console/assets"
	page       = assets + "/index.html"
	mostOfPage = 300_000
)

// All that a browser loads stays small, as it is sent: compressed.
func TestSizeOfPage(t *testing.T) {
	buildPage(t)
	var size int64
	err := filepath.WalkDir(assets, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		if _, err := os.Stat(path + ".gz"); err == nil {
			return nil // the other one is sent
		}
		info, err := e.Info()
		if err == nil {
			size += info.Size()
		}
		return err
	})
	if err != nil || size == 0 {
		t.Fatalf("no page (%v)", err)
	}
	t.Logf("%d bytes", size)
	if size > mostOfPage {
		t.Errorf("the page is %d bytes, compressed; more than %d", size, mostOfPage)
	}
}
