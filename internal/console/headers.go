package console

import "net/http"

// policy lets the pages load their own scripts, styles and pictures, speak with the console, and nothing else (T22).
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
	"frame-ancestors 'none'; base-uri 'none'; form-action 'self'"

func (s *Server) harden(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	if r.TLS != nil && s.alwaysTLS() {
		h.Set("Strict-Transport-Security", "max-age=31536000")
	}
}

// alwaysTLS says that browsers may be told to use nothing but TLS with this host. They remember it for all ports, so it is right
// only where HTTP and HTTPS have the usual ones.
func (s *Server) alwaysTLS() bool {
	plain := portOf(s.o.Address)
	return portOf(s.o.SecureAddress) == 443 && (plain == 0 || plain == 80)
}
