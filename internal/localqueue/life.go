package localqueue

import "sync"

// life keeps the database open while somebody reads it. It is no RWMutex, because who
// walks may take as well, and a nested read lock would hang on a Close that waits.
type life struct {
	mu     sync.Mutex
	idle   sync.Cond
	users  int
	closed bool
}

func (l *life) enter() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return false
	}
	l.users++
	return true
}

func (l *life) leave() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.users--; l.users == 0 {
		l.idle.Broadcast()
	}
}

// end lets nobody in and waits for those who are.
func (l *life) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	for l.users > 0 {
		l.idle.Wait()
	}
}
