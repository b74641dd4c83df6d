package outbox

import (
	"crypto/sha256"
	"encoding/hex"
	"sync"
)

// login is what a smarthost wants to know.
type login struct{ username, password string }

// logins keeps passwords apart from their names: a class of connections carries the name of a login, never the secret.
type logins struct {
	mu    sync.Mutex
	known map[string]login
}

// maxLogins bounds what is remembered; messages bring logins of their own.
const maxLogins = 10_000

// name is the same for the same user and password, and empty when there is no user.
func (l *logins) name(username, password string) string {
	if username == "" {
		return ""
	}
	sum := sha256.Sum256([]byte(username + "\x00" + password))
	name := username + "#" + hex.EncodeToString(sum[:8])
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, ok := l.known[name]; !ok {
		if l.known == nil || len(l.known) >= maxLogins {
			l.known = map[string]login{}
		}
		l.known[name] = login{username, password}
	}
	return name
}

func (l *logins) get(name string) (login, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	known, ok := l.known[name]
	return known, ok
}
