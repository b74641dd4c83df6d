package inject

import (
	"strconv"
	"sync/atomic"
	"time"
)

// names makes ids: the server-id and a count, in base 36. The count starts at the microsecond of the start, so that a restart
// does not give an id again: a million messages a second would have to come in for it to be overtaken.
type names struct {
	last   *atomic.Uint64
	prefix string
}

// epoch is where the count of microseconds begins; with it ten digits last for a century.
var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

const idDigits = 10

func newNames(start time.Time, serverID int) names {
	n := names{last: new(atomic.Uint64), prefix: strconv.FormatUint(uint64(max(serverID, 0)), 36)}
	n.last.Store(uint64(max(start.Sub(epoch).Microseconds(), 0)))
	return n
}

func (n *names) next() string {
	var buf [32]byte
	const digits = "0123456789abcdefghijklmnopqrstuvwxyz"
	end := copy(buf[:], n.prefix) + idDigits
	count := n.last.Add(1)
	for i := end - 1; i >= end-idDigits; i-- {
		buf[i] = digits[count%36]
		count /= 36
	}
	return string(buf[:end])
}
