package deliver

import (
	"cmp"
	"net/netip"
	"time"
)

// Dial says where a connection goes and how.
type Dial struct {
	ID       uint64     // the caller's, for its own use
	Source   netip.Addr // address to send from; zero: the kernel's choice
	Name     string     // what EHLO says: host name or address literal; the local address if it is neither
	Domain   string     // that it is opened for, for those who watch; it may carry mail to others, too
	Targets  []Target   // tried in order until one can be used
	TLS      TLS
	Auth     Auth // zero: no login
	Timeouts Timeouts
}

// Target is one server that may take the mail.
type Target struct {
	Host string // name, for SNI and verification; may be empty
	Addr netip.AddrPort
}

// Level is how much encryption is asked for (message-json.md section 5).
type Level uint8

// The levels.
const (
	TLSNone   Level = iota // STARTTLS is not used
	TLSMay                 // used when offered; if it fails, once more in clear
	TLSMust                // without it the target cannot be used; the certificate does not matter
	TLSVerify              // and the certificate must be good for one of the names
)

// TLS is the policy of a connection.
type TLS struct {
	Level Level
	Names []string // for TLSVerify: names one of which the certificate must carry; none: the target's host
}

// Auth is the login. STARTTLS is used for it when offered, TLSNone or not. Without encryption nothing is sent unless Clear
// is set and the server offers no STARTTLS; a server (or somebody between) that does not offer it then gets the password.
type Auth struct {
	Username, Password string
	Clear              bool
}

// Timeouts bound every wait. Zero fields have the values of RFC 5321 section 4.5.3.2 where it names one.
type Timeouts struct {
	Connect  time.Duration // 30 s
	Greeting time.Duration // 5 min
	Hello    time.Duration // EHLO, HELO, STARTTLS, RSET: 5 min
	TLS      time.Duration // handshake: 1 min
	Auth     time.Duration // each step: 5 min
	Mail     time.Duration // 5 min
	Rcpt     time.Duration // 5 min
	Data     time.Duration // 2 min
	Block    time.Duration // each write of up to 64 KB: 3 min
	Dot      time.Duration // 10 min; cutting it short makes duplicates (RFC 1047)
	Idle     time.Duration // without a job: 60 s, then QUIT
	Quit     time.Duration // 2 s
}

func (t Timeouts) withDefaults() Timeouts {
	t.Connect = cmp.Or(t.Connect, 30*time.Second)
	t.Greeting = cmp.Or(t.Greeting, 5*time.Minute)
	t.Hello = cmp.Or(t.Hello, 5*time.Minute)
	t.TLS = cmp.Or(t.TLS, time.Minute)
	t.Auth = cmp.Or(t.Auth, 5*time.Minute)
	t.Mail = cmp.Or(t.Mail, 5*time.Minute)
	t.Rcpt = cmp.Or(t.Rcpt, 5*time.Minute)
	t.Data = cmp.Or(t.Data, 2*time.Minute)
	t.Block = cmp.Or(t.Block, 3*time.Minute)
	t.Dot = cmp.Or(t.Dot, 10*time.Minute)
	t.Idle = cmp.Or(t.Idle, time.Minute)
	t.Quit = cmp.Or(t.Quit, 2*time.Second)
	return t
}
