package settle

import (
	"sync"
	"time"
)

// unreachable remembers since when queues that messages name for themselves cannot be reached.
type unreachable struct {
	mu     sync.Mutex
	queues map[string]failing
}

// failing is the time of the first and of the last failure in a row.
type failing struct{ first, last time.Time }

// maxUnreachable bounds the memory: senders choose the names. What is forgotten costs its next message the whole patience.
const maxUnreachable = 1024

// fails notes a failure and says since when there was no success. After a silence twice as long as the patience it begins anew.
func (u *unreachable) fails(queue string, now time.Time, patience time.Duration) time.Time {
	u.mu.Lock()
	defer u.mu.Unlock()
	f, known := u.queues[queue]
	if !known || now.Sub(f.last) > 2*patience {
		f.first = now
	}
	f.last = now
	if u.queues == nil || !known && len(u.queues) >= maxUnreachable {
		u.queues = make(map[string]failing)
	}
	u.queues[queue] = f
	return f.first
}

// works notes a success.
func (u *unreachable) works(queue string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	delete(u.queues, queue)
}
