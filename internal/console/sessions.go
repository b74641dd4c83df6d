package console

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"sync"
	"time"
)

const (
	sessionIdle  = 12 * time.Hour      // after the last request
	sessionLife  = 30 * 24 * time.Hour // however often it is used
	mostSessions = 1000                // beyond it the one that was used longest ago ends
)

// sessions are those of who has logged in with a browser. They are found by the hash of their secret, so that neither memory nor
// the time of a look-up gives one away.
type sessions struct {
	now func() time.Time

	mu  sync.Mutex
	all map[[32]byte]*session
}

// session is one browser.
type session struct {
	id    [32]byte // hash of the secret in the cookie
	user  string
	csrf  string
	begun time.Time
	used  time.Time
	ctx   context.Context // ends with it
	end   context.CancelFunc
}

func newSessions(now func() time.Time) *sessions {
	return &sessions{now: now, all: map[[32]byte]*session{}}
}

// secret is one of 256 random bits.
func secret() string {
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// open begins a session and returns the secret of its cookie.
func (s *sessions) open(user string) string {
	token := secret()
	n := &session{id: sha256.Sum256([]byte(token)), user: user, csrf: secret(), begun: s.now(), used: s.now()}
	n.ctx, n.end = context.WithCancel(context.Background())
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sweep()
	s.all[n.id] = n
	return token
}

// sweep ends what is too old, and the oldest of too many.
func (s *sessions) sweep() {
	var oldest *session
	for _, one := range s.all {
		if s.over(one) {
			s.drop(one)
		} else if oldest == nil || one.used.Before(oldest.used) {
			oldest = one
		}
	}
	if len(s.all) >= mostSessions {
		s.drop(oldest)
	}
}

func (s *sessions) over(one *session) bool {
	now := s.now()
	return now.Sub(one.used) >= sessionIdle || now.Sub(one.begun) >= sessionLife
}

func (s *sessions) drop(one *session) {
	one.end()
	delete(s.all, one.id)
}

// find is the session of a cookie, nil if there is none (any more). It counts as used.
func (s *sessions) find(token string) *session {
	if token == "" {
		return nil
	}
	id := sha256.Sum256([]byte(token))
	s.mu.Lock()
	defer s.mu.Unlock()
	one := s.all[id]
	if one == nil {
		return nil
	}
	if s.over(one) {
		s.drop(one)
		return nil
	}
	one.used = s.now()
	return one
}

// close ends the session of a cookie, if there is one.
func (s *sessions) close(token string) {
	id := sha256.Sum256([]byte(token))
	s.mu.Lock()
	defer s.mu.Unlock()
	if one := s.all[id]; one != nil {
		s.drop(one)
	}
}

// closeAll ends all sessions.
func (s *sessions) closeAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, one := range s.all {
		s.drop(one)
	}
}

// alive says that a session has not ended; being asked is no use of it.
func (s *sessions) alive(one *session) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.all[one.id] == one && !s.over(one)
}

// same compares secrets in a time that says nothing about them.
func same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }
