package spool

import (
	"context"
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"

	"posthoorn/internal/inject"
)

// The test binary is also the daemon that the kill test kills.
func TestMain(m *testing.M) {
	if dir := os.Getenv("POSTHOORN_TEST_SPOOL"); dir != "" {
		runVictim(dir, os.Getenv("POSTHOORN_TEST_RECORD"))
	}
	goleak.VerifyTestMain(m)
}

// runVictim takes files until it is killed.
func runVictim(dir, record string) {
	out, err := os.OpenFile(record, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err == nil {
		var s *Spool
		if s, err = New(Options{Directory: dir, Door: recorder{out}, OpenFiles: 4}); err == nil {
			s.rhythm.still = 0
			s.Run(context.Background())
		}
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

// recorder writes down the name of a file and then says yes.
type recorder struct{ out *os.File }

func (r recorder) Accept(_ context.Context, s inject.Submission) ([]string, error) {
	_, err := fmt.Fprintln(r.out, s.Origin.(*inject.Spool).File)
	return nil, err
}
