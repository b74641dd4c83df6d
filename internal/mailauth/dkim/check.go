package dkim

import (
	"cmp"
	"context"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"posthoorn/internal/mailauth/lookup"
)

const (
	lookupTime = 10 * time.Second // for one key
	roundTime  = 5 * time.Minute  // for all of them; the next round begins with those that were left over
	retryTime  = 30 * time.Second // until the next round, when a key has never had an answer
)

// Run reads and checks keys: all of them after each Update and Again, and every Interval, those first that have waited longest. It returns
// when ctx is done, and no goroutine is left then.
func (r *Ring) Run(ctx context.Context) {
	timer := time.NewTimer(r.options.Interval)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-r.wake:
		case <-timer.C:
		}
		for r.round(ctx) {
		}
		timer.Reset(r.pause())
	}
}

// pause is the time until the next round.
func (r *Ring) pause() time.Duration {
	for _, t := range r.queue() {
		if !t.hasAnswer() {
			return min(retryTime, r.options.Interval)
		}
	}
	return r.options.Interval
}

// queue are the trials that a check can change: those first that have no answer, then those whose answer is oldest.
func (r *Ring) queue() []*trial {
	type turn struct {
		trial   *trial
		checked time.Time
	}
	r.mu.Lock()
	turns := make([]turn, 0, len(r.trials))
	for _, t := range r.trials {
		t.mu.Lock()
		if !t.done {
			turns = append(turns, turn{t, t.checked})
		}
		t.mu.Unlock()
	}
	r.mu.Unlock()
	slices.SortFunc(turns, func(a, b turn) int {
		return cmp.Or(a.checked.Compare(b.checked), a.trial.since.Compare(b.trial.since))
	})
	trials := make([]*trial, len(turns))
	for i := range turns {
		trials[i] = turns[i].trial
	}
	return trials
}

// round checks all keys, and is broken off when rows come, so that new keys need not wait for old ones; it says whether it was.
func (r *Ring) round(ctx context.Context) (again bool) {
	ctx, cancel := context.WithTimeout(ctx, roundTime)
	defer cancel()
	trials := r.queue()
	var group sync.WaitGroup
	var next atomic.Int64
	for range min(r.options.Lookups, len(trials)) {
		group.Go(func() {
			for i := next.Add(1) - 1; i < int64(len(trials)) && ctx.Err() == nil; i = next.Add(1) - 1 {
				r.guarded(ctx, trials[i])
			}
		})
	}
	finished := make(chan struct{})
	go func() {
		group.Wait()
		close(finished)
	}()
	select {
	case <-finished:
		return false
	case <-r.wake:
		cancel()
		<-finished
		return true
	}
}

// guarded checks a key. A panic over one key or its record is the end of that key, not of the program.
func (r *Ring) guarded(ctx context.Context, t *trial) {
	defer func() {
		if v := recover(); v != nil {
			r.options.Logger.Error("the check of a DKIM key panicked", "panic", v, "stack", string(debug.Stack()))
			r.settle(t, true, "its check panicked", "")
		}
	}()
	r.check(ctx, t)
}

// check reads a key and compares it with the DNS.
func (r *Ring) check(ctx context.Context, t *trial) {
	p, err := r.read(t)
	switch {
	case err != nil:
		r.settle(t, true, err.Error(), "")
		return
	case !t.verify:
		r.settle(t, true, "", "")
		return
	}
	limited, cancel := context.WithTimeout(ctx, lookupTime)
	defer cancel()
	records, err := r.options.DNS.TXT(limited, t.name())
	switch {
	case err != nil && ctx.Err() != nil: // the round is over
	case err != nil && lookup.Temporary(err):
		r.unsettled(t, err)
	default:
		r.settle(t, false, p.judgeAll(records), p.record())
	}
}

// name is where the public half stands (RFC 6376 section 3.6.2.1).
func (t *trial) name() string { return t.selector + "._domainkey." + t.domain }

// read is the private half, read the first time.
func (r *Ring) read(t *trial) (*private, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.private != nil {
		return t.private, nil
	}
	p, err := r.options.Loader.read(t.text)
	t.private = p
	return p, err
}

// judgeAll says why none of the records fits; empty: one does.
func (p *private) judgeAll(records []string) (why string) {
	why = "there is no DNS record for it"
	for _, txt := range records {
		reason := p.judge(txt)
		if reason == "" {
			return ""
		}
		why = reason
	}
	return why
}

// settle takes in that a key is bad, or (no reason) good.
func (r *Ring) settle(t *trial, final bool, reason, record string) {
	if !t.settle(reason == "", final, reason, r.options.Now()) {
		return
	}
	log := r.options.Logger.With("domain", t.domain, "selector", t.selector)
	switch {
	case reason == "":
		log.Info("a DKIM key signs now")
	case record == "":
		log.Warn("a DKIM key signs nothing", "reason", reason)
	default:
		log.Warn("a DKIM key signs nothing until its public half is in the DNS", "reason", reason, "name", t.name(), "txt", record)
	}
}

func (r *Ring) unsettled(t *trial, err error) {
	if !t.remark("lookup failed") {
		return
	}
	log := r.options.Logger.With("domain", t.domain, "selector", t.selector, "error", err)
	if t.hasAnswer() {
		log.Warn("a DKIM key cannot be compared with the DNS; what was found last holds")
		return
	}
	log.Warn("a DKIM key cannot be compared with the DNS; it signs nothing until it can")
}
