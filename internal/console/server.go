package console

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"time"

	"posthoorn/internal/certs"
)

// Server is the console.
type Server struct {
	o        Options
	p        Parts // from Serve on
	log      *slog.Logger
	tls      *tls.Config // nil: no HTTPS
	pages    fs.FS
	closer   io.Closer // of pages
	crowd    *crowd
	places   *places
	sessions *sessions
	cards    *cards
	open     string // what changes show when there is no login
	meters   *meters
	moments  moments
	waits    waits
	census   census
	searches chan struct{} // one for each that is going on
	tests    tests
	scrape   http.Handler
	http     *http.Server
	ports    []port
	running  sync.WaitGroup
	gate     sync.Mutex      // between sockets and stop
	sockets  sync.WaitGroup  // open websockets
	ctx      context.Context // ends with Stop, and all requests with it
	cancel   context.CancelFunc
}

// port is one that we listen on.
type port struct {
	net.Listener
	handler http.Handler
}

// New makes a console; Listen opens its ports. An error says what the operator has to change.
func New(o Options) (*Server, error) {
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.Requests <= 0 {
		o.Requests = usualRequests
	}
	s := &Server{
		o: o, log: o.Log, crowd: newCrowd(4*o.Requests + 32), places: newPlaces(o.Requests, max(16, o.Requests)),
		sessions: newSessions(time.Now), cards: newCards(), open: secret(), meters: newMeters(o.Registerer),
		searches: make(chan struct{}, mostSearches),
	}
	if err := s.closedIn(); err != nil {
		return nil, err
	}
	var err error
	if s.o.SecureAddress != "" {
		if s.tls, err = certs.Server(certs.Files{Of: "console", Certificate: o.Certificate, Key: o.Key, Log: o.Log}, o.Ciphers); err != nil {
			return nil, err
		}
	}
	if s.pages, s.closer, err = openPages(o.Dir); err != nil {
		return nil, fmt.Errorf("www-dir: %w", err)
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.http, s.scrape = s.newHTTP(), s.newMetrics()
	return s, nil
}

// closedIn makes sure that a console without a login is reached from this machine alone.
func (s *Server) closedIn() error {
	if s.o.Login != nil {
		return nil
	}
	for _, address := range []string{s.o.Address, s.o.SecureAddress} {
		if address == "" {
			continue
		}
		if ip := peerOf(address); !ip.IsLoopback() {
			return fmt.Errorf("the console may not listen on %s without a login: set www-password or www-auth", address)
		}
	}
	return nil
}

const (
	headerTime = 10 * time.Second
	readTime   = 20 * time.Second // header and body
	idleTime   = time.Minute      // between two requests
	maxHeader  = 16 << 10
)

func (s *Server) newHTTP() *http.Server {
	return &http.Server{
		ReadHeaderTimeout: headerTime, ReadTimeout: readTime, IdleTimeout: idleTime, MaxHeaderBytes: maxHeader,
		BaseContext: func(net.Listener) context.Context { return s.ctx },
		ConnContext: withGuest,
		ErrorLog:    log.New(complaints{s.log}, "", 0),
	}
}

type guestKey struct{}

func withGuest(ctx context.Context, c net.Conn) context.Context {
	if t, ok := c.(*tls.Conn); ok {
		c = t.NetConn()
	}
	return context.WithValue(ctx, guestKey{}, c)
}

// guestOf is the connection of a request; nil in tests without one.
func guestOf(ctx context.Context) *guest {
	g, _ := ctx.Value(guestKey{}).(*guest)
	return g
}

// complaints are those of net/http, mostly of what strangers do wrong.
type complaints struct{ log *slog.Logger }

func (c complaints) Write(line []byte) (int, error) {
	c.log.Debug("a connection to the console failed", "error", strings.TrimSpace(string(line)))
	return len(line), nil
}

// Listen opens the ports of the options, or none. Call Serve after it; between the two the process may change its user.
func (s *Server) Listen() error {
	handler := s.handler()
	plain := handler
	if s.o.SecureAddress != "" {
		plain = s.redirect(handler)
	}
	for _, p := range []struct {
		address string
		handler http.Handler
		tls     *tls.Config
	}{{s.o.Address, plain, nil}, {s.o.SecureAddress, handler, s.tls}} {
		if p.address == "" {
			continue
		}
		l, err := net.Listen("tcp", p.address)
		if err != nil {
			_ = s.closePorts()
			return fmt.Errorf("console: %w", err)
		}
		l = s.crowd.listener(l)
		if p.tls != nil {
			p.tls.NextProtos = []string{"http/1.1"} // one request of a connection at a time, so that www-connections means something
			l = tls.NewListener(l, p.tls)
		}
		s.ports = append(s.ports, port{l, p.handler})
	}
	return nil
}

func (s *Server) closePorts() (err error) {
	for _, p := range s.ports {
		err = errors.Join(err, p.Close())
	}
	return err
}

// Addresses are where the console listens: HTTP first.
func (s *Server) Addresses() []net.Addr {
	list := make([]net.Addr, len(s.ports))
	for i, p := range s.ports {
		list[i] = p.Addr()
	}
	return list
}

// Serve starts to accept connections and returns at once.
func (s *Server) Serve(p Parts) {
	s.p = p
	s.http.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if len(r.TransferEncoding) > 0 {
			w.Header().Set("Connection", "close") // it may have had a Content-Length too, which a proxy may have believed (RFC 9112 section 6.3)
		}
		s.handlerOf(r).ServeHTTP(w, r)
	})
	for _, p := range s.ports {
		s.running.Go(func() {
			if err := s.http.Serve(p.Listener); err != nil && s.ctx.Err() == nil {
				s.log.Error("the console listens no more", "address", p.Addr(), "error", err)
			}
		})
	}
	if s.o.Login == nil {
		s.log.Warn("the console asks for no login and so is reached from this machine alone; set www-password or www-auth to open it")
	}
}

// handlerOf is that of the port: one of TLS, or the other.
func (s *Server) handlerOf(r *http.Request) http.Handler {
	if r.TLS == nil {
		return s.ports[0].handler
	}
	return s.ports[len(s.ports)-1].handler
}

// Stop ends all sessions and requests, and returns when they are gone or ctx ends.
func (s *Server) Stop(ctx context.Context) {
	s.gate.Lock()
	s.cancel()
	s.gate.Unlock()
	s.sessions.closeAll()
	_ = s.closePorts()
	if err := s.http.Shutdown(ctx); err != nil {
		_ = s.http.Close()
	}
	s.running.Wait()
	s.sockets.Wait()
	_ = s.closer.Close()
}

// redirect leads browsers from HTTP to HTTPS. Health checks are answered on both.
func (s *Server) redirect(handler http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/healthz" || r.URL.Path == "/readyz" {
			handler.ServeHTTP(w, r)
			return
		}
		answerWithin(w, answerTime)
		host := hostOf(r.Host)
		if _, err := netip.ParseAddr(host); err != nil && !isName(host) {
			http.Error(w, "this request names no host", http.StatusBadRequest)
			return
		}
		if port := portOf(s.ports[len(s.ports)-1].Addr().String()); port != 443 {
			host = net.JoinHostPort(host, strconv.Itoa(int(port)))
		} else if strings.Contains(host, ":") {
			host = "[" + host + "]"
		}
		http.Redirect(w, r, "https://"+host+r.URL.RequestURI(), http.StatusPermanentRedirect)
	})
}

// isName says that a text can be a host name.
func isName(host string) bool {
	return host != "" && strings.Trim(strings.ToLower(host), "abcdefghijklmnopqrstuvwxyz0123456789-._") == ""
}
