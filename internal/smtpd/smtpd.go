// Package smtpd is the SMTP server: the door for mail that comes over the network (incoming-json.md).
//
// It listens on addresses and ports, in clear with STARTTLS or in TLS from the first byte, and speaks ESMTP with PIPELINING,
// SIZE, 8BITMIME, SMTPUTF8, ENHANCEDSTATUSCODES, CHUNKING, LIMITS and, where configured, DSN, STARTTLS and AUTH. Who may
// relay is decided for every recipient; what is accepted goes through the door of package inject, and 250 is said only when
// that has everything in a durable queue.
//
// Promises. A line of a command ends with CR LF, the data with CR LF . CR LF; nothing else ends either. Bare CR and bare LF in
// content are kept as content and become CR LF when the door has them, the whole message by the same rule; a NUL is refused
// with 554 5.6.0. A chunk of BDAT is complete only with its last byte. Bytes behind STARTTLS that were sent before the
// handshake end the session, as does a handshake that fails. AUTH is neither offered nor taken without TLS. Everything is
// bounded: sessions in all and per address, time per command, rate of data, length of lines, recipients, errors, message size,
// memory of all messages together. A server that is full lets the slowest stranger go for the next client.
//
// RFCs: 5321, 3207 and 8314 (TLS), 4954 (AUTH), 2920, 1870, 6152, 3030, 3461, 2034, 6531, 9422.
//
// Goroutines: one per listener and one per session; Stop returns when all have ended.
package smtpd

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"posthoorn/internal/inject"
	"posthoorn/internal/mail"
	"posthoorn/internal/mime"
	"posthoorn/internal/monitor"
)

// Door takes accepted mail. It is an *inject.Door.
type Door interface {
	Accept(ctx context.Context, s inject.Submission) (ids []string, err error)
	Ready() error
	Has(r inject.Role) bool
}

// Locals knows the local addresses (incoming-json.md section 4).
type Locals interface {
	Local(a mail.Address) bool
}

// Checker looks at mail as it came, before any header is added or removed (incoming-json.md section 2).
type Checker interface {
	// Check returns the JSON array for property checks (empty: none) and the text of an Authentication-Results field without
	// the authserv-id (empty: none).
	Check(ctx context.Context, c Checked) (checks []byte, results string)
}

// Checked is what a Checker judges.
type Checked struct {
	Remote netip.Addr
	Hello  string
	From   mail.Address
	Source []byte
}

// Options of a Server. Door and Hostname are needed.
type Options struct {
	Door     Door
	Hostname string // in greetings and Received fields

	IPs         []netip.Addr // addresses to listen on; none: all
	Ports       []int        // in clear, with STARTTLS when there is a certificate
	SecurePorts []int        // TLS from the first byte; need a certificate

	CertificateFile, KeyFile string   // PEM; read again when they change; empty: no TLS
	CipherSuites             []uint16 // for TLS 1.2; nil: those of crypto/tls

	Range  []netip.Prefix        // smtp-range: who may connect, and relay when there is no login; nil: everyone, and loopback
	Login  Authenticator         // nil: no login is needed to relay
	Locals Locals                // nil: nobody is local
	Barred func(netip.Addr) bool // peers that may not connect: the blacklist; nil: nobody
	Proxy  []netip.Prefix        // peers that must send a PROXY header first

	Extract              bool                  // x-mq-* headers are read and stripped
	DSN                  bool                  // dsn-advertise
	Loose                bool                  // smtp-validate-address is loose
	Checker              Checker               // nil: nothing is checked
	Mappable, Unmappable []netip.Prefix        // incoming-json.md section 5
	Own                  func(netip.Addr) bool // mail can leave from this address; counts without the two; nil: from any

	// Reports recognises reports among mail for local addresses (dsn.md section 5) and says what it understood, as JSON object. From
	// is MAIL FROM, empty for <>. It is asked only if reports have a queue, and need not answer when ctx has ended; nil: nothing is a
	// report.
	Reports func(ctx context.Context, source []byte, from string) (reported []byte, ok bool)

	// smtp-auth-results: who gets an Authentication-Results field. With either, fields that claim to be ours are taken out of all
	// mail that comes in.
	ResultsLocal, ResultsNonlocal bool

	MaxSize          int64         // bytes of a message; 0: 100 MiB
	MaxMemory        int64         // bytes of all messages that are coming in, their JSON too; 0: 1 GiB, or 5 MaxSize if that is more
	MaxSessions      int           // 0: 100
	MaxSessionsPerIP int           // 0: MaxSessions for Range or loopback, a tenth of it, but at least 5, for any other address
	MaxRecipients    int           // of a message; 0: 1000
	MaxErrors        int           // of a session, before it is closed; 0: 20
	Timeout          time.Duration // for a command, and for silence in data; 0: 5 minutes; before EHLO and between chunks at most one
	MinRate          int           // bytes a second that a message must come with, after a minute; 0: 1024

	Received func(object []byte, report bool) // gets every JSON object that was published: the received log; nil: nobody
	Monitor  *monitor.Hub                     // gets what is said; nil: nobody watches
	Log      *slog.Logger                     // nil: slog.Default
	Metrics  prometheus.Registerer
}

func (o *Options) setDefaults() {
	setDefault(&o.MaxSize, 100<<20)
	setDefault(&o.MaxMemory, max(1<<30, 5*o.MaxSize))
	setDefault(&o.MaxSessions, 100)
	setDefault(&o.MaxRecipients, 1000)
	setDefault(&o.MaxErrors, 20)
	setDefault(&o.Timeout, 5*time.Minute)
	setDefault(&o.MinRate, 1024)
	if o.Log == nil {
		o.Log = slog.Default()
	}
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// Server is a running SMTP server.
type Server struct {
	opts      Options
	tls       *tls.Config // nil: none
	metrics   *metrics
	ehlo      []byte                 // lines of the EHLO answer that never change
	forged    func(*mime.Field) bool // fields that pretend to be ours; nil: they do not matter
	notes     notes
	memory    atomic.Int64
	bodies    sync.Pool // of *body
	listeners []net.Listener
	limits    limits

	ctx      context.Context // ends when Stop does not wait any longer
	abort    context.CancelFunc
	open     context.Context // ends when Stop begins
	shut     context.CancelFunc
	stopping atomic.Bool
	running  sync.WaitGroup
}

// New makes a server that does not listen yet. It fails when the certificate cannot be read.
func New(opts Options) (*Server, error) {
	opts.setDefaults()
	s := &Server{opts: opts, metrics: newMetrics(opts.Metrics)}
	s.forged = opts.forgedBy()
	s.limits.init(opts.MaxSessions)
	s.bodies.New = s.newBody
	if opts.CertificateFile != "" {
		var err error
		if s.tls, err = newTLS(&opts); err != nil {
			return nil, err
		}
	}
	s.ehlo = s.appendExtensions(nil)
	s.ctx, s.abort = context.WithCancel(context.Background())
	s.open, s.shut = context.WithCancel(s.ctx)
	return s, nil
}

// Stop closes the listeners and ends all sessions: those that wait for a command or for data with 421, those past the end of
// their data when they have had their answer. When ctx ends sooner, the rest is cut off.
func (s *Server) Stop(ctx context.Context) {
	s.shut()
	s.stopping.Store(true)
	s.limits.stop()
	for _, l := range s.listeners {
		_ = l.Close()
	}
	ended := make(chan struct{})
	go func() {
		s.running.Wait()
		close(ended)
	}()
	select {
	case <-ended:
	case <-ctx.Done():
		s.abort()
		s.limits.closeAll()
		<-ended
	}
	s.abort()
}
