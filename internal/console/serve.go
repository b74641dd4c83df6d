package console

import (
	"context"
	"fmt"
	"net/http"
	"runtime/debug"
	"time"
)

// serveRoute works on one request, from the gate to the log.
func (s *Server) serveRoute(w http.ResponseWriter, r *http.Request, route *route) {
	record := &recorder{ResponseWriter: w}
	c := &call{Request: r, w: record, peer: peerOf(r.RemoteAddr)}
	defer s.logged(c, route, record, time.Now())
	defer s.recovered(c, record)
	answerWithin(record, answerTime)
	s.harden(record, r)
	var err error
	if c.caller, err = s.identify(r, route.who); err == nil {
		err = s.admit(r, route, &c.caller)
	}
	if err != nil {
		problemOf(err).send(record)
		return
	}
	leave, ok := s.place(c, route)
	if !ok {
		full := deny(http.StatusServiceUnavailable, "the console has its hands full: www-connections requests are being worked on")
		full.after = time.Second
		full.send(record)
		return
	}
	defer leave()
	s.carryOut(c, route)
}

// place is one to work on a request. A connection that serves somebody who is logged in is kept meanwhile.
func (s *Server) place(c *call, route *route) (leave func(), ok bool) {
	if !c.caller.known {
		return s.outside(c.Request)
	}
	free, ok := s.places.member()
	if !ok && route.who == anybody {
		return s.outside(c.Request)
	}
	g := guestOf(c.Context())
	if !ok || g == nil {
		return free, ok
	}
	g.hold()
	return func() { g.release(); free() }, true
}

// outside is a place for who is not logged in.
func (s *Server) outside(r *http.Request) (leave func(), ok bool) {
	if card := s.card(r); s.cards.genuine(card) {
		return s.places.known(card)
	}
	return s.places.stranger(peerOf(r.RemoteAddr).String())
}

// carryOut has the route do its work, in the time that it has.
func (s *Server) carryOut(c *call, route *route) {
	if route.socket != nil {
		route.socket(c)
		return
	}
	limit := route.time
	switch {
	case limit > 0:
	case route.who == anybody:
		limit = publicTime
	default:
		limit = usualTime
	}
	answerWithin(c.w, limit+answerTime)
	ctx, cancel := context.WithTimeout(c.Context(), limit)
	defer cancel()
	if route.serve != nil {
		route.serve(c.w, c.Request.WithContext(ctx))
		return
	}
	c = c.limited(ctx)
	c.answer(route.call(c))
}

// answerTime is what an answer may take on its way, beside the time that it took to make.
const answerTime = 20 * time.Second

func answerWithin(w http.ResponseWriter, d time.Duration) {
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(d))
}

// recovered keeps a panic from ending more than its request.
func (s *Server) recovered(c *call, w *recorder) {
	v := recover()
	if v == nil {
		return
	}
	s.log.Error("the program failed at a request to the console", "request", c.Method+" "+c.URL.Path, "error", v, "stack", string(debug.Stack()))
	if w.status == 0 {
		deny(http.StatusInternalServerError, "the daemon failed at this request; its log has the details").send(w)
	}
}

// logged counts the request and tells the log.
func (s *Server) logged(c *call, route *route, w *recorder, begun time.Time) {
	s.meters.requests.WithLabelValues(route.class(), fmt.Sprintf("%dxx", max(w.status, http.StatusOK)/100)).Inc()
	if route.socket == nil {
		s.meters.seconds.WithLabelValues(route.class()).Observe(time.Since(begun).Seconds())
	}
	if s.o.Access != nil {
		s.o.Access(Access{begun, c.peer, c.caller.name, c.Method + " " + c.URL.RequestURI(), max(w.status, http.StatusOK)})
	}
}

// class is what a request counts under.
func (r *route) class() string {
	switch {
	case r.socket != nil:
		return "websocket"
	case r.call != nil:
		return "api"
	case r.path == "/metrics", r.path == "/healthz", r.path == "/readyz":
		return "probe"
	}
	return "page"
}

// recorder remembers the status of an answer.
type recorder struct {
	http.ResponseWriter
	status int
}

func (r *recorder) WriteHeader(status int) {
	if r.status == 0 {
		r.status = status
	}
	r.ResponseWriter.WriteHeader(status)
}

func (r *recorder) Write(b []byte) (int, error) {
	if r.status == 0 {
		r.status = http.StatusOK
	}
	return r.ResponseWriter.Write(b)
}

// Unwrap is for http.ResponseController.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }
