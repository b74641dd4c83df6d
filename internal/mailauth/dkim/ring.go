package dkim

import (
	"cmp"
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"posthoorn/internal/mail"
	"posthoorn/internal/mailauth/lookup"
)

// Row is a key of the database with the mail that it signs (database.md, dkim_keys and dkim_patterns).
type Row struct {
	Spec
	ID     int64
	Verify bool                     // use it only while its public half is in the DNS
	Signs  func(domain string) bool // a pattern of the key matches the domain of From
}

// RingOptions of a Ring. DNS and Loader must be given; the others can be zero.
type RingOptions struct {
	DNS      lookup.TXT
	Loader   *Loader
	Interval time.Duration    // between checks of all keys, 0 = 10 minutes
	Patience time.Duration    // how long after its arrival mail waits for the first check of a key, 0 = 10 s
	Lookups  int              // at a time, 0 = 32
	Logger   *slog.Logger     // nil: slog.Default
	Now      func() time.Time // nil: time.Now
}

// Ring holds the keys of the database and knows which of them may sign.
type Ring struct {
	options RingOptions
	current atomic.Pointer[keys]
	wake    chan struct{}

	mu     sync.Mutex
	rows   []Row
	trials map[identity]*trial
	said   map[int64]string // what the log has about the rows
}

// NewRing makes an empty ring. Update fills it, and Run must run.
func NewRing(o RingOptions) *Ring {
	o.Interval = cmp.Or(o.Interval, 10*time.Minute)
	o.Patience = cmp.Or(o.Patience, 10*time.Second)
	o.Lookups = cmp.Or(o.Lookups, 32)
	o.Logger = cmp.Or(o.Logger, slog.Default())
	if o.Now == nil {
		o.Now = time.Now
	}
	r := &Ring{options: o, wake: make(chan struct{}, 1)}
	r.current.Store(&keys{})
	return r
}

// Empty says that the database has no keys, so that nobody needs to look at the From field.
func (r *Ring) Empty() bool { return len(r.current.Load().entries) == 0 }

// keys are the rows that the database has now.
type keys struct {
	entries []*entry // in the order of their signatures

	mu      sync.RWMutex
	matches map[string][]*entry // by domain of From: patterns may be many
}

// entry is a row.
type entry struct {
	key    *Key // without its private half
	id     int64
	signs  func(domain string) bool
	trial  *trial
	usable atomic.Pointer[Key]
}

// Update takes the rows of a new snapshot. It is quick: reading the keys and checking them is left to Run, and a key whose domain,
// selector and private half were there before keeps what was found out about it. The very slice that it was given last changes
// nothing; rows must not change afterwards.
func (r *Ring) Update(rows []Row) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(rows) > 0 && len(rows) == len(r.rows) && &rows[0] == &r.rows[0] {
		return
	}
	next, trials, said := &keys{matches: map[string][]*entry{}}, make(map[identity]*trial, len(rows)), map[int64]string{}
	for i := range rows {
		row := &rows[i]
		if !row.DKIM() {
			continue
		}
		k, warnings, bad := row.key()
		if text := remarks(warnings, bad); text != "" {
			if said[row.ID] = text; r.said[row.ID] != text {
				r.options.Logger.Warn("a DKIM key of the database", "id", row.ID, "remark", text)
			}
		}
		if bad == nil {
			next.entries = append(next.entries, &entry{key: k, id: row.ID, signs: row.Signs, trial: r.trial(trials, row, k)})
		}
	}
	slices.SortFunc(next.entries, func(a, b *entry) int {
		return cmp.Or(cmp.Compare(a.key.Priority, b.key.Priority), cmp.Compare(a.id, b.id))
	})
	r.rows, r.trials, r.said = rows, trials, said
	r.current.Store(next)
	r.Again()
}

// Again has all keys checked now, as when somebody has just seen the record of one in the DNS.
func (r *Ring) Again() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

func remarks(warnings []string, bad *KeyError) string {
	if bad != nil {
		warnings = append(warnings, bad.Error())
	}
	return strings.Join(warnings, "; ")
}

// trial finds the trial of a row among the new ones and those that there were, or begins one.
func (r *Ring) trial(trials map[identity]*trial, row *Row, k *Key) *trial {
	id := row.identity()
	t := cmp.Or(trials[id], r.trials[id])
	if t == nil {
		t = &trial{
			domain: k.Domain, selector: k.Selector, text: row.Private, verify: row.Verify,
			since: r.options.Now(), answered: make(chan struct{}),
		}
	}
	trials[id] = t
	return t
}

// For are the keys that sign mail from a domain (FromDomain), lowest priority first, at most MaxSignatures. Only keys that may sign
// are among them: neither expired nor unreadable, and with Verify only those whose public half was in the DNS at the last check that
// had an answer. A lookup that fails for the moment takes nothing from a key that was good before.
//
// For a key that has never been checked For waits, until Patience after the key has come at the latest (or ctx is done); mail that
// comes later goes without its signature until there is an answer.
func (r *Ring) For(ctx context.Context, domain string) (found []*Key) {
	for _, e := range r.current.Load().match(domain) {
		if len(found) == MaxSignatures {
			break
		}
		now := r.options.Now()
		if e.key.Expired(now) {
			continue
		}
		if p := e.trial.wait(ctx, e.trial.since.Add(r.options.Patience).Sub(now)); p != nil {
			found = append(found, e.with(p))
		}
	}
	return found
}

// with is the key with its private half.
func (e *entry) with(p *private) *Key {
	if k := e.usable.Load(); k != nil {
		return k
	}
	k := *e.key
	k.private = p
	e.usable.Store(&k)
	return &k
}

// Senders choose their domains: the memory for matches is bounded.
const (
	maxDomains = 10_000
	maxMatches = 500 // per domain; most of so many are over
)

func (k *keys) match(domain string) []*entry {
	if len(k.entries) == 0 || domain == "" {
		return nil
	}
	k.mu.RLock()
	found, ok := k.matches[domain]
	k.mu.RUnlock()
	if ok {
		return found
	}
	unicode, ascii, err := mail.ParseDomain(domain)
	if err != nil {
		return nil
	}
	for _, e := range k.entries {
		if len(found) < maxMatches && (e.signs(unicode) || unicode != ascii && e.signs(ascii)) {
			found = append(found, e)
		}
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.matches) >= maxDomains {
		clear(k.matches)
	}
	k.matches[domain] = found
	return found
}
