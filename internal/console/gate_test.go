package console

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// closed are all routes that need a login, with something for what is variable in their paths.
func (r *rig) closed() (list []route) {
	for _, one := range r.routes() {
		if one.who == anybody {
			continue
		}
		for _, name := range []string{"{destination}", "{table}", "{id}", "{kind}"} {
			one.path = strings.ReplaceAll(one.path, name, "1")
		}
		list = append(list, one)
	}
	return list
}

// TestEveryRouteNeedsALogin goes through the table of routes (T24).
func TestEveryRouteNeedsALogin(t *testing.T) {
	r := start(t, nil)
	now := time.Now()
	r.sessions.now = func() time.Time { return now }
	expired := r.loggedIn("ann")
	now = now.Add(sessionIdle)
	over := r.loggedIn("ann")
	over.do("POST", api+"/logout", nil)
	ann, bob := r.loggedIn("ann"), r.loggedIn("bob")
	stolen := r.browser() // the session of one with the token of another
	stolen.cookie, stolen.csrf = ann.cookie, bob.csrf

	routes := r.closed()
	if len(routes) < 5 {
		t.Fatalf("only %d routes", len(routes))
	}
	for _, one := range routes {
		for name, b := range map[string]*browser{"nobody": r.browser(), "an expired session": expired, "a session that is over": over} {
			b.do(one.method, one.path, nil).wants(t, http.StatusUnauthorized, "%s: %s %s", name, one.method, one.path)
		}
		r.browser().do(one.method, one.path, nil, "Authorization", "Basic YTpi").wants(t, http.StatusUnauthorized, "wrong password: %s %s", one.method, one.path)
		if changes(one.method) {
			stolen.do(one.method, one.path, nil).wants(t, http.StatusForbidden, "the token of another session: %s %s", one.method, one.path)
			ann.do(one.method, one.path, nil, "X-CSRF-Token", "").wants(t, http.StatusForbidden, "no token: %s %s", one.method, one.path)
		}
	}
	r.browser().do("GET", api+"/no/such/call", nil).wants(t, http.StatusUnauthorized, "a path that leads nowhere")
}

func TestWrongToken(t *testing.T) {
	r := start(t, nil)
	b := r.browser()
	b.do("GET", api+"/backlog", nil, "Authorization", "Bearer "+goodToken).wants(t, http.StatusOK, "a token")
	b.do("POST", api+"/destinations/x.test/retry", nil, "Authorization", "bearer "+goodToken).wants(t, http.StatusOK, "a change with a token")
	b.do("GET", api+"/backlog", nil, "Authorization", "Bearer wrong").wants(t, http.StatusUnauthorized, "a wrong token")
	r.loggedIn("ann").do("GET", api+"/backlog", nil, "Authorization", "Bearer wrong").wants(t, http.StatusUnauthorized, "a wrong token beside a session")
}

// TestForeignPages sends what a browser sends for a page of somebody else (T23).
func TestForeignPages(t *testing.T) {
	for name, change := range map[string]func(*Options, *Parts){
		"with a login": nil, "without": func(o *Options, _ *Parts) { o.Login = nil },
	} {
		t.Run(name, func(t *testing.T) {
			r := start(t, change)
			b := r.browser()
			if r.o.Login != nil {
				b = r.loggedIn("ann")
			} else {
				var session sessionAnswer
				b.get(api+"/session", &session)
				b.csrf = session.CSRF
			}
			const path = api + "/destinations/x.test/retry"
			host := strings.TrimPrefix(r.url, "http://")
			for _, c := range []struct {
				origin, site string
				want         int
			}{
				{"", "", http.StatusOK}, // no browser
				{r.url, "same-origin", http.StatusOK},
				{r.url, "", http.StatusOK},
				{"http://evil.test", "", http.StatusForbidden},
				{"http://evil.test", "cross-site", http.StatusForbidden},
				{"http://" + host + ".evil.test", "", http.StatusForbidden},
				{"http://127.0.0.1:1", "", http.StatusForbidden},
				{"null", "", http.StatusForbidden},
				{"", "cross-site", http.StatusForbidden},
				{"", "same-site", http.StatusForbidden},
				{"", "none", http.StatusForbidden},
			} {
				b.do("POST", path, nil, "Origin", c.origin, "Sec-Fetch-Site", c.site).wants(t, c.want, "origin %q, site %q", c.origin, c.site)
			}
			b.do("POST", path, map[string]string{}, "Content-Type", "text/plain").wants(t, http.StatusUnsupportedMediaType, "a form")
		})
	}
}

// TestProxy accepts the origin that www-url names.
func TestProxy(t *testing.T) {
	r := start(t, func(o *Options, _ *Parts) { o.URL = "https://mail.example:8443/console" })
	b := r.loggedIn("ann")
	const path = api + "/destinations/x.test/retry"
	b.do("POST", path, nil, "Origin", "https://mail.example:8443").wants(t, http.StatusOK, "the proxy")
	b.do("POST", path, nil, "Origin", "http://mail.example:8443").wants(t, http.StatusForbidden, "the proxy in clear")
	b.do("POST", path, nil, "Origin", "https://mail.example").wants(t, http.StatusForbidden, "another port of it")
}

// TestRebinding: a page whose own name points to this machine learns and does nothing where no login is asked for.
func TestRebinding(t *testing.T) {
	r := start(t, func(o *Options, _ *Parts) { o.Login, o.Names = nil, []string{"MTA.test"} })
	for host, want := range map[string]int{
		"evil.test": 403, "evil.test:8485": 403, "localhost.evil.test": 403, "127.0.0.1.evil.test": 403, "[::1].evil.test": 403,
		"127.0.0.1": 200, "[::1]:8485": 200, "localhost": 200, "mta.test:8485": 200, "mta.test.": 200,
	} {
		for _, path := range []string{"/session", "/backlog"} {
			r.browser().do("GET", api+path, nil, "Host", host).wants(t, want, "%s as %s", path, host)
		}
	}
	open := start(t, nil)
	open.loggedIn("ann").do("GET", api+"/backlog", nil, "Host", "any.test").wants(t, http.StatusOK, "with a login")
}

func TestNoLoginIsForThisMachine(t *testing.T) {
	for address, good := range map[string]bool{"127.0.0.1:0": true, "[::1]:0": true, "0.0.0.0:0": false, "192.0.2.1:0": false, ":0": false} {
		if _, err := New(Options{Address: address}); (err == nil) != good {
			t.Errorf("%s: %v", address, err)
		}
	}
}

func TestHeaders(t *testing.T) {
	r := start(t, nil)
	for _, path := range []string{"/", "/nothing.js", api + "/session", api + "/nothing", "/healthz", "/metrics"} {
		got := r.browser().do("GET", path, nil)
		for name, want := range map[string]string{
			"Content-Security-Policy": policy, "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer",
			"Cross-Origin-Opener-Policy": "same-origin", "Strict-Transport-Security": "",
		} {
			if got.header.Get(name) != want {
				t.Errorf("%s: %s: %q", path, name, got.header.Get(name))
			}
		}
	}
}

func TestHSTS(t *testing.T) {
	for _, c := range []struct {
		plain, secure string
		want          bool
	}{
		{"", "0.0.0.0:443", true}, {"0.0.0.0:80", "0.0.0.0:443", true}, {"[::]:80", "[::]:443", true},
		{"0.0.0.0:8485", "0.0.0.0:443", false}, {"", "0.0.0.0:8486", false}, {"0.0.0.0:80", "0.0.0.0:8443", false},
	} {
		if got := (&Server{o: Options{Address: c.plain, SecureAddress: c.secure}}).alwaysTLS(); got != c.want {
			t.Errorf("%s and %s: %v", c.plain, c.secure, got)
		}
	}
}

func TestMethods(t *testing.T) {
	b := start(t, nil).loggedIn("ann")
	b.do("GET", api+"/nothing", nil).wants(t, http.StatusNotFound, "an unknown path")
	b.do("POST", api+"/backlog", nil).wants(t, http.StatusMethodNotAllowed, "a method that is not there")
	b.do("POST", "/", nil).wants(t, http.StatusMethodNotAllowed, "a change of a page")
	if got := b.do("DELETE", api+"/backlog", nil); got.header.Get("Allow") != "GET" {
		t.Errorf("Allow: %q", got.header.Get("Allow"))
	}
}

// TestPanic is of one request, and the answer says nothing of the program.
func TestPanic(t *testing.T) {
	r := start(t, func(_ *Options, p *Parts) { p.Destination = func(string) (string, error) { panic("secret words") } })
	b := r.loggedIn("ann")
	for range 3 {
		got := b.do("GET", api+"/destinations/x", nil)
		got.wants(t, http.StatusInternalServerError, "a panic")
		if strings.Contains(got.body, "secret") {
			t.Error(got.body)
		}
	}
	b.do("GET", api+"/backlog", nil).wants(t, http.StatusOK, "the next request")
}

func TestOriginOfTLS(t *testing.T) {
	q := httptest.NewRequest("POST", "https://mta.test/", nil)
	q.Header.Set("Origin", "http://mta.test")
	if err := (&Server{}).ownPage(q); err == nil {
		t.Error("a page in clear passes for one over TLS")
	}
}
