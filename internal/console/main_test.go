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
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"posthoorn/internal/dns"
	"posthoorn/internal/inject"
	"posthoorn/internal/journal"
	"posthoorn/internal/login"
	"posthoorn/internal/mail"
	"posthoorn/internal/monitor"
	"posthoorn/internal/outbox"
	"posthoorn/internal/settings"
	"posthoorn/internal/stats"

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

func (o *fakeOperator) Mail(_ context.Context, destination string) (outbox.BacklogLine, error) {
	return outbox.BacklogLine{Destination: destination, Memory: 2, Waiting: 5, Since: time.Unix(1_700_000_000, 0)}, o.err
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

func (h *fakeHealth) Alive(context.Context) error       { return h.alive }
func (h *fakeHealth) Ready(context.Context) []string    { return h.wrong }
func (h *fakeHealth) Warnings(context.Context) []string { return nil }

// fakeTraffic has 5 messages for example.org in memory, and 7 that wait.
type fakeTraffic struct{ asked atomic.Int32 }

func (f *fakeTraffic) Load(context.Context) (all stats.Gauges, sources map[netip.Addr]stats.Gauges, destinations map[string]stats.Gauges, err error) {
	f.asked.Add(1)
	g := stats.Gauges{Memory: 5, Parked: 7, Active: 2}
	return g, map[netip.Addr]stats.Gauges{ownIP: g}, map[string]stats.Gauges{"example.org": g}, nil
}

func (f *fakeTraffic) Gauges(ctx context.Context) (all stats.Gauges, sources map[netip.Addr]stats.Gauges, err error) {
	all, sources, _, err = f.Load(ctx)
	for ip, g := range sources {
		g.Parked = 0
		sources[ip] = g
	}
	return all, sources, err
}

func (f *fakeTraffic) Held() string { return "" }

var ownIP = netip.MustParseAddr("192.0.2.1")

// fakeEditor has one table, and a row of it that can be changed.
type fakeEditor struct {
	noted []string
	mu    sync.Mutex
	err   error
	who   string
	rows  map[string][]settings.EditRow
	last  settings.Cells
	seen  []string // values that were secret

	patterns []settings.Cells // of the last key
}

func (e *fakeEditor) Tables() []settings.TableInfo {
	unset := int64(-1)
	return []settings.TableInfo{{Name: "capacity", Title: "Email throttling", Columns: []settings.ColumnInfo{
		{Name: "domain", Type: "domain", Help: "all if empty"}, {Name: "domain_maxmessages", Type: "int", Unset: &unset}, {Name: "secure", Type: "choice", Choices: []string{"a"}},
	}}}
}

func (e *fakeEditor) Writable(context.Context) error { return e.err }

func (e *fakeEditor) Rows(_ context.Context, table string) ([]settings.EditRow, error) {
	if rows, ok := e.rows[table]; ok {
		return rows, e.err
	}
	return nil, settings.ErrNoTable
}

func (e *fakeEditor) Insert(_ context.Context, who, table string, cells settings.Cells) (id, change int64, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.who, e.last = who, cells
	return 1, 2, e.err
}

func (e *fakeEditor) InsertKey(_ context.Context, who string, key settings.Cells, patterns []settings.Cells) (id, change int64, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.who, e.last, e.patterns = who, key, patterns
	e.seen = append(e.seen, key[privateCell].(string))
	e.rows[keyTable] = []settings.EditRow{{ID: 1, Cells: settings.Cells{"domain": key["domain"], "selector": key["selector"], privateCell: nil}, Has: []string{privateCell}}}
	return 1, 2, e.err
}

func (e *fakeEditor) Update(_ context.Context, who, _ string, id int64, cells settings.Cells) (int64, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.who, e.last = who, cells; id != 1 {
		return 0, settings.ErrNoRow
	}
	return 3, e.err
}

func (e *fakeEditor) Delete(_ context.Context, who, _ string, _ int64) (int64, error) {
	e.who = who
	return 4, e.err
}

func (e *fakeEditor) Preview(_ context.Context, _ string, _ int64, cells settings.Cells, _ bool) (settings.Effect, error) {
	e.last = cells
	if cells["domain"] == "bad" {
		return settings.Effect{Problem: "is no domain", Field: "domain"}, nil
	}
	return settings.Effect{
		Text: "at most 10 a minute", Warning: "192.0.2.9 is no address of this host", Limits: []settings.LimitChange{{Name: "domain_maxmessages", Before: "unlimited", After: "10"}},
		Concerns: func(d string) bool { return d == "example.org" },
	}, e.err
}

func (e *fakeEditor) Changes(context.Context, int64, int) ([]settings.Change, error) {
	return []settings.Change{{ID: 9, Time: time.Now().UTC(), Who: "ann", Table: "capacity", Row: 1, Action: settings.Inserted, After: settings.Cells{"domain": "a.test"}}}, e.err
}

func (e *fakeEditor) Undo(_ context.Context, _ string, id int64) (int64, error) {
	if id != 9 {
		return 0, fmt.Errorf("in the database: %w", settings.ErrChanged)
	}
	return 10, e.err
}

func (e *fakeEditor) PreviewUndo(ctx context.Context, id int64) (settings.Effect, error) {
	if id != 9 {
		return settings.Effect{Problem: settings.ErrChanged.Error()}, e.err
	}
	return e.Preview(ctx, "capacity", 1, nil, true)
}

func (e *fakeEditor) Behind() string { return "the settings cannot be read" }

func (e *fakeEditor) Warning(_ context.Context, change int64) string {
	return fmt.Sprintf("change %d names a foreign address", change)
}

func (e *fakeEditor) Note(_ context.Context, who string, action settings.Action, facts settings.Cells) error {
	e.noted = append(e.noted, fmt.Sprint(who, " ", action, " ", facts["destination"], " ", facts["messages"]))
	return e.err
}

func (e *fakeEditor) Secret(context.Context, string, int64, string) (string, error) {
	if len(e.seen) == 0 {
		return "", settings.ErrNoRow
	}
	return e.seen[len(e.seen)-1], nil
}

type fakeLogs struct{ got journal.Query }

func (l *fakeLogs) Search(_ context.Context, log string, q journal.Query) (journal.Page, error) {
	l.got = q
	if log == "received" {
		return journal.Page{}, journal.ErrOff
	}
	return journal.Page{Lines: []journal.Line{
		{Time: time.Now().UTC(), JSON: []byte(`{"time":"2026-01-01 00:00:00","attempt":2,"email":{"recipient":"<script>"},"result":{"code":250}}`)},
		{Text: "a line"},
	}, Cursor: "next", Scanned: 100, Oldest: time.Now().UTC(), Complete: true}, nil
}

type fakeDoor struct {
	mu  sync.Mutex
	err error
	got []*mail.Message
}

func (d *fakeDoor) Forward(_ context.Context, m *mail.Message, _ inject.HTTP, _ time.Time) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.got = append(d.got, m)
	return d.err
}

// rig is a console on a port of loopback.
type rig struct {
	*Server
	t        testing.TB
	url      string
	operator *fakeOperator
	health   *fakeHealth
	traffic  *fakeTraffic
	editor   *fakeEditor
	logs     *fakeLogs
	door     *fakeDoor
	board    *stats.Board
	hub      *monitor.Hub
}

// start runs a console with a login, unless change wants it to be different.
func start(t testing.TB, change func(*Options, *Parts)) *rig {
	t.Helper()
	registry := prometheus.NewRegistry()
	r := &rig{
		t: t, operator: &fakeOperator{}, health: &fakeHealth{}, traffic: &fakeTraffic{}, logs: &fakeLogs{}, door: &fakeDoor{},
		editor: &fakeEditor{rows: map[string][]settings.EditRow{"capacity": {{ID: 1, Cells: settings.Cells{"domain": "a.test", "domain_maxmessages": int64(5)}}}, "tokens": {}, keyTable: {}}},
		board:  stats.New(stats.Options{}), hub: &monitor.Hub{},
	}
	o := Options{Address: "127.0.0.1:0", Login: fakeLogin{}, Log: slog.New(slog.DiscardHandler), Gatherer: registry, Registerer: registry}
	p := Parts{
		Instance: Instance{Hostname: "mta.test", Version: "1", Queue: "embedded", Sources: func() []netip.Addr { return []netip.Addr{ownIP} }},
		Tokens:   fakeTokens{}, Operator: r.operator, Health: r.health, Traffic: r.traffic, Editor: r.editor, Logs: r.logs, Door: r.door, Stats: r.board, Monitor: r.hub,
		Incoming: func() int { return 4 }, Name: func(netip.Addr) (string, string) { return "mta.test", "dns" }, Settings: settings.Empty,
		DNS: &dns.Fake{},
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
	card   *http.Cookie
	csrf   string
}

func (r *rig) browser() *browser {
	transport := &http.Transport{DisableKeepAlives: true}
	r.t.Cleanup(transport.CloseIdleConnections)
	return &browser{rig: r, client: http.Client{
		Transport: transport, Timeout: time.Minute,
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
	if b.card != nil {
		q.AddCookie(b.card)
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
		if strings.HasSuffix(c.Name, "-known") {
			b.card = c
			continue
		}
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
