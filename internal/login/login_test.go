package login

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var quiet = slog.New(slog.DiscardHandler)

func fixed(pairs ...string) *Fixed {
	f := &Fixed{}
	for i := 0; i < len(pairs); i += 2 {
		f.Add(pairs[i], pairs[i+1])
	}
	return f
}

// ask fails the test when a checker does not come to a result.
func ask(t *testing.T, c Checker, user, password string) bool {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	ok, err := c.Check(ctx, user, password)
	if err != nil {
		t.Fatalf("%q: %v", user, err)
	}
	return ok
}

// wrongForAll are logins that no checker may take, nor take to the one it asks, whatever that says.
var wrongForAll = [][2]string{{"", ""}, {"shop", ""}, {"", "secret"}, {"shop", strings.Repeat("x", 1025)}, {strings.Repeat("x", 1025), "secret"}}

func TestFixed(t *testing.T) {
	f := fixed("shop", "secret", "other", "geheim", "twice", "1", "twice", "2", "empty", "")
	for _, c := range []struct {
		user, password string
		ok             bool
	}{
		{"shop", "secret", true}, {"other", "geheim", true}, {"twice", "1", true}, {"twice", "2", true},
		{"shop", "geheim", false}, {"shop", "secret ", false}, {"Shop", "secret", false}, {"nobody", "secret", false},
		{"shop\x00", "secret", false}, {"empty", "", false},
	} {
		if ok := ask(t, f, c.user, c.password); ok != c.ok {
			t.Errorf("%q %q: %v", c.user, c.password, ok)
		}
	}
	for _, c := range wrongForAll {
		if ask(t, f, c[0], c[1]) {
			t.Errorf("%q is right", c)
		}
	}
	if ask(t, &Fixed{}, "", "") || ask(t, &Fixed{}, "a", "b") {
		t.Error("an empty list takes somebody")
	}
}

func TestSecret(t *testing.T) {
	f := fixed("shop", "secret", "twice", "1", "twice", "2")
	for user, want := range map[string]string{"shop": "secret", "twice": "2", "nobody": ""} {
		if got, ok := f.Secret(user); got != want || ok != (want != "") {
			t.Errorf("%s: %q %v", user, got, ok)
		}
	}
}
