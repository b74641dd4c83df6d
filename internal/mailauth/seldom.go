package mailauth

import (
	"sync/atomic"
	"time"
)

// seldom says for what every mail would tell anew when it is time to tell it again: once a minute.
type seldom struct{ last atomic.Int64 } // Unix seconds

func (s *seldom) now() bool {
	now, last := time.Now().Unix(), s.last.Load()
	return now-last >= 60 && s.last.CompareAndSwap(last, now)
}
