package console

import (
	"net/http"
	"net/http/pprof"
	"strings"
	"time"
)

// profileTime is what the collection of a profile may take.
const profileTime = 2 * time.Minute

// profile serves the profiles of Go to who is on this machine. The command line is not among them: it may have passwords.
func (s *Server) profile(w http.ResponseWriter, r *http.Request) {
	if !s.o.Profile {
		deny(http.StatusNotFound, "www-pprof is off").send(w)
		return
	}
	if !peerOf(r.RemoteAddr).IsLoopback() || byProxy(r) {
		deny(http.StatusForbidden, "profiles are for who comes from this machine").send(w)
		return
	}
	switch strings.TrimPrefix(r.URL.Path, "/debug/pprof/") {
	case "profile":
		pprof.Profile(w, r)
	case "trace":
		pprof.Trace(w, r)
	case "symbol":
		pprof.Symbol(w, r)
	case "cmdline":
		http.NotFound(w, r)
	default:
		pprof.Index(w, r)
	}
}
