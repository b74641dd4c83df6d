package control

import (
	"os/user"
	"strconv"
	"sync"
)

// maxNames bounds the memory for names that were looked up.
const maxNames = 1000

// names turns user ids into names. The zero value is ready.
type names struct {
	mu    sync.Mutex
	known map[int]string
}

// of is the name of a user; of one without a name the number.
func (n *names) of(uid int) string {
	n.mu.Lock()
	defer n.mu.Unlock()
	if name, ok := n.known[uid]; ok {
		return name
	}
	name := strconv.Itoa(uid)
	if u, err := user.LookupId(name); err == nil {
		name = u.Username
	}
	if n.known == nil || len(n.known) >= maxNames {
		n.known = map[int]string{}
	}
	n.known[uid] = name
	return name
}
