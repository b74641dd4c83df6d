package login

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
)

func web(t *testing.T, handler http.HandlerFunc) (w *Web, asked *atomic.Int64) {
	t.Helper()
	asked = new(atomic.Int64)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		handler(w, r)
	}))
	t.Cleanup(s.Close)
	w, err := NewWeb(s.URL + "/path?door=1")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Close)
	return w, asked
}

func TestWeb(t *testing.T) {
	w, _ := web(t, func(w http.ResponseWriter, r *http.Request) {
		user, password, ok := r.BasicAuth()
		if !ok || r.URL.Path != "/path" || r.URL.RawQuery != "door=1" || r.Method != http.MethodGet {
			t.Error(r.Method, r.URL)
		}
		if user != "shop" || password != "s:é cret" {
			w.WriteHeader(http.StatusUnauthorized)
		}
	})
	if !ask(t, w, "shop", "s:é cret") || ask(t, w, "shop", "secret") || ask(t, w, "nobody", "s:é cret") {
		t.Error("not the answers of the server")
	}
}

func TestAnswersOfTheWeb(t *testing.T) {
	for code, want := range map[int]string{200: "yes", 204: "yes", 299: "yes", 401: "no", 403: "no", 301: "error", 302: "error", 307: "error",
		400: "error", 404: "error", 407: "error", 429: "error", 500: "error", 503: "error"} {
		w, asked := web(t, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Location", "/elsewhere")
			w.WriteHeader(code)
		})
		ok, err := w.Check(t.Context(), "shop", "secret")
		got := map[bool]string{true: "yes", false: "no"}[ok]
		if err != nil {
			got = "error"
			if ok || strings.Contains(err.Error(), "secret") {
				t.Error(code, ok, err)
			}
		}
		if got != want || asked.Load() != 1 {
			t.Errorf("%d: %s, asked %d times", code, got, asked.Load())
		}
	}
}

// TestTheWebIsNotAsked about what cannot be said in its protocol, or what nobody can log in with.
// A key in the address is as secret as a password: what goes wrong on the way does not repeat it.
func TestTheAddressIsInNoError(t *testing.T) {
	w, err := NewWeb("http://127.0.0.1:1/login?key=hush")
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if _, err := w.Check(t.Context(), "shop", "secret"); err == nil || strings.Contains(err.Error(), "hush") || !strings.Contains(err.Error(), "127.0.0.1:1") {
		t.Error(err)
	}
}

func TestTheWebIsNotAsked(t *testing.T) {
	w, asked := web(t, func(http.ResponseWriter, *http.Request) {})
	for _, c := range append(wrongForAll, [2]string{"sh:op", "secret"}, [2]string{"shop", "a\r\nX: y"}, [2]string{"sh\x00op", "secret"}) {
		if ask(t, w, c[0], c[1]) {
			t.Errorf("%q is right", c)
		}
	}
	if asked.Load() != 0 {
		t.Error("asked")
	}
}

// TestAnEndlessAnswer is not read to its end, and the yes in front counts.
func TestAnEndlessAnswer(t *testing.T) {
	w, _ := web(t, func(w http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			if _, err := w.Write(make([]byte, 64<<10)); err != nil {
				return
			}
		}
	})
	if !ask(t, w, "shop", "secret") {
		t.Error("no")
	}
	w, _ = web(t, func(w http.ResponseWriter, r *http.Request) { w.Header().Set("X", strings.Repeat("x", 1<<20)) })
	if ok, err := w.Check(t.Context(), "shop", "secret"); ok || err == nil {
		t.Error("an endless header", ok, err)
	}
}

func TestASilentWeb(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	w, _ := web(t, func(_ http.ResponseWriter, r *http.Request) {
		cancel()
		<-r.Context().Done()
	})
	if ok, err := w.Check(ctx, "shop", "secret"); ok || err == nil {
		t.Error(ok, err)
	}
}

// TestNoProxy: the one of the environment would get the passwords.
func TestNoProxy(t *testing.T) {
	t.Setenv("HTTP_PROXY", "http://192.0.2.1:1")
	w, err := NewWeb("http://auth.example/")
	if err != nil {
		t.Fatal(err)
	}
	if w.client.Transport.(*http.Transport).Proxy != nil {
		t.Error("a proxy")
	}
}

func TestWebAddress(t *testing.T) {
	for _, a := range []string{"http://me:geheim@host/", "http://%zz/"} {
		if _, err := NewWeb(a); err == nil || strings.Contains(err.Error(), "geheim") {
			t.Error(a, err)
		}
	}
}
