package console

import (
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
)

// ownPage refuses what a page of somebody else has sent (T23). Browsers say where a request comes from, with Sec-Fetch-Site or
// Origin; who says neither is no browser.
func (s *Server) ownPage(r *http.Request) error {
	foreign := deny(http.StatusForbidden, "this request comes from a page that is not of this console")
	switch r.Header.Get("Sec-Fetch-Site") {
	case "same-origin", "":
	default:
		return foreign
	}
	origin := r.Header.Get("Origin")
	if origin == "" {
		return nil
	}
	u, err := url.Parse(origin)
	if err != nil || u.Host == "" || !s.isOwn(u, r) {
		return foreign
	}
	return nil
}

// isOwn says that an origin is that of the request, or that of the proxy before us.
func (s *Server) isOwn(u *url.URL, r *http.Request) bool {
	if own, err := url.Parse(s.o.URL); s.o.URL != "" && err == nil && strings.EqualFold(u.Host, own.Host) && u.Scheme == own.Scheme {
		return true
	}
	return strings.EqualFold(u.Host, r.Host) && (r.TLS == nil || u.Scheme == "https")
}

// rightHost keeps out pages that have their own name point to this machine (DNS rebinding). With a login that is no danger: their
// browser has no session for that name. It keeps out, too, whom a proxy on this machine brings along.
func (s *Server) rightHost(r *http.Request) error {
	if s.o.Login != nil {
		return nil
	}
	if s.o.URL == "" && byProxy(r) {
		return deny(http.StatusForbidden, "this request comes by way of a proxy, and no login is asked for here: set www-password, or name the proxy in www-url if it lets in nobody else")
	}
	host := strings.ToLower(strings.TrimSuffix(hostOf(r.Host), "."))
	if _, err := netip.ParseAddr(host); err == nil || host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return nil
	}
	for _, name := range s.o.Names {
		if strings.EqualFold(host, name) {
			return nil
		}
	}
	return deny(http.StatusForbidden, "%.100q is no name of this console: without a login it answers to its IP address and its own name; set www-password to use others", host)
}

// byProxy says that a proxy has handed a request on, as far as it says so.
func byProxy(r *http.Request) bool {
	for _, name := range []string{"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-Ip", "Via"} {
		if r.Header.Get(name) != "" {
			return true
		}
	}
	return false
}

// hostOf is a host without port and brackets.
func hostOf(hostPort string) string {
	if host, _, err := net.SplitHostPort(hostPort); err == nil {
		return host
	}
	return strings.Trim(hostPort, "[]")
}
