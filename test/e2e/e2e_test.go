// Package e2e holds whole-program tests: a daemon started from a configuration file, receivers that follow a script, a DNS
// server of its own, and the queues, the embedded ones and those of a real RabbitMQ. One file per behaviour. What goes in and
// comes out is what a user sees: files, commands, SMTP, queues and logs.
//
// All tests of the package share one RabbitMQ, with queues of their own names. Tests that disturb the broker itself do not run
// in parallel. Each daemon has its own state directory and ports.
package e2e

import (
	"flag"
	"fmt"
	"os"
	"testing"
	"time"

	"posthoorn/internal/testbed"

	"go.uber.org/goleak"
)

var rabbit testbed.SharedRabbitMQ

func TestMain(m *testing.M) {
	becomeDaemon()
	flag.Parse()
	if err := flag.Set("test.parallel", "6"); err != nil { // tests wait more than they work
		panic(err)
	}
	if err := os.Setenv("SWAKS_OPT_timeout", fmt.Sprint(patience.Seconds())); err != nil { // it would give up sooner
		panic(err)
	}
	code := m.Run()
	rabbit.Close()
	databases.Close()
	mortals.Close()
	if err := goleak.Find(); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// patience is how long a test waits for something that must come, on a machine that does much else.
const patience = 2 * time.Minute

// eventually waits until ready says yes.
func eventually(t *testing.T, what string, ready func() bool) {
	t.Helper()
	limit := time.NewTimer(patience)
	defer limit.Stop()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !ready() {
		select {
		case <-limit.C:
			t.Fatalf("still waiting after %v: %s", patience, what)
		case <-tick.C:
		}
	}
}
