package console

import (
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"posthoorn/internal/login"
)

func TestRotation(t *testing.T) {
	r := start(t, nil)
	b := r.loggedIn("ann")
	old := b.cookie
	if !old.HttpOnly || old.SameSite != http.SameSiteStrictMode || old.Secure || old.Path != "/" {
		t.Errorf("cookie: %v", old)
	}
	b.do("POST", api+"/login", map[string]string{"user": "ann", "password": goodPassword}).wants(t, 204, "again")
	if b.cookie.Value == old.Value {
		t.Error("the session was not renewed")
	}
	b.cookie = old
	b.do("GET", api+"/backlog", nil).wants(t, 401, "the old session")
	b.do("POST", api+"/login", map[string]string{"user": "ann", "password": "wrong"}).wants(t, 401, "a wrong password")
}

// TestSessionIsOfOnePort: two consoles on one host do not take each other's cookies.
func TestSessionIsOfOnePort(t *testing.T) {
	a, b := start(t, nil).loggedIn("ann"), start(t, nil).loggedIn("ann")
	if a.cookie.Name == b.cookie.Name {
		t.Errorf("both are called %s", a.cookie.Name)
	}
}

func TestSessionsAreBounded(t *testing.T) {
	now := time.Now()
	s := newSessions(func() time.Time { return now })
	first := s.open("ann")
	for range 2 * mostSessions {
		now = now.Add(time.Second)
		s.open("ann")
	}
	if n := len(s.all); n > mostSessions {
		t.Errorf("%d sessions", n)
	}
	if s.find(first) != nil {
		t.Error("the oldest is still there")
	}
	now = now.Add(sessionIdle)
	last := s.open("ann")
	if n := len(s.all); n != 1 {
		t.Errorf("%d sessions, the others are too old", n)
	}
	one := s.find(last)
	s.close(last)
	if s.find(last) != nil || one.ctx.Err() == nil {
		t.Error("a closed session goes on")
	}
	if s.find("") != nil {
		t.Error("nobody has a session")
	}
}

// TestManyWrongLogins: a thousand of them at a time, and the right one has its answer meanwhile (T24).
func TestManyWrongLogins(t *testing.T) {
	t.Parallel() // wrong ones are answered late
	fixed := &login.Fixed{}
	fixed.Add("ann", goodPassword)
	r := start(t, func(o *Options, _ *Parts) { o.Login = login.NewGuard(fixed, login.Options{Door: "www"}) })
	status := map[int]int{}
	got := make(chan answered)
	const many, atATime = 1000, 20
	work := make(chan int)
	for range atATime {
		b := r.browser()
		go func() {
			for i := range work {
				got <- b.do("POST", api+"/login", map[string]string{"user": "ann", "password": strings.Repeat("x", i%50+1)})
			}
		}()
	}
	go func() {
		defer close(work)
		for i := range many {
			work <- i
		}
	}()
	for range many {
		a := <-got
		if status[a.status]++; a.status == http.StatusTooManyRequests && a.header.Get("Retry-After") == "" {
			t.Error("429 without Retry-After")
		}
	}
	if status[204] > 0 || status[429] == 0 || status[401] > 30 {
		t.Errorf("answers by status: %v", status)
	}
	if len(r.sessions.all) != 0 {
		t.Error("there is a session")
	}
}

// TestKnownBrowser: somebody who guesses by way of the same proxy keeps nobody out who has been here before, and a card opens nothing.
func TestKnownBrowser(t *testing.T) {
	t.Parallel() // wrong logins are answered late
	fixed := &login.Fixed{}
	fixed.Add("ann", goodPassword)
	fixed.Add("bob", goodPassword)
	r := start(t, func(o *Options, _ *Parts) {
		o.Login, o.URL = login.NewGuard(fixed, login.Options{Door: "www"}), "https://mail.example"
	})
	try := func(b *browser, user, password string) int {
		return b.do("POST", api+"/login", map[string]string{"user": user, "password": password}).status
	}
	ann := r.browser()
	if try(ann, "ann", goodPassword) != 204 || ann.card == nil || !ann.card.HttpOnly || ann.card.SameSite != http.SameSiteStrictMode {
		t.Fatalf("card %v", ann.card)
	}
	ann.cookie = nil
	ann.do("GET", api+"/backlog", nil).wants(t, 401, "a card alone")
	var all sync.WaitGroup
	var guesses atomic.Int32 // that were answered, one every two seconds
	for i := range 8 {
		all.Go(func() {
			try(r.browser(), "ann", strings.Repeat("x", i+1))
			guesses.Add(1)
		})
	}
	time.Sleep(3 * time.Second)
	before := guesses.Load()
	if status := try(ann, "ann", goodPassword); status != 204 || guesses.Load()-before > 4 {
		t.Errorf("who is known: %d, after %d guesses more", status, guesses.Load()-before)
	}
	all.Wait()
}

func TestCards(t *testing.T) {
	c, other := newCards(), newCards()
	card := c.issue("ann")
	if c.of(card, "ann") == "" || c.of(card, "ann") == c.of(c.issue("ann"), "ann") {
		t.Error("a card of ann")
	}
	for _, bad := range []string{"", ".", "..", card[:len(card)-1], card + "x", strings.ToLower(card), other.issue("ann")} {
		if c.genuine(bad) || c.of(bad, "ann") != "" {
			t.Errorf("%q passes", bad)
		}
	}
	if c.of(card, "bob") != "" {
		t.Error("the card of another user")
	}
}

// A session ends however often it is used.
func TestSessionsDoNotLastForEver(t *testing.T) {
	now := time.Now()
	s := newSessions(func() time.Time { return now })
	token := s.open("ann")
	for end := now.Add(sessionLife); now.Before(end); now = now.Add(time.Hour) {
		if s.find(token) == nil {
			t.Fatal("it has ended early")
		}
	}
	if s.find(token) != nil {
		t.Error("it goes on")
	}
}

// The cookie of a page that came over TLS, if only from a proxy, is never sent in clear.
func TestCookieBehindAProxy(t *testing.T) {
	for origin, want := range map[string]bool{"https://mail.example": true, "": false} {
		r := start(t, func(o *Options, _ *Parts) { o.URL = "https://mail.example" })
		b := r.browser()
		b.do("POST", api+"/login", map[string]string{"user": "ann", "password": goodPassword}, "Origin", origin).wants(t, 204, "login from %q", origin)
		if b.cookie == nil || b.cookie.Secure != want {
			t.Errorf("origin %q: cookie %v", origin, b.cookie)
		}
	}
}
