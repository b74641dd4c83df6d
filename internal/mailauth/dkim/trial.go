package dkim

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"sync"
	"time"
)

// trial is what is found out about a key: whether it can be read, and whether its public half is in the DNS. Rows with the same key
// share it.
type trial struct {
	domain, selector, text string
	verify                 bool
	since                  time.Time
	answered               chan struct{} // closed with the first answer

	mu      sync.Mutex
	private *private
	good    bool
	done    bool      // no check can change anything any more
	checked time.Time // the last time that there was an answer
	said    string    // what the log has about it
}

// identity is what a trial depends on.
type identity [sha256.Size]byte

func (row *Row) identity() (id identity) {
	h := sha256.New()
	for _, s := range []string{row.Domain, row.Selector, row.Private} {
		_, _ = h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(s))))
		_, _ = h.Write([]byte(s))
	}
	if row.Verify {
		_, _ = h.Write([]byte{1})
	}
	h.Sum(id[:0])
	return id
}

// wait is the private half of a key that may sign, nil of another. It waits at most so long for the first answer.
func (t *trial) wait(ctx context.Context, most time.Duration) *private {
	select {
	case <-t.answered:
	default:
		t.waitLong(ctx, most)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.good {
		return nil
	}
	return t.private
}

func (t *trial) waitLong(ctx context.Context, most time.Duration) {
	if most <= 0 {
		return
	}
	timer := time.NewTimer(most)
	defer timer.Stop()
	select {
	case <-t.answered:
	case <-timer.C:
	case <-ctx.Done():
	}
}

// hasAnswer says that there was a check with an answer.
func (t *trial) hasAnswer() bool {
	select {
	case <-t.answered:
		return true
	default:
		return false
	}
}

// settle takes in an answer and says whether the log should have it: once per change. That a key is good is news only after it was
// said not to be.
func (t *trial) settle(good, final bool, said string, now time.Time) (news bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.good, t.done, t.checked = good, final, now
	news = said != t.said
	t.said = said
	if !t.hasAnswer() {
		close(t.answered)
	}
	return news
}

// remark says whether the log should have that there was no answer.
func (t *trial) remark(said string) (news bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	news = said != t.said
	t.said = said
	return news
}
