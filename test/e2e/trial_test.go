package e2e

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"posthoorn/internal/app"
	"posthoorn/internal/app/config"
)

// What a stranger runs first: a trial sends a message through, shows its result and says how to go on, until it is told to end.
// What nobody has read since the last one is not in the way.
func TestTrial(t *testing.T) {
	text, err := os.ReadFile("../../internal/app/trial.txt")
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	dir, err := filepath.Abs("var")
	if err != nil {
		t.Fatal(err)
	}
	file := strings.NewReplacer("DIR", dir, "2525", freePort(t), "8025", freePort(t)).Replace(string(text))
	file += fmt.Sprintf("\nwww-port: %s\n", freePort(t))
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "config.txt"), []byte(file), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		ctx, end := context.WithCancel(t.Context())
		said := &watched{word: "The configuration is ", found: end}
		complaints := new(bytes.Buffer)
		program := app.Program{Args: []string{"trial"}, Name: "posthoorn", Version: "test", Stdout: said, Stderr: complaints}
		code := app.Run(ctx, program)
		end()
		for _, want := range []string{"The sample message went through.", `"result": "accepted"`, "Its console is at http", dir + "/config.txt you@example.org"} {
			if !strings.Contains(said.text.String(), want) {
				t.Errorf("no %q in %s", want, &said.text)
			}
		}
		if code != config.ExitOK {
			t.Errorf("exit %d: %s", code, complaints)
		}
	}
}

// watched keeps what is written, and calls found when a word is in it.
type watched struct {
	text  bytes.Buffer
	word  string
	found func()
}

func (w *watched) Write(p []byte) (int, error) {
	n, err := w.text.Write(p)
	if strings.Contains(w.text.String(), w.word) {
		w.found()
	}
	return n, err
}
