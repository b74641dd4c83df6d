package console

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// raw sends bytes to a console, and reads all that comes back until the connection ends.
func (r *rig) raw(text string) string {
	r.t.Helper()
	c, err := net.Dial("tcp", strings.TrimPrefix(r.url, "http://"))
	if err != nil {
		r.t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(time.Minute))
	if _, err := io.WriteString(c, text); err != nil {
		r.t.Fatal(err)
	}
	got, err := io.ReadAll(bufio.NewReader(c))
	if err != nil {
		r.t.Errorf("the connection stays open: %v\n%s", err, got)
	}
	return string(got)
}

// TestSmuggling: a proxy that believes Content-Length where the body is chunked sends nothing of one client as the request of another.
func TestSmuggling(t *testing.T) {
	r := start(t, nil)
	const hidden = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
	for _, path := range []string{"/api/v1/login", "/nothing", "//double"} {
		got := r.raw(fmt.Sprintf("POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n%s", path, len(hidden)+5, hidden))
		if n := strings.Count(got, "HTTP/1.1 "); n != 1 {
			t.Errorf("%s: %d answers\n%s", path, n, got)
		}
	}
	for _, bad := range []string{
		"POST /api/v1/login HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello" + hidden,
		"POST /api/v1/login HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n" + hidden,
		"POST /api/v1/login HTTP/1.1\r\nHost: x\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n" + hidden,
		"GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n" + hidden,
	} {
		if got := r.raw(bad); strings.Count(got, "HTTP/1.1 ") != 1 || !strings.HasPrefix(got, "HTTP/1.1 4") && !strings.HasPrefix(got, "HTTP/1.1 501") {
			t.Errorf("%q\n%s", bad, got)
		}
	}
}

// TestNoLoginAndAProxy: where no login is asked for, who comes by way of a proxy is not from this machine, unless www-url names it.
func TestNoLoginAndAProxy(t *testing.T) {
	r := start(t, func(o *Options, _ *Parts) { o.Login = nil })
	named := start(t, func(o *Options, _ *Parts) { o.Login, o.URL = nil, "https://mail.example/" })
	guarded := start(t, nil).loggedIn("ann")
	for _, header := range []string{"X-Forwarded-For", "Forwarded", "X-Real-IP", "Via", "X-Forwarded-Host"} {
		for _, path := range []string{"/session", "/backlog"} {
			r.browser().do("GET", api+path, nil, header, "203.0.113.9").wants(t, http.StatusForbidden, "%s with %s", path, header)
			named.browser().do("GET", api+path, nil, header, "203.0.113.9").wants(t, http.StatusOK, "%s with %s and www-url", path, header)
		}
		guarded.do("GET", api+"/backlog", nil, header, "203.0.113.9").wants(t, http.StatusOK, "with a login and %s", header)
	}
}

// TestProfilesAreOfThisMachine, and not of who comes by way of a proxy on it.
func TestProfilesAreOfThisMachine(t *testing.T) {
	b := start(t, func(o *Options, _ *Parts) { o.Profile = true }).loggedIn("ann")
	b.do("GET", "/debug/pprof/", nil, "X-Forwarded-For", "203.0.113.9").wants(t, http.StatusForbidden, "by way of a proxy")
}

// TestNamesInTheAudit: nobody passes for somebody else there.
func TestNamesInTheAudit(t *testing.T) {
	for _, c := range []struct {
		from caller
		want string
	}{
		{caller{}, "console"},
		{caller{name: "ann"}, "ann"},
		{caller{name: "token robot", script: true}, "token robot"},
		{caller{name: "token robot"}, `"token robot"`},
		{caller{name: "command line (uid 0 / root)"}, `"command line (uid 0 / root)"`},
		{caller{name: "Token robot"}, `"Token robot"`},
		{caller{name: " ann"}, `" ann"`},
		{caller{name: "Ann Li"}, "Ann Li"},
		{caller{name: "console"}, `"console"`},
		{caller{name: "ann\r\nbob\u202e"}, `"ann\r\nbob\u202e"`},
		{caller{name: `"token robot"`}, `"\"token robot\""`},
	} {
		if got := c.from.who(); got != c.want {
			t.Errorf("%q: %s", c.from.name, got)
		}
	}
}

// TestBodiesOfStrangers are short, and come at once.
func TestBodiesOfStrangers(t *testing.T) {
	t.Parallel() // it waits
	r := start(t, nil)
	r.browser().do("POST", api+"/login", map[string]string{"user": strings.Repeat("x", strangerBody)}).wants(t, http.StatusRequestEntityTooLarge, "a long login")
	begun := time.Now()
	got := r.raw("POST /api/v1/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{")
	if took := time.Since(begun); !strings.HasPrefix(got, "HTTP/1.1 4") || took >= readTime {
		t.Errorf("after %v: %s", took, got)
	}
}

// TestPlaceOfAKnownBrowser: strangers who take all of their places leave one to who has been here before.
func TestPlaceOfAKnownBrowser(t *testing.T) {
	p := newPlaces(2, 4)
	for _, peer := range []string{"a", "a", "b", "b"} {
		if _, ok := p.stranger(peer); !ok {
			t.Fatal("no place for a stranger")
		}
	}
	if _, ok := p.stranger("c"); ok {
		t.Error("one stranger too many")
	}
	leave, ok := p.known("card")
	if !ok {
		t.Fatal("no place for who is known")
	}
	if _, ok := p.known("card"); ok {
		t.Error("two of them")
	}
	leave()
	if leave, ok = p.known("card"); !ok {
		t.Error("the place is not given back")
	}
	leave()
	if p.members != 2 || len(p.byPeer) != 2 {
		t.Errorf("places %d, %v", p.members, p.byPeer)
	}
}

// TestOddBodies: JSON that is deep, double, endless or something else is refused, and nothing is changed.
func TestOddBodies(t *testing.T) {
	r := start(t, nil)
	b := r.loggedIn("ann")
	for _, body := range []string{
		strings.Repeat(`{"cells":`, 20_000), strings.Repeat("[", 100_000), `{"cells":{"a":` + strings.Repeat("[", 9000) + strings.Repeat("]", 9000) + `}}`,
		`{"cells":{"domain_maxmessages":1e400}}`, `{"cells":{"domain_maxmessages":1e300}}`, `{"cells":{"domain_maxmessages":9007199254740993}}`,
		`{"cells":{}}{"cells":{}}`, `{"cells":{}} x`, "\xef\xbb\xbf{}", `{"cells":NaN}`, `{"cells":{"a":{}}}`, `"cells"`, `[]`, "", "\x00",
	} {
		q, err := http.NewRequest("POST", b.url+api+"/tables/capacity", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		q.Header.Set("Content-Type", "application/json")
		q.Header.Set("X-CSRF-Token", b.csrf)
		q.AddCookie(b.cookie)
		b.send(q).wants(t, http.StatusBadRequest, "%.60q", body)
	}
	if r.editor.last != nil {
		t.Errorf("something was changed: %v", r.editor.last)
	}
}
