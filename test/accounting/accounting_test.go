// Package accounting is the judge of what Posthoorn promises under faults: nothing is lost, every recipient ends in exactly one
// final state, and mail is sent twice only in the windows that are named.
//
// It runs the built program against a real broker, or with its embedded queue, while the program is killed, the broker is
// restarted or killed, and their connection is cut, at random moments. Three independent records are kept: what the source
// published and what was confirmed, what an SMTP sink received and answered (on disk before each reply), and what the result
// queues say. When everything is drained a checker compares them; it is shown to find each kind of fault by itself.
//
// POSTHOORN_SEED repeats a run's choices, POSTHOORN_KEEP=1 keeps its files. The long runs carry the build tag soak.
package accounting

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"posthoorn/internal/testbed"
)

var rabbit testbed.SharedRabbitMQ

func TestMain(m *testing.M) {
	code := m.Run()
	rabbit.Close()
	if dir := binaryDir; dir != "" {
		_ = os.RemoveAll(dir)
	}
	os.Exit(code)
}

var binaryDir string

// binary is the program, built once.
var binary = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "posthoorn-accounting-")
	if err != nil {
		return "", err
	}
	binaryDir = dir
	path := filepath.Join(dir, "posthoorn")
	out, err := exec.Command("go", "build", "-o", path, "posthoorn/cmd/posthoorn").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return path, nil
})

// newDice prints its seed.
func newDice(t *testing.T) *rand.Rand {
	seed := uint64(time.Now().UnixNano())
	if s := os.Getenv("POSTHOORN_SEED"); s != "" {
		n, err := strconv.ParseUint(s, 10, 64)
		if err != nil {
			t.Fatalf("POSTHOORN_SEED: %v", err)
		}
		seed = n
	}
	t.Logf("POSTHOORN_SEED=%d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}

// workplace is a directory for the records of a run, kept when the run fails.
func workplace(t *testing.T) string {
	dir, err := os.MkdirTemp("", "posthoorn-run-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() || os.Getenv("POSTHOORN_KEEP") != "" {
			t.Logf("records kept in %s", dir)
			return
		}
		_ = os.RemoveAll(dir)
	})
	return dir
}
