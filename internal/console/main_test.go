package console

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"posthoorn/internal/login"
	"posthoorn/internal/outbox"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	goodPassword = "correct horse"
	goodToken    = "tok-1234567890"
)

// fakeLogin knows one password, and the users ann and bob.
type fakeLogin struct{ err error }

func (l fakeLogin) Check(_ context.Context, try login.Try) (bool, error) {
	return try.Password == goodPassword && strings.Contains("console ann bob", try.User), l.err
}

type fakeTokens struct{}

func (fakeTokens) TokenName(token string) (string, bool) { return "robot", token == goodToken }

// fakeOperator answers what it was asked.
type fakeOperator struct{ err error }

func (o *fakeOperator) Explain(_ context.Context, destination string, source netip.Addr) (outbox.Explanation, error) {
	return outbox.Explanation{Destination: destination, Time: time.Now(), Sources: []outbox.SourceExplanation{{Source: source}}}, o.err
}

func (o *fakeOperator) Backlog(context.Context) ([]outbox.BacklogLine, error) {
	return []outbox.BacklogLine{{Destination: "example.org", Memory: 1}}, o.err
}

func (o *fakeOperator) RetryNow(context.Context, string, func(int)) (int, error) { return 3, o.err }

func (o *fakeOperator) Fail(context.Context, string, string, func(int)) (int, error) {
	return 2, o.err
}

func (o *fakeOperator) Move(context.Context, string, netip.Addr, func(int)) (int, error) {
	return 1, o.err
}

type fakeHealth struct {
	alive error
	wrong []string
}

func (h *fakeHealth) Alive(context.Context) error    { return h.alive }
func (h *fakeHealth) Ready(context.Context) []string { return h.wrong }
func (h *fakeHealth) Warnings() []string             { return nil }

// rig is a console on a port of loopback.
type rig struct {
	*Server
	t        testing.TB
	url      string
	operator *fakeOperator
	health   *fakeHealth
}

// start runs a console with a login, unless change wants it to be different.
func start(t testing.TB, change func(*Options, *Parts)) *rig {
	t.Helper()
	registry := prometheus.NewRegistry()
	r := &rig{t: t, operator: &fakeOperator{}, health: &fakeHealth{}}
	o := Options{Address: "127.0.0.1:0", Login: fakeLogin{}, Log: slog.New(slog.DiscardHandler), Gatherer: registry, Registerer: registry}
	p := Parts{
		Instance: Instance{Hostname: "mta.test", Version: "1", Queue: "embedded"}, Tokens: fakeTokens{}, Operator: r.operator, Health: r.health,
		Destination: func(text string) (string, error) {
			if strings.Contains(text, "@") {
				return "", errors.New("is no destination")
			}
			return strings.ToLower(text), nil
		},
	}
	if change != nil {
		change(&o, &p)
	}
	var err error
	if r.Server, err = New(o); err != nil {
		t.Fatal(err)
	}
	if err := r.Listen(); err != nil {
		t.Fatal(err)
	}
	r.Serve(p)
	r.url = "http://" + r.Addresses()[0].String()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		r.Stop(ctx)
	})
	return r
}

// browser is a client that keeps cookies, and knows the token of its session.
type browser struct {
	*rig
	client http.Client
	cookie *http.Cookie
	csrf   string
}

func (r *rig) browser() *browser {
	transport := &http.Transport{DisableKeepAlives: true}
	r.t.Cleanup(transport.CloseIdleConnections)
	return &browser{rig: r, client: http.Client{
		Transport: transport, Timeout: 20 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// loggedIn is a browser with a session.
func (r *rig) loggedIn(user string) *browser {
	r.t.Helper()
	b := r.browser()
	if got := b.do("POST", api+"/login", map[string]string{"user": user, "password": goodPassword}); got.status != http.StatusNoContent {
		r.t.Fatalf("login: %d %s", got.status, got.body)
	}
	var session sessionAnswer
	b.get(api+"/session", &session)
	b.csrf = session.CSRF
	return b
}

// answered is what came back.
type answered struct {
	status int
	body   string
	header http.Header
}

// do sends a request; headers are name, value, name, value.
func (b *browser) do(method, path string, body any, headers ...string) answered {
	b.t.Helper()
	var in io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			b.t.Fatal(err)
		}
		in = bytes.NewReader(text)
	}
	q, err := http.NewRequest(method, b.url+path, in)
	if err != nil {
		b.t.Fatal(err)
	}
	if body != nil {
		q.Header.Set("Content-Type", "application/json")
	}
	if b.cookie != nil {
		q.AddCookie(b.cookie)
	}
	if b.csrf != "" {
		q.Header.Set("X-CSRF-Token", b.csrf)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		if q.Header.Set(headers[i], headers[i+1]); headers[i] == "Host" {
			q.Host = headers[i+1]
		}
	}
	return b.send(q)
}

func (b *browser) send(q *http.Request) answered {
	b.t.Helper()
	a, err := b.client.Do(q)
	if err != nil {
		b.t.Fatal(err)
	}
	defer a.Body.Close()
	text, err := io.ReadAll(a.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	for _, c := range a.Cookies() {
		if b.cookie = c; c.MaxAge < 0 {
			b.cookie = nil
		}
	}
	return answered{a.StatusCode, string(text), a.Header}
}

func (b *browser) get(path string, into any) {
	b.t.Helper()
	got := b.do("GET", path, nil)
	if got.status != http.StatusOK {
		b.t.Fatalf("GET %s: %d %s", path, got.status, got.body)
	}
	if err := json.Unmarshal([]byte(got.body), into); err != nil {
		b.t.Fatalf("GET %s: %v in %s", path, err, got.body)
	}
}

// wants fails the test when the status is another one.
func (a answered) wants(t testing.TB, status int, what string, args ...any) {
	t.Helper()
	if a.status != status {
		t.Errorf("%s: %d, want %d: %s", fmt.Sprintf(what, args...), a.status, status, strings.TrimSpace(a.body))
	}
}
