package console

import (
	"net/http"
	"net/netip"
	"strings"
	"time"
)

// sessionAnswer is what GET /session says. Who is not logged in hears no more than how to.
type sessionAnswer struct {
	Login         string          `json:"login"`
	Authenticated bool            `json:"authenticated"`
	User          string          `json:"user,omitempty"`
	CSRF          string          `json:"csrf,omitempty"`
	Instance      *instanceAnswer `json:"instance,omitempty"`
}

type instanceAnswer struct {
	Hostname string       `json:"hostname"`
	Version  string       `json:"version"`
	Started  time.Time    `json:"started"`
	ServerID int          `json:"server_id"`
	Queue    string       `json:"queue"`
	Sources  []netip.Addr `json:"sources"`
}

func (s *Server) getSession(c *call) (any, error) {
	a := sessionAnswer{Login: s.loginKind()}
	if !c.caller.known {
		return a, nil
	}
	if err := s.rightHost(c.Request); err != nil {
		return nil, err
	}
	a.Authenticated, a.User = true, c.caller.name
	if !c.caller.script {
		a.CSRF = s.csrf(&c.caller)
	}
	i := &s.p.Instance
	a.Instance = &instanceAnswer{i.Hostname, i.Version, i.Started.UTC().Truncate(time.Second), i.ServerID, i.Queue, []netip.Addr{}}
	if i.Sources != nil {
		a.Instance.Sources = append(a.Instance.Sources, i.Sources()...)
	}
	return a, nil
}

// loginKind is what the pages have to ask for.
func (s *Server) loginKind() string {
	switch {
	case s.o.Login == nil:
		return "none"
	case s.o.Password:
		return "password"
	}
	return "user"
}

// login begins a new session, whatever one the browser had before.
func (s *Server) login(c *call) (any, error) {
	if s.o.Login == nil {
		return nil, deny(http.StatusNotFound, "this console asks for no login")
	}
	var in struct {
		User     string `json:"user"`
		Password string `json:"password"`
	}
	if err := c.body(&in); err != nil {
		return nil, err
	}
	if s.o.Password {
		in.User = PasswordUser
	}
	try := s.try(c.peer, in.User, in.Password)
	try.Client = s.cards.of(s.card(c.Request), in.User)
	user, err := s.check(c.Context(), try)
	if err != nil {
		return nil, err
	}
	s.forget(c)
	s.meters.logins.WithLabelValues("done").Inc()
	s.log.Info("a login to the console", "peer", c.peer, "user", user)
	http.SetCookie(c.w, s.cookie(c.Request, s.sessions.open(user)))
	if try.Client == "" {
		s.giveCard(c, in.User)
	}
	return nothing{}, nil
}

func (s *Server) logout(c *call) (any, error) {
	if err := c.empty(); err != nil {
		return nil, err
	}
	s.forget(c)
	old := s.cookie(c.Request, "")
	old.MaxAge = -1
	http.SetCookie(c.w, old)
	return nothing{}, nil
}

// forget ends the session of the browser.
func (s *Server) forget(c *call) {
	if old, err := c.Cookie(s.cookieName(c.Request)); err == nil {
		s.sessions.close(old.Value)
	}
}

// cookie is one for TLS alone where the page came over TLS, from us or from a proxy before us: its origin was looked at.
func (s *Server) cookie(r *http.Request, value string) *http.Cookie {
	secure := r.TLS != nil || strings.HasPrefix(r.Header.Get("Origin"), "https://")
	return &http.Cookie{Name: s.cookieName(r), Value: value, Path: "/", HttpOnly: true, Secure: secure, SameSite: http.SameSiteStrictMode}
}
