package spool

import (
	"os/user"
	"strconv"
	"sync"
)

// maxOwners bounds the memory for names that were looked up.
const maxOwners = 1000

// owners turns user ids into names. The zero value is ready.
type owners struct {
	mu    sync.Mutex
	known map[uint32]string
}

// name is that of a user; of one without a name the number.
func (o *owners) name(uid uint32) string {
	o.mu.Lock()
	defer o.mu.Unlock()
	if name, ok := o.known[uid]; ok {
		return name
	}
	name := strconv.FormatUint(uint64(uid), 10)
	if u, err := user.LookupId(name); err == nil {
		name = u.Username
	}
	if o.known == nil || len(o.known) >= maxOwners {
		o.known = map[uint32]string{}
	}
	o.known[uid] = name
	return name
}
