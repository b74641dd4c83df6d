package console

import (
	"net/http"
	"strings"
	"time"
)

// route is one thing that can be asked for.
type route struct {
	method string // empty: any
	path   string // as http.ServeMux has it
	who    need
	time   time.Duration // that it may take; 0: usualTime
	call   func(*call) (any, error)
	serve  http.HandlerFunc // instead of call: it writes the answer itself
	socket func(*call)      // instead of call: a websocket, without a limit of time
}

// need is who may use a route.
type need uint8

const (
	member  need = iota // who is logged in
	scraper             // the same, with HTTP Basic too: no browser sends that by itself to a path that it never asked for
	anybody
)

const (
	usualTime  = 20 * time.Second
	publicTime = 10 * time.Second
	loginTime  = 40 * time.Second // wrong ones are answered late
	actionTime = 10 * time.Minute // for what works through all mail of a destination
)

const api = "/api/v1"

// routes are all that there are but the pages.
func (s *Server) routes() []route {
	return []route{
		{method: "GET", path: api + "/session", who: anybody, call: s.getSession},
		{method: "POST", path: api + "/login", who: anybody, time: loginTime, call: s.login},
		{method: "POST", path: api + "/logout", call: s.logout},
		{method: "GET", path: api + "/destinations/{destination}", call: s.explain},
		{method: "POST", path: api + "/destinations/{destination}/preview", call: s.previewAction},
		{method: "POST", path: api + "/destinations/{destination}/retry", time: actionTime, call: s.retryNow},
		{method: "POST", path: api + "/destinations/{destination}/fail", time: actionTime, call: s.fail},
		{method: "POST", path: api + "/destinations/{destination}/move", time: actionTime, call: s.move},
		{method: "GET", path: api + "/backlog", call: s.backlog},
		{method: "GET", path: api + "/overview", call: s.getOverview},
		{method: "GET", path: api + "/history", call: s.getHistory},
		{method: "GET", path: api + "/sources", call: s.getSources},
		{method: "GET", path: api + "/domains", call: s.getDomains},
		{method: "GET", path: api + "/tags", call: s.getTags},
		{method: "GET", path: api + "/tables", call: s.edited(getTables)},
		{method: "GET", path: api + "/tables/{table}", call: s.edited(getRows)},
		{method: "POST", path: api + "/tables/{table}", call: s.edited(insertRow)},
		{method: "POST", path: api + "/tables/{table}/preview", call: s.edited(s.preview)},
		{method: "PUT", path: api + "/tables/{table}/{id}", call: s.edited(updateRow)},
		{method: "DELETE", path: api + "/tables/{table}/{id}", call: s.edited(deleteRow)},
		{method: "GET", path: api + "/changes", call: s.edited(getChanges)},
		{method: "POST", path: api + "/changes/{id}/preview", call: s.edited(s.previewUndo)},
		{method: "POST", path: api + "/changes/{id}/undo", call: s.edited(undoChange)},
		{method: "POST", path: api + "/patterns/test", call: s.testPattern},
		{method: "POST", path: api + "/dkim/generate", call: s.edited(s.generateKey)},
		{method: "POST", path: api + "/dkim/generate/preview", call: s.edited(s.previewKey)},
		{method: "GET", path: api + "/dkim/{id}/record", call: s.edited(s.keyRecord)},
		{method: "POST", path: api + "/dkim/{id}/check", call: s.edited(s.checkKey)},
		{method: "GET", path: api + "/logs/{kind}", time: searchTime, call: s.getLogs},
		{method: "POST", path: api + "/test-messages", call: s.sendTest},
		{method: "GET", path: api + "/test-messages/{id}", call: s.getTest},
		{method: "GET", path: api + "/openapi.yaml", who: anybody, serve: s.openAPI},
		{method: "GET", path: api + "/live", socket: s.live},
		{method: "GET", path: api + "/monitor", socket: s.smtp},
		{method: "GET", path: "/metrics", who: scraper, serve: s.scrape.ServeHTTP},
		{method: "GET", path: "/healthz", who: anybody, serve: s.healthz},
		{method: "GET", path: "/readyz", who: anybody, serve: s.readyz},
		{method: "GET", path: "/debug/pprof/", time: profileTime, serve: s.profile},
		{path: "/", who: anybody, serve: s.page},
	}
}

// handler leads requests to their routes.
func (s *Server) handler() http.Handler {
	mux := http.NewServeMux()
	for _, r := range s.routes() {
		mux.HandleFunc(strings.TrimSpace(r.method+" "+r.path), func(w http.ResponseWriter, q *http.Request) { s.serveRoute(w, q, &r) })
	}
	lost := route{serve: func(w http.ResponseWriter, q *http.Request) { s.lost(mux, w, q) }}
	mux.HandleFunc("/api/", func(w http.ResponseWriter, q *http.Request) { s.serveRoute(w, q, &lost) })
	return mux
}

// lost answers what leads nowhere.
func (s *Server) lost(mux *http.ServeMux, w http.ResponseWriter, q *http.Request) {
	for _, method := range []string{"GET", "POST", "PUT", "DELETE"} {
		other := q.Clone(q.Context())
		other.Method = method
		if _, pattern := mux.Handler(other); pattern != "/api/" {
			w.Header().Add("Allow", method)
		}
	}
	if w.Header().Get("Allow") != "" {
		deny(http.StatusMethodNotAllowed, "%s is not possible here", q.Method).send(w)
		return
	}
	deny(http.StatusNotFound, "there is no such call: see %s/openapi.yaml", api).send(w)
}
