// Package prepare makes of a message the bytes that go over the wire (message-json.md section 10, step 7): it loads the body from
// the store, downloads what a document needs, builds the MIME source, fills in templates, inlines CSS, edits the header and
// signs, in this order, and gives every line its CRLF.
//
// It has two ways. A message that needs none of this is Plain: Message yields its source at once, in the goroutine of the
// connection. For any other, Start works beside it, in three stages with a bound each: loading from the store, downloading,
// and computing. No message holds a place in two of them, so a slow store or web server holds up only who needs it. What messages
// have in memory, from the load or download until they are sent, is bounded in bytes: beyond that a message is to wait. And what one
// may take of the processor is bounded too, so that it holds up the others for seconds at most.
//
// Goroutines: one for each Start, until it is done or dropped.
package prepare

import (
	"cmp"
	"context"
	"log/slog"
	"runtime"
	"sync/atomic"
	"time"

	"posthoorn/internal/compose/inline"
	"posthoorn/internal/fetch"
	"posthoorn/internal/mail"
	"posthoorn/internal/template"
)

// Bodies is the message store. How many loads run at a time, and how long one may take, is its own business. ErrNotFound and
// ErrTooLarge of package store are final, any other error means that it could not be looked up.
type Bodies interface {
	Get(ctx context.Context, key string) ([]byte, error)
}

// Downloads gets resources. All errors are *fetch.Error.
type Downloads interface {
	Get(ctx context.Context, url string, limit int64) (fetch.Resource, error)
}

// Options of New.
type Options struct {
	Bodies     Bodies        // nil: no store is configured
	Reschedule time.Duration // how long a message waits whose body could not be loaded; 0: 120 s
	Downloads  Downloads     // nil: a document that needs some fails
	Icons      string        // of social networks (responsive-email.md section 5.10)
	Host       string        // name of this host, for Message-IDs
	Fetches    int           // messages whose downloads run at a time; 0: 32
	Signing    Signing
	Memory     int64 // bytes of content that is being made, or ready and not yet sent, beyond which others wait; 0: 256 MB
	Log        *slog.Logger
}

// Preparer makes content. It is safe for use by many goroutines.
type Preparer struct {
	o         Options
	log       *slog.Logger
	templates *template.Cache
	inliner   *inline.Inliner
	fetches   stage
	computes  stage
	held      atomic.Int64 // bytes of what is being made, and of sources that are ready and not dropped
}

// What is kept of compiled templates and parsed style sheets: all mails of a mailing share them.
const (
	templateMemory = 64 << 20
	sheetMemory    = 16 << 20
)

// New makes a Preparer.
func New(o Options) *Preparer {
	o.Reschedule = cmp.Or(o.Reschedule, 120*time.Second)
	o.Memory = cmp.Or(o.Memory, 256<<20)
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Preparer{
		o: o, log: o.Log, templates: template.NewCache(templateMemory), inliner: inline.New(sheetMemory),
		fetches: newStage(cmp.Or(o.Fetches, 32)), computes: newStage(runtime.GOMAXPROCS(0)),
	}
}

// stage lets so many in at a time.
type stage chan struct{}

func newStage(n int) stage { return make(stage, n) }

// in waits for a place and does f in it.
func (s stage) in(ctx context.Context, f func() error) error {
	select {
	case s <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-s }()
	return f()
}

// fail is a final error of the message itself.
func fail(state mail.State, status string, cause error) *mail.Error {
	return &mail.Error{Code: 554, Status: status, State: state, Kind: mail.Failed, Cause: cause}
}
