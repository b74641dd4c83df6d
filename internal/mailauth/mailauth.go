// Package mailauth checks incoming mail: whether the client may send for its domain (SPF), who signed it (DKIM), whether the
// author stands behind it (DMARC), what handlers before us found (ARC), and whether SpamAssassin thinks that it is spam. A Checker
// runs all of it and has the findings as property checks (incoming-json.md section 2) and as Authentication-Results (RFC 8601).
// Nothing is refused here: the findings are for whoever reads the mail.
//
// Everything is bounded: the mails that are checked at a time, the time for all checks of a mail, the lookups of each, the signatures, the size of what is told.
//
// Goroutines: up to two beside the caller for each mail, which have ended when Check returns.
package mailauth

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"posthoorn/internal/mail"
	"posthoorn/internal/mailauth/arc"
	"posthoorn/internal/mailauth/authres"
	"posthoorn/internal/mailauth/dkim"
	"posthoorn/internal/mailauth/dmarc"
	"posthoorn/internal/mailauth/lookup"
	"posthoorn/internal/mailauth/spamd"
	"posthoorn/internal/mailauth/spf"
)

// Checks says which checks are told of. DMARC runs those that it needs by itself.
type Checks struct{ SPF, DKIM, DMARC, ARC, Spam bool }

// ParseChecks reads the words of smtp-check (config.md section 3.6): spf, dkim, dmarc and spam, and arc, which is ours. Words that
// are none of them come back.
func ParseChecks(words []string) (c Checks, unknown []string) {
	by := map[string]*bool{"spf": &c.SPF, "dkim": &c.DKIM, "dmarc": &c.DMARC, "arc": &c.ARC, "spam": &c.Spam}
	for _, word := range words {
		if on := by[strings.ToLower(strings.TrimSpace(word))]; on != nil {
			*on = true
		} else {
			unknown = append(unknown, word)
		}
	}
	return c, unknown
}

// Options of a Checker. DNS is needed, and Spamd if spam is checked.
type Options struct {
	Checks  Checks
	DNS     lookup.DNS
	Spamd   *spamd.Client
	Timeout time.Duration    // for all checks of a mail; 0: 20 s
	AtOnce  int              // mails that are checked at a time; 0: 50
	Now     func() time.Time // nil: time.Now
	Log     *slog.Logger     // nil: slog.Default
	Metrics prometheus.Registerer
}

// Checker checks mail. It may be used by many goroutines.
type Checker struct {
	options Options
	meters  *meters
	slots   chan struct{}
	crowded seldom // lines that there are too many
	broken  seldom // lines that spamd does not answer
}

// New makes a Checker.
func New(o Options) *Checker {
	if o.Timeout == 0 {
		o.Timeout = 20 * time.Second
	}
	if o.AtOnce == 0 {
		o.AtOnce = 50
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	o.Checks.Spam = o.Checks.Spam && o.Spamd != nil
	return &Checker{options: o, meters: newMeters(o.Metrics), slots: make(chan struct{}, o.AtOnce)}
}

// Mail is a message as it came, before anything was added or removed.
type Mail struct {
	Remote netip.Addr
	Hello  string       // what the client called itself in EHLO or HELO
	From   mail.Address // MAIL FROM; zero: <>
	Source []byte
}

// Findings is what was found out about one mail. Those of checks that are not wanted are not told.
type Findings struct {
	SPF    spf.Verdict
	DKIM   []dkim.Verdict
	DMARC  dmarc.Verdict
	Author dmarc.Author
	ARC    arc.Verdict
	Spam   Spam

	checks Checks
	header error // the header could not be read
}

// Check runs the checks. It never fails: what could not be found out is temperror.
func (c *Checker) Check(ctx context.Context, m Mail) *Findings {
	ctx, cancel := context.WithTimeout(ctx, c.options.Timeout)
	defer cancel()
	if c.enter(ctx) {
		defer func() { <-c.slots }()
	} else {
		cancel() // what the DNS does not know at once is temperror
	}
	f := &Findings{checks: c.options.Checks}
	var group sync.WaitGroup
	if f.checks.SPF || f.checks.DMARC {
		group.Go(func() {
			f.SPF = spf.Verdict{Result: authres.TempError}
			c.guard("spf", func() {
				f.SPF = spf.Check(ctx, c.options.DNS, spf.Query{Remote: m.Remote, Hello: m.Hello, From: m.From})
			})
		})
	}
	if f.checks.Spam {
		group.Go(func() {
			f.Spam = Spam{Verdict: string(authres.TempError)}
			c.guard("spam", func() { f.Spam = c.spam(ctx, m.Source) })
		})
	}
	c.guard("dkim", func() { c.signatures(ctx, f, m.Source) })
	group.Wait()
	if f.checks.DMARC {
		c.guard("dmarc", func() { c.dmarc(ctx, f) })
	}
	c.meters.count(f)
	return f
}

const maxWait = 5 * time.Second // for a slot

// enter waits for a slot. Those that do not answer must not keep others waiting for long: after a while it says no.
func (c *Checker) enter(ctx context.Context) bool {
	select {
	case c.slots <- struct{}{}:
		return true
	default:
	}
	timer := time.NewTimer(maxWait)
	defer timer.Stop()
	select {
	case c.slots <- struct{}{}:
		return true
	case <-timer.C:
	case <-ctx.Done():
	}
	c.meters.crowded.Inc()
	if c.crowded.now() {
		c.options.Log.Warn("mail is taken without its checks: those of too much other mail wait; is the DNS slow?", "at once", cap(c.slots))
	}
	return false
}

// guard runs one check. A panic over what somebody sent is the end of that check, not of the program.
func (c *Checker) guard(name string, check func()) {
	defer func() {
		if v := recover(); v != nil {
			c.options.Log.Error("a check of incoming mail panicked", "check", name, "panic", v, "stack", string(debug.Stack()))
		}
	}()
	check()
}

// signatures runs what looks at the header.
func (c *Checker) signatures(ctx context.Context, f *Findings, source []byte) {
	unread := []dkim.Verdict{{Signature: &dkim.Signature{}, Result: authres.TempError}}
	f.DKIM, f.ARC = unread, arc.Verdict{Result: authres.Fail}
	f.DMARC = dmarc.Verdict{Result: authres.TempError}
	var s *dkim.Signed
	if s, f.header = dkim.ReadSigned(source); f.header != nil {
		reason := fmt.Sprintf("the header cannot be read: %v", f.header)
		unread[0].Result, unread[0].Reason, f.ARC.Reason = authres.PermError, reason, reason
		f.DMARC = dmarc.Verdict{Result: authres.PermError, Reason: reason}
		return
	}
	f.Author = dmarc.AuthorOf(s.Header())
	v := &dkim.Verifier{DNS: c.options.DNS, Now: c.options.Now}
	if f.checks.DKIM || f.checks.DMARC {
		f.DKIM = v.Verify(ctx, s)
	}
	if f.checks.ARC {
		f.ARC = arc.Validate(ctx, v, s)
	}
}

// dmarc judges the author by what SPF and DKIM found. A mail from <> has the name in EHLO as its sender (RFC 7208 section 2.4).
func (c *Checker) dmarc(ctx context.Context, f *Findings) {
	if f.header != nil {
		return
	}
	m := dmarc.Mail{From: f.Author, SPF: dmarc.Identifier{Domain: f.SPF.Domain, Result: f.SPF.Result}}
	for _, v := range f.DKIM {
		m.DKIM = append(m.DKIM, dmarc.Identifier{Domain: v.Domain, Result: v.Result})
	}
	f.DMARC = dmarc.Check(ctx, c.options.DNS, m)
}
