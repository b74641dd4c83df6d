package console

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"time"
	"unicode"

	"posthoorn/internal/login"
)

// caller is who sends a request.
type caller struct {
	known   bool
	name    string   // of the user or the token, for the audit trail; empty: it is not asked
	session *session // of a browser; nil: a token, or there is no login
	token   string   // of a script
	script  bool     // it shows its secret with each request, which no browser does by itself
}

// who is the name for the audit trail. That of a user stands in quotes where it could pass for something else.
func (c *caller) who() string {
	switch {
	case c.name == "":
		return "console"
	case !c.script && odd(c.name):
		return strconv.QuoteToASCII(c.name)
	}
	return c.name
}

func odd(name string) bool {
	plain := strings.ToLower(strings.TrimSpace(name))
	for _, other := range []string{"token ", "command line", "console", "\""} {
		if strings.HasPrefix(plain, other) {
			return true
		}
	}
	return strings.TrimSpace(name) != name || strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) })
}

// identify finds out who is calling. An error is for who tried to log in and did not succeed.
func (s *Server) identify(r *http.Request, need need) (caller, error) {
	if header := r.Header.Get("Authorization"); header != "" {
		return s.byHeader(r, header, need)
	}
	if s.o.Login == nil {
		return caller{known: true}, nil
	}
	if c, err := r.Cookie(s.cookieName(r)); err == nil {
		if one := s.sessions.find(c.Value); one != nil {
			return caller{known: true, name: one.user, session: one}, nil
		}
	}
	return caller{}, nil
}

func (s *Server) byHeader(r *http.Request, header string, need need) (caller, error) {
	scheme, token, _ := strings.Cut(header, " ")
	switch {
	case strings.EqualFold(scheme, "Bearer") && s.p.Tokens != nil:
		return s.byToken(r, strings.TrimSpace(token))
	case s.o.Login == nil && need == scraper:
		return caller{known: true}, nil // it shows a password that nobody asked for
	case strings.EqualFold(scheme, "Basic") && need == scraper:
		user, password, _ := r.BasicAuth()
		name, err := s.check(r.Context(), s.try(peerOf(r.RemoteAddr), user, password))
		return caller{known: err == nil, name: name, script: true}, err
	}
	return caller{}, deny(http.StatusUnauthorized, "this kind of login is not possible here")
}

// wrongToken is how long an answer to a wrong token takes. Places of strangers are few, and so are guesses.
const wrongToken = time.Second

func (s *Server) byToken(r *http.Request, token string) (caller, error) {
	if name, ok := s.p.Tokens.TokenName(token); ok {
		return caller{known: true, name: "token " + name, script: true, token: token}, nil
	}
	leave, ok := s.places.stranger(peerOf(r.RemoteAddr).String())
	if !ok {
		return caller{}, deny(http.StatusTooManyRequests, "too many wrong tokens at a time")
	}
	defer leave()
	s.meters.logins.WithLabelValues("wrong token").Inc()
	select {
	case <-time.After(wrongToken):
	case <-r.Context().Done():
	}
	return caller{}, deny(http.StatusUnauthorized, "there is no such token")
}

// try is an attempt to log in. With www-url there is a proxy that all may come by.
func (s *Server) try(peer netip.Addr, user, password string) login.Try {
	if s.o.Password {
		user = PasswordUser
	}
	return login.Try{From: peer, User: user, Password: password, Shared: s.o.URL != ""}
}

// check asks the login, and says who the user is; one that was not asked for is not told.
func (s *Server) check(ctx context.Context, try login.Try) (name string, err error) {
	if !s.o.Password {
		name = try.User
	}
	ok, err := s.o.Login.Check(ctx, try)
	switch {
	case errors.Is(err, login.ErrBlocked), errors.Is(err, login.ErrLater):
		s.meters.logins.WithLabelValues("put off").Inc()
		p := deny(http.StatusTooManyRequests, "%v: try again in some minutes", err)
		p.after = time.Minute
		return "", p
	case err != nil:
		s.meters.logins.WithLabelValues("failed").Inc()
		s.log.Error("a login to the console could not be checked", "peer", try.From, "error", err)
		return "", deny(http.StatusServiceUnavailable, "the login cannot be checked now; the log says why")
	case !ok:
		s.meters.logins.WithLabelValues("wrong").Inc()
		return "", deny(http.StatusUnauthorized, "wrong login")
	}
	return name, nil
}

// stillKnown says that a caller may go on with what takes long.
func (s *Server) stillKnown(c *caller) bool {
	if c.session != nil {
		return s.sessions.alive(c.session)
	}
	if c.token != "" {
		_, ok := s.p.Tokens.TokenName(c.token)
		return ok
	}
	return true
}

// admit says no to what may not be: who is not known, who comes from a page of somebody else, and what is meant for another host.
func (s *Server) admit(r *http.Request, route *route, c *caller) error {
	if err := s.rightHost(r); err != nil && route.who != anybody {
		return err
	}
	if !c.known && route.who != anybody {
		return deny(http.StatusUnauthorized, "log in first")
	}
	if route.socket != nil || changes(r.Method) {
		if err := s.ownPage(r); err != nil {
			return err
		}
	}
	if changes(r.Method) && route.who != anybody && !c.script && !same(r.Header.Get("X-CSRF-Token"), s.csrf(c)) {
		return deny(http.StatusForbidden, "the header X-CSRF-Token is missing or is not that of this session")
	}
	return nil
}

func changes(method string) bool { return method != http.MethodGet && method != http.MethodHead }

// csrf is what changes must show: a page of somebody else cannot know it.
func (s *Server) csrf(c *caller) string {
	if c.session != nil {
		return c.session.csrf
	}
	return s.open
}

// cookieName differs from port to port: browsers keep the cookies of a host together. Over TLS no page in clear can set it.
func (s *Server) cookieName(r *http.Request) string {
	name := "posthoorn"
	if a, ok := r.Context().Value(http.LocalAddrContextKey).(fmt.Stringer); ok {
		name += fmt.Sprintf("-%d", portOf(a.String()))
	}
	if r.TLS != nil {
		return "__Host-" + name
	}
	return name
}

func portOf(hostPort string) uint16 {
	p, _ := netip.ParseAddrPort(hostPort)
	return p.Port()
}
