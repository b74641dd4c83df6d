package console

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Health is asked by those who watch over the daemon.
type Health interface {
	// Alive is an error when the program does not do its work any more and should be started again.
	Alive(ctx context.Context) error
	// Ready says in words what keeps it from taking or sending mail now; nothing: nothing does.
	Ready(ctx context.Context) []string
	// Warnings says what else is not as it should be.
	Warnings(ctx context.Context) []string
}

func (s *Server) healthz(w http.ResponseWriter, r *http.Request) {
	if s.p.Health == nil {
		notBuilt.send(w)
		return
	}
	if err := s.p.Health.Alive(r.Context()); err != nil {
		verdict(w, []string{err.Error()})
		return
	}
	verdict(w, nil)
}

func (s *Server) readyz(w http.ResponseWriter, r *http.Request) {
	if s.p.Health == nil {
		notBuilt.send(w)
		return
	}
	verdict(w, s.p.Health.Ready(r.Context()))
}

// verdict is one line for each reason, or ok.
func verdict(w http.ResponseWriter, wrong []string) {
	h := w.Header()
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	if len(wrong) == 0 {
		_, _ = io.WriteString(w, "ok\n")
		return
	}
	w.WriteHeader(http.StatusServiceUnavailable)
	for _, reason := range wrong {
		_, _ = fmt.Fprintln(w, strings.ReplaceAll(reason, "\n", " "))
	}
}

// mostScrapes is how many collections of metrics go on at a time.
const mostScrapes = 3

func (s *Server) newMetrics() http.Handler {
	if s.o.Gatherer == nil {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { notBuilt.send(w) })
	}
	return promhttp.HandlerFor(s.o.Gatherer, promhttp.HandlerOpts{
		MaxRequestsInFlight: mostScrapes, Timeout: 10 * time.Second, ErrorHandling: promhttp.ContinueOnError,
	})
}
