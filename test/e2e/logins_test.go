package e2e

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"posthoorn/internal/app/config"
	"posthoorn/internal/testbed"
)

// Hashes of "open sesame", by "openssl passwd -6" and by libxcrypt.
const (
	sha512Sesame   = "$6$posthoorn$FtyuVrlC937V17mpqL0v2EYcFh2JBd0yeBrzwk3WC3yk8TCnU3XBSwA1Gx6YS/YInKuYp4C5ZQwfBD2MA96380"
	yescryptSesame = "$y$j75$F5Jx5fExrKuPp53xLKQ..1$b9ipOqv8PnW5AVU85r73I0FOIAcGICbbCril3UpGHU0"
)

// swaksLogin has swaks log in and hand in a message; says is what it must be told, empty when the mail must be taken.
func (r *rig) swaksLogin(says, mechanism, user, password string, more ...string) {
	r.t.Helper()
	args := append([]string{"--server", "127.0.0.1", "--port", portOf(r.t, r.door), "-tls", "--from", "me@sender.test", "--to", "you@swaks.test",
		"--auth", mechanism, "--auth-user", user, "--auth-password", password}, more...)
	said, err := exec.Command(testbed.Tool(r.t, "swaks"), args...).CombinedOutput()
	if (err == nil) != (says == "") || !strings.Contains(string(said), says) {
		r.t.Errorf("%s %s: %v, and no %q in\n%s", mechanism, user, err, says, said)
		return
	}
	if says == "" {
		if o := r.succeed(1)[0]; o.origin(r.t).User != user {
			r.t.Errorf("%s: %s", mechanism, o.raw)
		}
	}
}

// Each way to check logins takes the right ones by all mechanisms it can have, and no other.
func TestAuthStrings(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"hardcoded", "file", "http", "exec"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			door := newTLSDoor(t, map[string]string{"smtp-auth": authString(t, kind)})
			onEmbedded(t, setup{keys: door.keys}, func(t *testing.T, r *rig) {
				r.open()
				for _, mechanism := range []string{"PLAIN", "LOGIN"} {
					r.swaksLogin("", mechanism, "shop", "open sesame")
				}
				challenge := ""
				if kind != "hardcoded" {
					challenge = "requested type not available" // nobody knows the password in clear
				}
				r.swaksLogin(challenge, "CRAM-MD5", "shop", "open sesame")
				r.swaksLogin("535 5.7.8", "PLAIN", "nobody", "open sesame")
				r.swaksLogin("535 5.7.8", "LOGIN", "shop", "guess")
				r.empty("outbox", "results")
				log := r.read("errors.log")
				if strings.Contains(log, "sesame") || strings.Contains(log, "guess") || strings.Contains(log, "$6$") {
					t.Errorf("a secret is in the log:\n%s", log)
				}
				if bad := strings.Contains(log, "a line of the file with the logins is not used"); bad != (kind == "file") {
					t.Errorf("the broken line:\n%s", log)
				}
			})
		})
	}
}

func authString(t *testing.T, kind string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "logins")
	switch kind {
	case "hardcoded":
		return "hardcoded://other:x,shop:open sesame"
	case "file":
		putLogins(t, path, "# logins\nother:"+yescryptSesame+"\nbroken line\nshop:"+sha512Sesame+"\n", 0o600)
		return "file://" + path
	case "exec":
		putLogins(t, path, "#!/bin/sh\nread -r user\nread -r password\n"+`[ "$user:$password" = "shop:open sesame" ]`+"\n", 0o700)
		return "exec://" + path
	}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if user, password, _ := r.BasicAuth(); user != "shop" || password != "open sesame" {
			w.WriteHeader(http.StatusUnauthorized)
		}
	}))
	t.Cleanup(s.Close)
	return s.URL + "/logins"
}

func putLogins(t *testing.T, path, text string, mode os.FileMode) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
}

// A user is added and another removed while the daemon runs.
func TestLoginsChange(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "logins")
	putLogins(t, path, "old:"+sha512Sesame+"\n", 0o600)
	door := newTLSDoor(t, map[string]string{"smtp-auth": "file://" + path})
	onEmbedded(t, setup{keys: door.keys}, func(t *testing.T, r *rig) {
		r.open()
		r.swaksLogin("", "PLAIN", "old", "open sesame")
		putLogins(t, path, "new:"+yescryptSesame+"\n", 0o600)
		r.swaksLogin("", "PLAIN", "new", "open sesame")
		r.swaksLogin("535 5.7.8", "PLAIN", "old", "open sesame")
	})
}

// When nobody can say whether a login is right, clients are told to come again, and the right ones get in when it can be said.
func TestLoginsCannotBeChecked(t *testing.T) {
	t.Parallel()
	var down atomic.Bool
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if down.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	t.Cleanup(s.Close)
	door := newTLSDoor(t, map[string]string{"smtp-auth": s.URL})
	onEmbedded(t, setup{keys: door.keys}, func(t *testing.T, r *rig) {
		r.open()
		down.Store(true)
		r.swaksLogin("454 4.7.0", "PLAIN", "shop", "open sesame")
		r.swaksLogin("454 4.7.0", "LOGIN", "shop", "open sesame")
		down.Store(false)
		r.swaksLogin("", "PLAIN", "shop", "open sesame")
		if log := r.errorLog(1, "logins cannot be checked"); strings.Count(log, "logins cannot be checked") != 1 || !strings.Contains(log, "503") {
			t.Errorf("not told once:\n%s", log)
		}
	})
}

// Who guesses is closed out, and nobody else.
func TestGuessing(t *testing.T) {
	t.Parallel()
	door := newTLSDoor(t, withLogin)
	onEmbedded(t, setup{keys: door.keys}, func(t *testing.T, r *rig) {
		r.open()
		from := []string{"--local-interface", "127.0.0.2"}
		var running sync.WaitGroup
		for i := range 6 { // all at once, since each is answered late
			running.Go(func() { r.swaksLogin("535 5.7.8", "PLAIN", "shop", fmt.Sprint("guess", i), from...) })
		}
		running.Wait()
		r.swaksLogin("454 4.7.0", "PLAIN", "shop", "open sesame", from...)
		r.swaksLogin("", "PLAIN", "shop", "open sesame")
		log := r.errorLog(1, "too many failed logins")
		if strings.Count(log, "too many failed logins") != 1 || strings.Count(log, "login failed") != 1 {
			t.Errorf("not told once:\n%s", log)
		}
	})
}

// What is not supported is told at the start.
func TestAuthStringsThatAreRefused(t *testing.T) {
	t.Parallel()
	r := newRig(t, setup{})
	r.queues = &embedded{r}
	for auth, want := range map[string]string{
		"radius://id:geheim@host:1812": "not supported", "users://shop": "not supported",
		"file:///nowhere/logins": "/nowhere/logins", "exec:///nowhere/program": "/nowhere/program",
	} {
		r.configure(map[string]string{"smtp-auth": auth, "smtp-certificate": "/c"})
		code, _, complaints := r.try("")
		if code != config.ExitConfig || !strings.Contains(complaints, "smtp-auth") || !strings.Contains(complaints, want) || strings.Contains(complaints, "geheim") {
			t.Errorf("%s: exit %d: %s", auth, code, complaints)
		}
	}
}
