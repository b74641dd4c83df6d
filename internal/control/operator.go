package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"time"

	"posthoorn/internal/broker"
	"posthoorn/internal/outbox"
	"posthoorn/internal/settings"
)

// Operator does what the operator's commands ask for. *outbox.Engine has all but Pause, Resume and Note, which *settings.Editor has.
// Destinations are in the form that the engine has. What works on many messages tells progress how many it has done so far, ends
// with ctx, and returns how many it has done also with an error.
type Operator interface {
	// Explain shows one destination; with a valid source, the mail that leaves from there alone.
	Explain(ctx context.Context, destination string, source netip.Addr) (outbox.Explanation, error)
	Backlog(ctx context.Context) ([]outbox.BacklogLine, error)
	RetryNow(ctx context.Context, destination string, progress func(int)) (int, error)
	// Fail makes what waits for a destination final failures with this text.
	Fail(ctx context.Context, destination, reason string, progress func(int)) (int, error)
	Move(ctx context.Context, destination string, source netip.Addr, progress func(int)) (int, error)
	// Evacuate publishes what waits, for one destination or (empty) all, to a queue (empty: the outbox). With stop nothing is
	// consumed afterwards.
	Evacuate(ctx context.Context, destination, queue string, stop bool, progress func(int)) (int, error)
	// Pause and Resume note themselves in the audit trail.
	Pause(ctx context.Context, who string, p settings.Pause) (settings.Pause, error)
	Resume(ctx context.Context, who string, p settings.Pause) (int, error)
	// Note keeps in the audit trail what somebody did with mail.
	Note(ctx context.Context, who string, action settings.Action, facts settings.Cells) error
}

// Order is what an operator's command asks for. Which parts count depends on the command.
type Order struct {
	Destination string     `json:"destination,omitempty"` // a domain, host:port of a smarthost, or an IP address, in any spelling
	IP          netip.Addr `json:"ip,omitzero"`           // one of our own addresses
	Tag         string     `json:"tag,omitempty"`
	Reason      string     `json:"reason,omitempty"` // of fail
	To          string     `json:"to,omitempty"`     // queue of evacuate
	Stop        bool       `json:"stop,omitempty"`   // of evacuate

	who string // gives it: for the audit trail
}

// The operator's commands.
const (
	cmdExplain  = "explain"
	cmdPause    = "pause"
	cmdResume   = "resume"
	cmdBacklog  = "backlog"
	cmdRetryNow = "retry-now"
	cmdFail     = "fail"
	cmdMove     = "move"
	cmdEvacuate = "evacuate"
)

// HandleOperator registers the operator's commands. stop ends the daemon: it is called when an evacuation with Stop is done and
// its caller has been told, and must not wait for the end; nil: nothing is to be done then.
func HandleOperator(c *Control, op Operator, stop func()) {
	h := &operator{op, stop, c.o.log}
	for name, do := range map[string]func(context.Context, *Order, func(int)) (any, error){
		cmdExplain: h.explain, cmdPause: h.pause, cmdResume: h.resume, cmdBacklog: h.backlog,
		cmdRetryNow: h.retryNow, cmdFail: h.fail, cmdMove: h.move, cmdEvacuate: h.evacuate,
	} {
		c.handleLong(name, func(ctx context.Context, args json.RawMessage, progress func(int)) (any, error) {
			var o Order
			if err := json.Unmarshal(args, &o); err != nil {
				return nil, usage("%s: the order is not understood", name)
			}
			if err := o.check(name); err != nil {
				return nil, err
			}
			o.who, _ = ctx.Value(callerKey{}).(string)
			return do(ctx, &o, progress)
		})
	}
}

type operator struct {
	Operator
	stop func()
	log  *slog.Logger
}

const noteTime = 5 * time.Second

// noted keeps an order that was carried out in the log and in the audit trail, also when its caller has gone.
func (h *operator) noted(ctx context.Context, command string, o *Order, n int, err error) {
	h.log.Info("an order of the command line", "order", command, "destination", o.Destination, "messages", n, "by", o.who, "error", err)
	if n == 0 && !o.Stop {
		return
	}
	facts := settings.Cells{"destination": o.Destination, "messages": n}
	switch command {
	case cmdFail:
		facts["reason"] = o.Reason
	case cmdMove:
		facts["ip"] = o.IP
	case cmdEvacuate:
		facts["queue"], facts["stop"] = o.To, o.Stop
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), noteTime)
	defer cancel()
	if err := h.Note(ctx, o.who, actions[command], facts); err != nil {
		h.log.Warn("an order is not among the changes, only in this log", "error", err)
	}
}

// actions are the orders as the audit trail calls them.
var actions = map[string]settings.Action{cmdRetryNow: "retry", cmdFail: "fail", cmdMove: "move", cmdEvacuate: "evacuate"}

func (h *operator) explain(ctx context.Context, o *Order, _ func(int)) (any, error) {
	return answered(h.Explain(ctx, o.Destination, o.IP))
}

func (h *operator) backlog(ctx context.Context, _ *Order, _ func(int)) (any, error) {
	return answered(h.Backlog(ctx))
}

func answered[T any](v T, err error) (any, error) {
	if err != nil {
		return nil, explained(err)
	}
	return v, nil
}

func (h *operator) pause(ctx context.Context, o *Order, _ func(int)) (any, error) {
	p, err := o.pause()
	if err != nil {
		return nil, err
	}
	return answered(h.Pause(ctx, o.who, p))
}

func (h *operator) resume(ctx context.Context, o *Order, _ func(int)) (any, error) {
	p, err := o.pause()
	if err != nil {
		return nil, err
	}
	n, err := h.Resume(ctx, o.who, p)
	if err != nil {
		return nil, &Error{Exit: ExitUnavailable, Text: err.Error(), cause: err} // the order was checked: it is the database
	}
	return done{Count: n}, nil
}

func (h *operator) retryNow(ctx context.Context, o *Order, progress func(int)) (any, error) {
	n, err := h.RetryNow(ctx, o.Destination, progress)
	h.noted(ctx, cmdRetryNow, o, n, err)
	return settled(ctx, n, err)
}

func (h *operator) fail(ctx context.Context, o *Order, progress func(int)) (any, error) {
	n, err := h.Fail(ctx, o.Destination, o.Reason, progress)
	h.noted(ctx, cmdFail, o, n, err)
	return settled(ctx, n, err)
}

func (h *operator) move(ctx context.Context, o *Order, progress func(int)) (any, error) {
	n, err := h.Move(ctx, o.Destination, o.IP, progress)
	h.noted(ctx, cmdMove, o, n, err)
	return settled(ctx, n, err)
}

func (h *operator) evacuate(ctx context.Context, o *Order, progress func(int)) (any, error) {
	n, err := h.Evacuate(ctx, o.Destination, o.To, o.Stop, progress)
	h.noted(ctx, cmdEvacuate, o, n, err)
	result, err := settled(ctx, n, err)
	if d, ok := result.(done); ok && o.Stop && !d.Interrupted && h.stop != nil {
		return ending{d, h.stop}, nil
	}
	return result, err
}

// done is how far an action came.
type done struct {
	Count       int  `json:"count"`
	Interrupted bool `json:"interrupted,omitempty"` // by its caller
}

// ending is done with something to do when the caller has been told.
type ending struct {
	done
	then func()
}

func (e ending) finish() { e.then() }

// settled is the answer to an action: its caller may have given it up, and an error does not undo what was done before it.
func settled(ctx context.Context, n int, err error) (any, error) {
	switch {
	case err == nil:
		return done{Count: n}, nil
	case errors.Is(context.Cause(ctx), errGone) && (errors.Is(err, context.Canceled) || errors.Is(err, errGone)):
		return done{Count: n, Interrupted: true}, nil
	}
	e := explained(err)
	if n > 0 {
		e.Text += fmt.Sprintf(" (done before that: %s)", messages(n))
	}
	return nil, e
}

// explained gives an error of the engine its exit code.
func explained(err error) *Error {
	e := *public(err)
	e.cause = err
	for _, known := range []struct {
		err  error
		exit int
	}{
		{outbox.ErrNotOwn, ExitUsage}, {outbox.ErrNotRemote, ExitUsage}, {broker.ErrUnroutable, ExitUsage}, // of a queue with --to
		{broker.ErrClosed, ExitUnavailable}, {broker.ErrBlocked, ExitUnavailable},
	} {
		if errors.Is(err, known.err) {
			e.Exit = known.exit
		}
	}
	return &e
}
