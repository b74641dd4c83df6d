package app

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// limits is how many connections there may be in all.
type limits struct {
	total    int        // smtp-connections: both directions together
	out      int        // smtp-connections-out; 0: none of its own
	incoming func() int // sessions that are open now
}

// sessions is how many incoming sessions there may be: three quarters, so that clients never shut delivery out.
func sessions(total int) int { return max(1, total-total/4) }

// TotalConnections is what incoming sessions leave free: a quarter at least, and nine tenths at most, so that the doors stay open.
func (l *limits) TotalConnections() int {
	free := max(1, l.total/4, min(l.total-l.incoming(), l.total-l.total/10))
	if l.out > 0 {
		return min(l.out, free)
	}
	return free
}

// spareFiles is what the process needs beside its connections: queue, logs, broker, spool.
const spareFiles = 200

// raiseFiles lifts the limit on open files as far as it goes, and refuses connection limits that it cannot carry.
func raiseFiles(connections int) error {
	var r unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &r); err != nil {
		return err
	}
	want := uint64(connections + spareFiles)
	if r.Cur < max(want, r.Max) {
		raised := unix.Rlimit{Cur: max(want, r.Max), Max: max(want, r.Max)}
		if unix.Setrlimit(unix.RLIMIT_NOFILE, &raised) != nil {
			raised = unix.Rlimit{Cur: r.Max, Max: r.Max}
			_ = unix.Setrlimit(unix.RLIMIT_NOFILE, &raised)
		}
		if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &r); err != nil {
			return err
		}
	}
	if r.Cur < want {
		return fmt.Errorf("smtp-connections: %d connections need %d open files, the limit of this process is %d: raise it (ulimit -n, LimitNOFILE=) or allow fewer connections", connections, want, r.Cur)
	}
	return nil
}
