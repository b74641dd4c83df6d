package fetch

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// names is a resolver with one answer for each name, which may be an error.
type names map[string]any

func (n names) Addresses(_ context.Context, host string) ([]netip.Addr, error) {
	switch v := n[host].(type) {
	case string:
		return []netip.Addr{netip.MustParseAddr(v)}, nil
	case []netip.Addr:
		return v, nil
	case error:
		return nil, v
	}
	return nil, errors.New("no such host")
}

// serve runs a server on an address of this machine.
func serve(t testing.TB, addr string, h http.HandlerFunc) *httptest.Server {
	t.Helper()
	l, err := net.Listen("tcp", addr+":0")
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewUnstartedServer(h)
	s.Listener.Close()
	s.Listener = l
	s.Start()
	t.Cleanup(s.Close)
	return s
}

// fetcher may reach 127.0.0.2 and what the options say.
func fetcher(t testing.TB, o Options) *Fetcher {
	o.Whitelist = append(o.Whitelist, Exception{Prefix: netip.MustParsePrefix("127.0.0.2/32")})
	if o.Resolver == nil {
		o.Resolver = names{}
	}
	f := New(o)
	t.Cleanup(f.Close)
	return f
}

func port(s *httptest.Server) string {
	u, _ := url.Parse(s.URL)
	return u.Port()
}

func want(t *testing.T, err, reason error) {
	t.Helper()
	e, ok := errors.AsType[*Error](err)
	if !ok || e.Reason != reason || e.Temporary() != (reason == ErrTimeout || reason == ErrLost) || e.Timeout() != (reason == ErrTimeout) || strings.Contains(e.Error(), "Get ") {
		t.Errorf("got %v, wanted %v", err, reason)
	}
}

func TestGet(t *testing.T) {
	s := serve(t, "127.0.0.2", func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/moved":
			http.Redirect(w, r, "/a/b%20c.png?x=1", http.StatusFound)
		default:
			w.Header().Set("Content-Type", "Image/PNG; Name=x")
			if r.URL.Path == "/named" {
				w.Header().Set("Content-Disposition", `attachment; filename="../..\\e\u0001vil.txt"`)
			}
			fmt.Fprintf(w, "%s|%s|%s|%s|%s", r.URL.RequestURI(), r.UserAgent(), r.Referer(), r.Header.Get("Authorization"), r.Header.Get("Cookie"))
		}
	})
	f := fetcher(t, Options{UserAgent: "ours/1"})
	for _, c := range []struct{ path, body, final, name string }{
		{"/moved#part", "/a/b%20c.png?x=1|ours/1|||", "/a/b%20c.png?x=1", "b c.png"},
		{"/", "/|ours/1|||", "/", ""},
		{"/named", "/named|ours/1|||", "/named", "e\\u0001vil.txt"},
		{"/..%2f..%2fetc%2fpasswd", "/..%2f..%2fetc%2fpasswd|ours/1|||", "/..%2f..%2fetc%2fpasswd", "passwd"},
	} {
		r, err := f.Get(t.Context(), s.URL+c.path, 1000)
		if err != nil {
			t.Errorf("%s: %v", c.path, err)
			continue
		}
		if string(r.Body) != c.body || r.FinalURL != s.URL+c.final || r.Type != "image/png; name=x" {
			t.Errorf("%s: %q %q %q", c.path, r.Body, r.FinalURL, r.Type)
		}
		if c.name != r.Name && c.path != "/named" || strings.ContainsAny(r.Name, "/\\\x01") {
			t.Errorf("%s has the name %q", c.path, r.Name)
		}
	}
}

func TestRules(t *testing.T) {
	r := rules{prefixes("198.41.0.0/24", "2a00::/16", "::ffff:198.42.0.0/120"), []Exception{
		{netip.MustParsePrefix("10.0.0.7/32"), 80}, {netip.MustParsePrefix("192.168.0.0/16"), 0},
		{netip.MustParsePrefix("198.41.0.4/32"), 0},
		{netip.MustParsePrefix("fd00::7/128"), 443},
	}}
	for _, c := range []struct {
		addr string
		port uint16
		good bool
	}{
		{"93.184.216.34", 80, true}, {"2606:2800::1", 443, true}, {"::ffff:93.184.216.34", 80, true},
		{"64:ff9b::5db8:d822", 80, true},
		{"10.0.0.7", 80, true}, {"::ffff:10.0.0.7", 80, true}, {"64:ff9b::a00:7", 80, true}, {"192.168.3.4", 1, true},
		{"198.41.0.4", 9, true}, {"fd00::7", 443, true},

		{"10.0.0.7", 81, false}, {"10.0.0.8", 80, false}, {"198.41.0.5", 80, false}, {"198.42.0.1", 80, false},
		{"::ffff:198.41.0.5", 80, false}, {"2a00::1", 80, false}, {"fd00::7", 80, false},
		{"0.0.0.0", 80, false}, {"0.1.2.3", 80, false}, {"127.0.0.1", 80, false}, {"127.255.255.254", 80, false},
		{"169.254.169.254", 80, false}, {"100.64.0.1", 80, false},
		{"100.100.100.200", 80, false}, {"168.63.129.16", 80, false}, {"192.0.0.192", 80, false}, {"172.31.255.255", 80, false},
		{"198.19.0.1", 80, false}, {"224.0.0.1", 80, false},
		{"255.255.255.255", 80, false}, {"240.0.0.1", 80, false}, {"203.0.113.9", 80, false},
		{"::", 80, false}, {"::1", 80, false}, {"::127.0.0.1", 80, false}, {"::ffff:127.0.0.1", 80, false},
		{"::ffff:169.254.169.254", 80, false}, {"fe80::1", 80, false},
		{"fe80::1%eth0", 80, false}, {"2606:2800::1%eth0", 80, false}, {"fc00::1", 80, false}, {"fd00:ec2::254", 80, false},
		{"fec0::1", 80, false}, {"ff02::1", 80, false},
		{"64:ff9b::7f00:1", 80, false}, {"64:ff9b::a9fe:a9fe", 80, false}, {"64:ff9b:1::1", 80, false},
		{"2002:7f00:1::", 80, false}, {"2001:0:1::1", 80, false}, {"2001:db8::1", 80, false},
		{"3fff::1", 80, false}, {"5f00::1", 80, false}, {"100::1", 80, false},
	} {
		if r.allow(netip.MustParseAddr(c.addr), c.port) != c.good {
			t.Errorf("%s port %d: allowed %v", c.addr, c.port, !c.good)
		}
	}
}

// TestForbidden tries to reach a server that must not be reached, in all ways that an address can be written.
func TestForbidden(t *testing.T) {
	var reached atomic.Int64
	canary := serve(t, "127.0.0.1", func(http.ResponseWriter, *http.Request) { reached.Add(1) })
	p := port(canary)
	f := fetcher(t, Options{Resolver: names{
		"private.test": "127.0.0.1", "mapped.test": "::ffff:127.0.0.1", "2130706433": "127.0.0.1", "0x7f.1": "127.0.0.1",
		"0177.0.0.1": "127.0.0.1", "127.1": "127.0.0.1",
		"localhost": "127.0.0.1", "nat.test": "64:ff9b::7f00:1",
		"both.test": []netip.Addr{netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("::1")},
	}})
	ways := []string{
		"http://127.0.0.1:" + p, "http://[::ffff:127.0.0.1]:" + p, "http://[::ffff:7f00:1]:" + p, "http://[64:ff9b::7f00:1]:" + p, "http://[::1]:" + p, "http://0.0.0.0:" + p,
		"http://[::]:" + p, "http://private.test:" + p, "http://mapped.test:" + p, "http://2130706433:" + p, "http://0x7f.1:" + p, "http://0177.0.0.1:" + p, "http://127.1:" + p,
		"http://localhost.:" + p, "http://LOCALHOST:" + p, "http://user:password@127.0.0.1:" + p, "http://nat.test:" + p, "http://both.test:" + p, "https://private.test:" + p,
		"http://169.254.169.254/latest/meta-data/", "http://１２７.0.0.1:" + p, "http://private.test:0" + p,
		"ftp://private.test/", "file:///etc/passwd", "gopher://private.test:25/_x", "data:text/plain,x", "javascript:1",
		"http:private.test", "http:///x", "http://", "//private.test/x", "/x", "",
		"http://private.test:99999/", "http://private.test:0/", "http://pri\r\nvate.test/", "http://private.test/\x7f",
	}
	from := serve(t, "127.0.0.2", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Location", ways[len(r.URL.Path)-1])
		w.WriteHeader(http.StatusFound)
	})
	for i, way := range ways {
		_, err := f.Get(t.Context(), way, 100)
		if !errors.Is(err, ErrForbidden) && !errors.Is(err, ErrTimeout) {
			t.Errorf("%q: %v", way, err)
		}
		if strings.Contains(fmt.Sprint(err), "password") {
			t.Errorf("%q: the error has the password: %v", way, err)
		}
		if strings.HasPrefix(way, "/") || way == "" { // relative: to the server itself
			continue
		}
		if r, err := f.Get(t.Context(), from.URL+"/"+strings.Repeat("x", i), 100); err == nil {
			t.Errorf("redirect to %q: %q", way, r.Body)
		}
	}
	if n := reached.Load(); n > 0 {
		t.Errorf("the forbidden server was reached %d times", n)
	}
}

// rebinding answers with an allowed address once, and then with a forbidden one.
type rebinding struct{ asked atomic.Int64 }

func (r *rebinding) Addresses(context.Context, string) ([]netip.Addr, error) {
	if r.asked.Add(1) == 1 {
		return []netip.Addr{netip.MustParseAddr("127.0.0.2")}, nil
	}
	return []netip.Addr{netip.MustParseAddr("127.0.0.1")}, nil
}

func TestRebinding(t *testing.T) {
	good := serve(t, "127.0.0.2", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Connection", "close")
		if r.URL.Path == "/again" {
			http.Redirect(w, r, "/", http.StatusFound)
		}
		_, _ = io.WriteString(w, "good")
	})
	l, err := net.Listen("tcp", "127.0.0.1:"+port(good))
	if err != nil {
		t.Skip("the port is taken on 127.0.0.1")
	}
	var reached atomic.Int64
	bad := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached.Add(1) }))
	bad.Listener.Close()
	bad.Listener = l
	bad.Start()
	t.Cleanup(bad.Close)

	address := "http://rebinding.test:" + port(good)
	r, err := fetcher(t, Options{Resolver: &rebinding{}}).Get(t.Context(), address+"/", 100)
	if err != nil || string(r.Body) != "good" {
		t.Errorf("%q, %v", r.Body, err)
	}
	_, err = fetcher(t, Options{Resolver: &rebinding{}}).Get(t.Context(), address+"/again", 100)
	want(t, err, ErrForbidden)
	both := names{"both.test": []netip.Addr{netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("127.0.0.2")}}
	r, err = fetcher(t, Options{Resolver: both}).Get(t.Context(), "http://both.test:"+port(good)+"/", 100)
	if err != nil || string(r.Body) != "good" {
		t.Errorf("%q, %v", r.Body, err)
	}
	if n := reached.Load(); n > 0 {
		t.Errorf("the forbidden server was reached %d times", n)
	}
}

func TestAnswers(t *testing.T) {
	hang := make(chan struct{})
	s := serve(t, "127.0.0.2", func(w http.ResponseWriter, r *http.Request) {
		var n int
		switch _, _ = fmt.Sscanf(r.URL.Path, "/%d", &n); {
		case r.URL.Path == "/endless":
			for r.Context().Err() == nil {
				if _, err := w.Write(make([]byte, 10000)); err != nil {
					return
				}
			}
		case r.URL.Path == "/bomb":
			w.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			for range 20 {
				if _, err := z.Write(make([]byte, 1<<20)); err != nil {
					return
				}
			}
			z.Close()
		case r.URL.Path == "/packed":
			w.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			_, _ = z.Write(make([]byte, 1000))
			z.Close()
		case r.URL.Path == "/long":
			w.Header().Set("Content-Length", "1001")
			_, _ = w.Write(make([]byte, 1001))
		case r.URL.Path == "/full":
			_, _ = w.Write(make([]byte, 1000))
		case r.URL.Path == "/short":
			w.Header().Set("Content-Length", "900")
			_, _ = w.Write(make([]byte, 10))
		case r.URL.Path == "/slow":
			_, _ = io.WriteString(w, "x")
			w.(http.Flusher).Flush()
			<-hang
		case r.URL.Path == "/silent":
			<-hang
		case r.URL.Path == "/broken":
			panic(http.ErrAbortHandler)
		case strings.HasPrefix(r.URL.Path, "/hop/"):
			_, _ = fmt.Sscanf(r.URL.Path, "/hop/%d", &n)
			if n > 0 {
				http.Redirect(w, r, fmt.Sprintf("/hop/%d", n-1), http.StatusFound)
			}
		case r.URL.Path == "/ftp":
			http.Redirect(w, r, "ftp://127.0.0.2/", http.StatusMovedPermanently)
		default:
			w.WriteHeader(n)
		}
	})
	t.Cleanup(func() { close(hang) })
	closed := serve(t, "127.0.0.2", nil)
	closed.Close()
	patient := fetcher(t, Options{Resolver: names{"broken.test": &net.DNSError{Err: "no", IsTimeout: true},
		"none.test": []netip.Addr{}}})
	hasty := fetcher(t, Options{Timeout: 200 * time.Millisecond})
	for address, reason := range map[string]error{
		"/full": nil, "/packed": nil, "/hop/10": nil, "/200": nil,
		"/hop/11": ErrRefused, "/201": ErrRefused, "/204": ErrRefused, "/304": ErrRefused, "/400": ErrRefused, "/403": ErrRefused, "/404": ErrRefused, "/410": ErrRefused,
		"/408": ErrTimeout, "/429": ErrTimeout, "/500": ErrTimeout, "/503": ErrTimeout,
		"/endless": ErrTooLarge, "/bomb": ErrTooLarge, "/long": ErrTooLarge,
		"/short": ErrLost, "/broken": ErrLost, "/slow": ErrTimeout, "/silent": ErrTimeout, "/ftp": ErrForbidden,
		closed.URL: ErrLost, "http://broken.test/": ErrTimeout, "http://none.test/": ErrTimeout, "http://unknown.test/": ErrTimeout,
	} {
		t.Run(address, func(t *testing.T) {
			f := patient
			if address == "/slow" || address == "/silent" {
				f = hasty
			}
			if address[0] == '/' {
				address = s.URL + address
			}
			r, err := f.Get(t.Context(), address, 1000)
			if reason != nil {
				want(t, err, reason)
			} else if err != nil || len(r.Body) != 1000 && len(r.Body) != 0 {
				t.Errorf("%d bytes, %v", len(r.Body), err)
			}
		})
	}
}

func TestTLS(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.2:0")
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.Proto) }))
	s.Listener.Close()
	s.Listener = l
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	t.Cleanup(s.Close)
	resolver := names{"example.com": "127.0.0.2", "other.test": "127.0.0.2"}
	trusting := fetcher(t, Options{Resolver: resolver})
	trusting.pool.TLSClientConfig = &tls.Config{RootCAs: s.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs}
	r, err := trusting.Get(t.Context(), "https://example.com:"+port(s), 100)
	if err != nil || string(r.Body) != "HTTP/1.1" {
		t.Errorf("%q, %v", r.Body, err)
	}
	_, err = trusting.Get(t.Context(), "https://other.test:"+port(s), 100)
	want(t, err, ErrLost)
	_, err = fetcher(t, Options{Resolver: resolver}).Get(t.Context(), "https://example.com:"+port(s), 100)
	want(t, err, ErrLost)
}

func TestTheCallersTimeCounts(t *testing.T) {
	hang := make(chan struct{})
	s := serve(t, "127.0.0.2", func(http.ResponseWriter, *http.Request) { <-hang })
	t.Cleanup(func() { close(hang) })
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := fetcher(t, Options{}).Get(ctx, s.URL, 100)
	want(t, err, ErrTimeout)
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v has not the cause", err)
	}
}

func TestEqualDownloadsShareOneRequest(t *testing.T) {
	var requests atomic.Int64
	open := make(chan struct{})
	s := serve(t, "127.0.0.2", func(w http.ResponseWriter, _ *http.Request) {
		requests.Add(1)
		<-open
		w.Header().Set("Cache-Control", "no-store")
		_, _ = io.WriteString(w, "x")
	})
	f := fetcher(t, Options{})
	first, cancel := context.WithCancel(t.Context())
	gone := make(chan error)
	go func() {
		_, err := f.Get(first, s.URL, 100)
		gone <- err
	}()
	var wg sync.WaitGroup
	for i := range 100 {
		wg.Go(func() {
			r, err := f.Get(t.Context(), fmt.Sprintf("%s#%d", s.URL, i), 100)
			if err != nil || string(r.Body) != "x" {
				t.Errorf("%q, %v", r.Body, err)
			}
		})
	}
	for f.waiting() < 101 {
		time.Sleep(time.Millisecond)
	}
	cancel()
	if err := <-gone; !errors.Is(err, context.Canceled) {
		t.Errorf("the caller who left got %v", err)
	}
	close(open)
	wg.Wait()
	if n := requests.Load(); n != 1 {
		t.Errorf("there were %d requests", n)
	}
}

// waiting counts who waits for a download.
func (f *Fetcher) waiting() int {
	f.flights.mu.Lock()
	defer f.flights.mu.Unlock()
	n := 0
	for _, it := range f.flights.running {
		n += it.waiting
	}
	return n
}

func TestTheLastToLeaveEndsIt(t *testing.T) {
	begun, ended := make(chan struct{}), make(chan struct{})
	var once sync.Once
	s := serve(t, "127.0.0.2", func(w http.ResponseWriter, r *http.Request) {
		first := false
		once.Do(func() { first = true })
		if !first {
			return
		}
		close(begun)
		<-r.Context().Done()
		close(ended)
	})
	f := fetcher(t, Options{})
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-begun
		cancel()
	}()
	if _, err := f.Get(ctx, s.URL, 100); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	<-ended
	for f.gate.busy() {
		time.Sleep(time.Millisecond)
	}
	if _, err := f.Get(t.Context(), s.URL, 100); err != nil {
		t.Errorf("the next download: %v", err)
	}
}

func (g *gate) busy() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.hosts) > 0
}

func TestGate(t *testing.T) {
	var mu sync.Mutex
	now, most := map[string]int{}, map[string]int{}
	count := func(name string, d int) {
		mu.Lock()
		defer mu.Unlock()
		for _, n := range []string{name, "all"} {
			now[n] += d
			most[n] = max(most[n], now[n])
		}
	}
	h := func(w http.ResponseWriter, r *http.Request) {
		count(r.Host, 1)
		time.Sleep(5 * time.Millisecond)
		count(r.Host, -1)
	}
	servers := []*httptest.Server{serve(t, "127.0.0.2", h), serve(t, "127.0.0.2", h), serve(t, "127.0.0.2", h)}
	f := fetcher(t, Options{Total: 4, PerHost: 2})
	var wg sync.WaitGroup
	for i := range 60 {
		wg.Go(func() {
			if _, err := f.Get(t.Context(), fmt.Sprintf("%s/%d", servers[i%3].URL, i), 10); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for name, n := range most {
		if name == "all" && n > 4 || name != "all" && n > 2 {
			t.Errorf("%d downloads of %s at once", n, name)
		}
	}
	if f.gate.busy() {
		t.Error("the gate remembers hosts")
	}
}

func TestClose(t *testing.T) {
	hang, begun := make(chan struct{}), make(chan struct{})
	s := serve(t, "127.0.0.2", func(http.ResponseWriter, *http.Request) {
		close(begun)
		<-hang
	})
	t.Cleanup(func() { close(hang) })
	f := fetcher(t, Options{})
	go func() {
		<-begun
		f.Close()
	}()
	_, err := f.Get(t.Context(), s.URL, 100)
	if e, ok := errors.AsType[*Error](err); !ok || !e.Temporary() {
		t.Errorf("a download at the stop: %v", err)
	}
	if _, err = f.Get(t.Context(), s.URL+"/b", 100); !errors.Is(err, errClosed) {
		t.Errorf("a download after the stop: %v", err)
	}
}

func TestLog(t *testing.T) {
	s := serve(t, "127.0.0.2", func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/" {
			w.WriteHeader(http.StatusNotFound)
		}
		_, _ = io.WriteString(w, "four")
	})
	var mu sync.Mutex
	var records []Record
	f := fetcher(t, Options{Log: func(r Record) {
		mu.Lock()
		defer mu.Unlock()
		records = append(records, r)
	}})
	withUser := strings.Replace(s.URL, "http://", "http://user:password@", 1)
	for _, path := range []string{"/#x", "/", "/none?a=b"} {
		_, err := f.Get(t.Context(), withUser+path, 100)
		if strings.Contains(fmt.Sprint(err), "password") {
			t.Errorf("the error has the password: %v", err)
		}
	}
	mu.Lock()
	defer mu.Unlock()
	if len(records) != 2 {
		t.Fatalf("%d records: %v", len(records), records)
	}
	if r := records[0]; r.URL != s.URL+"/" || r.Status != 200 || r.Bytes != 4 || r.Err != nil || r.Start.IsZero() {
		t.Errorf("%+v", r)
	}
	if r := records[1]; r.URL != s.URL+"/none?a=b" || r.Status != 404 || r.Bytes != 0 || !errors.Is(r.Err, ErrRefused) {
		t.Errorf("%+v", r)
	}
	if strings.Contains(fmt.Sprint(records), "password") {
		t.Errorf("the log has the password: %v", records)
	}
}

func TestNothingComesFromTheEnvironment(t *testing.T) {
	var reached atomic.Int64
	p := serve(t, "127.0.0.1", func(http.ResponseWriter, *http.Request) { reached.Add(1) })
	t.Setenv("HTTP_PROXY", p.URL)
	t.Setenv("http_proxy", p.URL)
	s := serve(t, "127.0.0.2", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(bytes.Repeat([]byte("x"), 3)) })
	f := fetcher(t, Options{Resolver: names{"a.test": "127.0.0.2"}})
	r, err := f.Get(t.Context(), "http://a.test:"+port(s), 3)
	if err != nil || len(r.Body) != 3 || reached.Load() > 0 {
		t.Errorf("%q, %v; the proxy was asked %d times", r.Body, err, reached.Load())
	}
}
