package fetch

import (
	"bufio"
	"encoding/binary"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"sync"
	"testing"
)

// proxyServer is an HTTP or SOCKS proxy that notes what it is asked for.
type proxyServer struct {
	socks  bool
	status string // of the answer to CONNECT
	mu     sync.Mutex
	asked  []string
	auth   []string
}

func (p *proxyServer) start(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0") // where the operator has it, whatever the rules say
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() { p.serve(conn) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		wg.Wait()
	})
	return l.Addr().String()
}

func (p *proxyServer) serve(conn net.Conn) {
	defer conn.Close()
	r := bufio.NewReader(conn)
	target, auth := p.http, ""
	if p.socks {
		target = p.socks5
	}
	to, auth := target(conn, r)
	p.mu.Lock()
	p.asked, p.auth = append(p.asked, to), append(p.auth, auth)
	p.mu.Unlock()
	far, err := net.Dial("tcp", to)
	if err != nil {
		return
	}
	defer far.Close()
	switch {
	case p.socks:
		_, _ = conn.Write([]byte{5, 0, 0, 1, 0, 0, 0, 0, 0, 0})
	default:
		_, _ = io.WriteString(conn, "HTTP/1.1 "+p.status+"\r\n\r\n")
	}
	if p.status != "200 ok" && !p.socks {
		return
	}
	go func() {
		_, _ = io.Copy(far, r)
		far.Close()
	}()
	_, _ = io.Copy(conn, far)
}

func (p *proxyServer) http(_ net.Conn, r *bufio.Reader) (string, string) {
	req, err := http.ReadRequest(r)
	if err != nil || req.Method != http.MethodConnect {
		return "", ""
	}
	return req.Host, req.Header.Get("Proxy-Authorization")
}

// socks5 speaks RFC 1928 with or without RFC 1929, and only for addresses of IPv4.
func (p *proxyServer) socks5(conn net.Conn, r *bufio.Reader) (string, string) {
	read := func(n int) []byte {
		b := make([]byte, n)
		_, _ = io.ReadFull(r, b)
		return b
	}
	methods := read(int(read(2)[1]))
	auth := ""
	if methods[len(methods)-1] == 2 {
		_, _ = conn.Write([]byte{5, 2})
		user := read(int(read(2)[1]))
		auth = string(user) + ":" + string(read(int(read(1)[0])))
		_, _ = conn.Write([]byte{1, 0})
	} else {
		_, _ = conn.Write([]byte{5, 0})
	}
	if head := read(4); head[3] != 1 {
		return "a name", auth
	}
	addr := netip.AddrFrom4([4]byte(read(4)))
	return netip.AddrPortFrom(addr, binary.BigEndian.Uint16(read(2))).String(), auth
}

func TestProxy(t *testing.T) {
	s := serve(t, "127.0.0.2", func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/away" {
			http.Redirect(w, r, "http://private.test/", http.StatusFound)
		}
		_, _ = io.WriteString(w, r.Host)
	})
	resolver := names{"a.test": "127.0.0.2", "private.test": "127.0.0.1"}
	for _, c := range []struct {
		name, scheme, auth, status string
		socks, fails               bool
	}{
		{"http", "http://", "", "200 ok", false, false},
		{"http with a password", "http://u:p@", "Basic dTpw", "200 ok", false, false},
		{"http that refuses", "http://", "", "403 no", false, true},
		{"socks", "socks://", "", "", true, false},
		{"socks with a password", "socks://u:p@", "u:p", "", true, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := &proxyServer{socks: c.socks, status: c.status}
			through, err := url.Parse(c.scheme + p.start(t))
			if err != nil {
				t.Fatal(err)
			}
			f := fetcher(t, Options{Resolver: resolver, Proxy: through})
			defer f.Close()
			r, err := f.Get(t.Context(), "http://a.test:"+port(s)+"/", 100)
			switch {
			case c.fails:
				want(t, err, ErrLost)
			case err != nil || string(r.Body) != "a.test:"+port(s):
				t.Errorf("%q, %v", r.Body, err)
			}
			for _, way := range []string{"http://private.test/", "http://127.0.0.1/", "http://a.test:" + port(s) + "/away"} {
				if _, err := f.Get(t.Context(), way, 100); !c.fails {
					want(t, err, ErrForbidden)
				}
			}
			p.mu.Lock()
			defer p.mu.Unlock()
			for i, to := range p.asked {
				if to != "127.0.0.2:"+port(s) || p.auth[i] != c.auth {
					t.Errorf("the proxy was asked for %q with %q", to, p.auth[i])
				}
			}
			if len(p.asked) == 0 {
				t.Error("the proxy was not asked")
			}
		})
	}
}

func TestProxyThatIsAway(t *testing.T) {
	through, _ := url.Parse("http://127.0.0.2:1")
	_, err := fetcher(t, Options{Proxy: through, Resolver: names{"a.test": "127.0.0.2"}}).Get(t.Context(), "http://a.test/", 100)
	want(t, err, ErrLost)
	for in, out := range map[string]string{"http://a": "a:80", "socks://a": "a:1080", "socks://[::1]": "[::1]:1080", "http://a:3128": "a:3128"} {
		u, _ := url.Parse(in)
		if got := withPort(u).Host; got != out {
			t.Errorf("%s leads to %s", in, got)
		}
	}
}
