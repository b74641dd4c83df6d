// Package console is the web console: an HTTP server with the pages, the API that they and scripts use, websockets, metrics and
// health checks (reference: console.md, config.md sections 3.12 and 3.15).
//
// What it promises: every route but the pages, the login and the health checks needs a login; a change needs that its page is
// ours, too. Without a login the console is reached from this machine alone. Whatever a stranger sends is bounded in size, number
// and time, and a stranger cannot keep out who is logged in. A panic ends one request. Text from elsewhere leaves as JSON, and the
// pages may run no script but their own (Content-Security-Policy).
//
// What the daemon knows and does comes in through interfaces; the console keeps nothing but sessions, in memory.
//
// It keeps RFC 9110 as net/http does, RFC 6750 (bearer tokens) and RFC 6455 (websockets). Goroutines: one for each port, one for
// each connection, all of them gone when Stop has returned.
package console

import (
	"context"
	"log/slog"
	"net/netip"
	"time"

	"posthoorn/internal/login"
	"posthoorn/internal/mailauth/lookup"
	"posthoorn/internal/monitor"
	"posthoorn/internal/settings"
	"posthoorn/internal/stats"

	"github.com/prometheus/client_golang/prometheus"
)

// Options say how a console is reached.
type Options struct {
	Address       string // host:port for HTTP; empty: none
	SecureAddress string // host:port for HTTPS; empty: none. With both, HTTP leads to HTTPS
	Certificate   string // PEM files, of SecureAddress
	Key           string
	Ciphers       []uint16

	Login    Login    // nil: everybody who reaches the console may do everything; then it listens on loopback alone
	Password bool     // the login asks for a password and no user: it is always that of PasswordUser
	Names    []string // of this host, that browsers may call it by
	URL      string   // of the console as browsers see it, when a proxy stands before it

	Dir          string // with other pages than the embedded ones
	CacheControl string // of pages and their parts; empty: what is right for each
	Requests     int    // at a time, websockets included; 0: 10
	Profile      bool   // /debug/pprof/, for who comes from this machine

	Access     func(r Access) // called for each request; nil: nobody wants to know
	Gatherer   prometheus.Gatherer
	Registerer prometheus.Registerer // nil: the console's own metrics are not registered
	Log        *slog.Logger          // nil: slog.Default
}

// Parts are what a console shows and does. Where one is nil, its routes answer 501.
type Parts struct {
	Instance    Instance
	Tokens      Tokens // nil: there are none
	Operator    Operator
	Destination func(text string) (string, error) // as people write it, to the form that the Operator wants
	Health      Health
	Traffic     Traffic
	Stats       *stats.Board
	Monitor     *monitor.Hub
	Incoming    func() int                                // SMTP clients
	Name        func(ip netip.Addr) (name, origin string) // of one of our addresses; the origin is row, dns or empty. It does not wait
	Settings    func() *settings.Snapshot
	Editor      Editor
	Logs        Logs
	Door        Door
	DNS         lookup.TXT // answers as of now: who asks has just changed a record
	KeyInDNS    func()     // told when the DNS was seen to have the public half of a key; nil: nobody wants to know
}

// Login checks who wants to come in; *login.Guard is one. An error says that it could not be found out, or that there were too
// many wrong tries.
type Login interface {
	Check(ctx context.Context, try login.Try) (ok bool, err error)
}

// PasswordUser is the user of a console that asks for a password alone.
const PasswordUser = "console"

// Tokens are the secrets of scripts.
type Tokens interface {
	// TokenName finds the name of a token by what a client shows. How long that takes says nothing about the tokens.
	TokenName(token string) (name string, ok bool)
}

// Instance says who this is.
type Instance struct {
	Hostname string
	Version  string
	Started  time.Time
	ServerID int
	Queue    string // embedded, or where the broker is
	Sources  func() []netip.Addr
}

// Access is one request, for the log.
type Access struct {
	Time    time.Time
	Peer    netip.Addr
	User    string
	Request string // method and path
	Status  int
}

const usualRequests = 10
