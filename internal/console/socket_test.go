package console

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"net/netip"
	"runtime"
	"strings"
	"testing"
	"time"

	"posthoorn/internal/monitor"

	"github.com/coder/websocket"
)

// dial opens a websocket as the browser would.
func (b *browser) dial(path string, headers ...string) (*websocket.Conn, *http.Response, error) {
	h := http.Header{}
	if b.cookie != nil {
		h.Set("Cookie", b.cookie.Name+"="+b.cookie.Value)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		h.Set(headers[i], headers[i+1])
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	c, a, err := websocket.Dial(ctx, strings.Replace(b.url, "http", "ws", 1)+api+path, &websocket.DialOptions{HTTPHeader: h})
	if c != nil {
		c.SetReadLimit(1 << 20)
		b.t.Cleanup(func() { _ = c.CloseNow() })
	}
	return c, a, err
}

func (b *browser) mustDial(path string) *websocket.Conn {
	b.t.Helper()
	c, _, err := b.dial(path, "Origin", b.url)
	if err != nil {
		b.t.Fatal(err)
	}
	return c
}

func read(t testing.TB, c *websocket.Conn, into any) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	_, text, err := c.Read(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, into); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
}

// ended says whether a websocket ends before long.
func ended(c *websocket.Conn) bool {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for {
		if _, _, err := c.Read(ctx); err != nil {
			return ctx.Err() == nil
		}
	}
}

// TestSocketOrigin: another page may not open a websocket in the name of who is logged in (T23).
func TestSocketOrigin(t *testing.T) {
	r := start(t, nil)
	b := r.loggedIn("ann")
	for _, path := range []string{"/live", "/monitor"} {
		for _, headers := range [][]string{{"Origin", "http://evil.test"}, {"Origin", "null"}, {"Origin", r.url, "Sec-Fetch-Site", "cross-site"}} {
			if _, a, err := b.dial(path, headers...); err == nil || a == nil || a.StatusCode != http.StatusForbidden {
				t.Errorf("%s from %q: %v %v", path, headers, a, err)
			}
		}
		if _, a, err := r.browser().dial(path, "Origin", r.url); err == nil || a == nil || a.StatusCode != http.StatusUnauthorized {
			t.Errorf("%s without a login: %v", path, err)
		}
		if c, _, err := b.dial(path, "Origin", r.url, "Sec-Fetch-Site", "same-origin"); err != nil {
			t.Errorf("%s: %v", path, err)
		} else {
			_ = c.CloseNow()
		}
	}
}

func TestLive(t *testing.T) {
	r := start(t, nil)
	r.busy()
	c := r.loggedIn("ann").mustDial("/live?domain=example.org")
	var got liveMessage
	for range 2 {
		read(t, c, &got)
	}
	if got.Overview.Counters.Attempts != 10 || got.Overview.Memory != 5 || got.Point["attempts"] == nil {
		t.Errorf("%+v", got)
	}
	if len(got.Point) != len(series) {
		t.Errorf("%d values", len(got.Point))
	}
}

// TestLogoutEndsSockets: who has no session any more looks on no longer.
func TestLogoutEndsSockets(t *testing.T) {
	r := start(t, nil)
	b := r.loggedIn("ann")
	c := b.mustDial("/live")
	b.do("POST", api+"/logout", nil).wants(t, 204, "logout")
	if !ended(c) {
		t.Error("the websocket goes on")
	}
}

func TestMonitor(t *testing.T) {
	r := start(t, nil)
	c := r.loggedIn("ann").mustDial("/monitor?direction=out")
	waitFor(t, func() bool { return r.hub.Watched() })
	s := &monitor.Session{ID: 3, Direction: monitor.Out, Remote: netip.MustParseAddrPort("192.0.2.9:25"), Domain: "example.org"}
	r.hub.Say(&monitor.Session{Direction: monitor.In}, monitor.Us, []byte("not this"))
	r.hub.Say(s, monitor.Them, []byte("250 <script>"))
	var got lineMessage
	read(t, c, &got)
	if got.Text != "250 <script>" || got.Who != monitor.Them || got.Remote != "192.0.2.9:25" || got.Session != 3 {
		t.Errorf("%+v", got)
	}
	_ = c.CloseNow()
	waitFor(t, func() bool { return !r.hub.Watched() })
}

func TestMonitorTellsWhatIsMissing(t *testing.T) {
	r := start(t, nil)
	c := r.loggedIn("ann").mustDial("/monitor")
	waitFor(t, func() bool { return r.hub.Watched() })
	for range 20000 {
		r.hub.Say(&monitor.Session{}, monitor.Us, []byte("RSET"))
	}
	for {
		var got struct{ Dropped int }
		if read(t, c, &got); got.Dropped > 0 {
			return
		}
	}
}

func waitFor(t testing.TB, ready func() bool) {
	t.Helper()
	for limit := time.Now().Add(time.Minute); !ready(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(limit) {
			t.Fatal("it does not come to that")
		}
	}
}

// TestManyViewers: two hundred browsers, some of which never read; these are cut off, and nothing is left of them (T23).
func TestManyViewers(t *testing.T) {
	r := start(t, func(o *Options, _ *Parts) { o.Requests = 300 })
	b := r.loggedIn("ann")
	const many, slow = 200, 15 // the monitor has places for 20
	before := runtime.NumGoroutine()
	var fast []*websocket.Conn
	for range many - slow {
		fast = append(fast, b.mustDial("/live"))
	}
	var stuck []*websocket.Conn
	for range slow {
		stuck = append(stuck, b.mustDial("/monitor")) // nobody reads from it
	}
	if n := runtime.NumGoroutine() - before; n > 8*many {
		t.Errorf("%d goroutines for %d viewers, these of the test included", n, many)
	}
	waitFor(t, func() bool { return r.hub.Watched() })
	line := []byte(strings.Repeat("x", monitor.MaxText))
	stop := make(chan struct{})
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-stop:
				return
			default:
				r.hub.Say(&monitor.Session{}, monitor.Us, line)
				time.Sleep(200 * time.Microsecond)
			}
		}
	}()
	var before2, after runtime.MemStats
	runtime.ReadMemStats(&before2)
	for limit := time.Now().Add(60 * time.Second); r.hub.Watched(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(limit) {
			t.Fatal("who does not read is not cut off")
		}
	}
	close(stop)
	<-done
	runtime.GC()
	runtime.ReadMemStats(&after)
	if grown := int64(after.HeapAlloc) - int64(before2.HeapAlloc); grown > 64<<20 {
		t.Errorf("%d MB more memory", grown>>20)
	}
	var got liveMessage
	for _, c := range fast {
		read(t, c, &got)
	}
	for _, c := range append(fast, stuck...) {
		_ = c.CloseNow()
	}
	waitFor(t, func() bool { return runtime.NumGoroutine() <= before+20 })
}

// TestFullHouse: more than www-connections requests are told so, and idle connections are none.
func TestFullHouse(t *testing.T) {
	r := start(t, func(o *Options, _ *Parts) { o.Requests = 2 })
	b := r.loggedIn("ann")
	first := b.mustDial("/live")
	b.mustDial("/live")
	got := b.do("GET", api+"/backlog", nil)
	if got.wants(t, 503, "a full house"); got.header.Get("Retry-After") == "" || !strings.Contains(got.body, "www-connections") {
		t.Errorf("%v %s", got.header, got.body)
	}
	r.browser().do("GET", "/healthz", nil).wants(t, 200, "health checks have places of their own")
	b.do("GET", api+"/session", nil).wants(t, 200, "so have pages")
	_ = first.CloseNow()
	waitFor(t, func() bool { return b.do("GET", api+"/backlog", nil).status == 200 })
}

// TestSilentCrowd: hundreds of connections that send nothing, or very little, do not lock anybody out, and who is logged in stays.
func TestSilentCrowd(t *testing.T) {
	r := start(t, func(o *Options, _ *Parts) { o.Requests = 4 })
	b := r.loggedIn("ann")
	live := b.mustDial("/live")
	address := r.Addresses()[0].String()
	for i := range 4 * r.crowd.most {
		c, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if i%2 == 0 {
			_, _ = c.Write([]byte("GET / HTTP/1.1\r\nHost: "))
		}
	}
	b.do("GET", api+"/backlog", nil).wants(t, 200, "somebody who is logged in")
	r.loggedIn("bob").do("GET", api+"/backlog", nil).wants(t, 200, "a new login")
	var got liveMessage
	for range 2 {
		read(t, live, &got)
	}
	r.crowd.mu.Lock()
	defer r.crowd.mu.Unlock()
	if n := len(r.crowd.guests); n > r.crowd.most {
		t.Errorf("%d connections", n)
	}
}

func TestStopEndsSockets(t *testing.T) {
	r := start(t, nil)
	c := r.loggedIn("ann").mustDial("/live")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	r.Stop(ctx)
	if ctx.Err() != nil || !ended(c) {
		t.Error("it does not end")
	}
}
