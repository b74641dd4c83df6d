package control

import (
	"context"
	"fmt"
	"os"
	"time"

	"posthoorn/internal/outbox"
	"posthoorn/internal/settings"
)

// Operate carries out one of the operator's commands, by its name in operations.md section 8, on the daemon of a client and
// prints what comes of it. Code gives the exit code of its error. When ctx ends, a command that is under way ends cleanly and
// says how far it came.
func Operate(ctx context.Context, c *Client, command string, o Order, t Terminal) error {
	if err := o.check(command); err != nil {
		return err
	}
	op := operation{c, command, &o, &t}
	return printable(op.run(ctx))
}

// maxErrorText is more than any text of ours has, in runes.
const maxErrorText = 2000

// printable is an error whose text steers no terminal: it may quote a stranger.
func printable(err error) error {
	if err == nil {
		return nil
	}
	shown := visible(shorten(err.Error(), maxErrorText))
	if shown == err.Error() {
		return err
	}
	return &Error{Exit: Code(err), Text: shown, cause: err}
}

// operation is one command under way.
type operation struct {
	client  *Client
	command string
	order   *Order
	t       *Terminal
}

func (op *operation) run(ctx context.Context) error {
	switch op.command {
	case cmdExplain:
		return op.explain(ctx)
	case cmdBacklog:
		return op.backlog(ctx)
	case cmdPause:
		return op.pause(ctx)
	case cmdResume:
		return op.resume(ctx)
	case cmdFail:
		if err := op.consent(ctx); err != nil {
			return err
		}
	case cmdEvacuate:
		fmt.Fprintln(op.t.Err, "Should this be killed in the middle, a few messages may be there twice.")
	case cmdRetryNow, cmdMove:
	default:
		return usage("there is no command %s", shown(op.command))
	}
	return op.act(ctx)
}

func (op *operation) explain(ctx context.Context) error {
	var x outbox.Explanation
	if err := op.client.run(ctx, op.command, op.order, &x, nil); err != nil {
		return err
	}
	if op.t.JSON {
		return printJSON(op.t.Out, x)
	}
	return printExplanation(op.t.Out, &x)
}

func (op *operation) backlog(ctx context.Context) error {
	var lines []outbox.BacklogLine
	if err := op.client.run(ctx, op.command, op.order, &lines, nil); err != nil {
		return err
	}
	if op.t.JSON {
		return printJSON(op.t.Out, append([]outbox.BacklogLine{}, lines...)) // none is a list too
	}
	return printBacklog(op.t.Out, lines, time.Now())
}

func (op *operation) pause(ctx context.Context) error {
	var p settings.Pause
	if err := op.client.run(ctx, op.command, op.order, &p, nil); err != nil {
		return err
	}
	where := fmt.Sprintf("row %d of the table paused", p.ID)
	if p.Memory {
		where = "in memory alone, until the daemon stops: there is no database, or it cannot be written"
	}
	_, err := fmt.Fprintf(op.t.Out, "Paused: %s (%s).\n", scope(&p), where)
	return err
}

func (op *operation) resume(ctx context.Context) error {
	var d done
	if err := op.client.run(ctx, op.command, op.order, &d, nil); err != nil {
		return err
	}
	p, err := op.order.pause()
	if err != nil {
		return err
	}
	if d.Count == 0 {
		_, err = fmt.Fprintf(op.t.Err, "There was no pause of %s. A pause ends with the arguments that it was made with.\n", scope(&p))
		return err
	}
	_, err = fmt.Fprintf(op.t.Out, "Resumed: %s.\n", scope(&p))
	return err
}

// consent asks before mail is failed. Where it can ask it knows how much that is.
func (op *operation) consent(ctx context.Context) error {
	much := ""
	if f, ok := op.t.In.(*os.File); ok && !op.t.Yes && isTerminal(f) {
		var x outbox.Explanation
		if err := op.client.run(ctx, cmdExplain, Order{Destination: op.order.Destination}, &x, nil); err != nil {
			return err
		}
		much = fmt.Sprintf(" (now %s)", messages(heldUp(&x)))
	}
	return op.t.Agree(ctx, fmt.Sprintf("What waits for %s%s becomes a final failure: %s.", op.order.Destination, much, visible(op.order.Reason)))
}

// act is a command that works on messages.
func (op *operation) act(ctx context.Context) error {
	var d done
	p := progress{t: op.t, command: op.command}
	err := op.client.run(ctx, op.command, op.order, &d, p.show)
	p.end()
	if err != nil {
		return err
	}
	if d.Interrupted {
		return &Error{Exit: ExitTemporary, Text: "given up after " + messages(d.Count) + "; the others are as they were"}
	}
	_, err = fmt.Fprintln(op.t.Out, op.outcome(d.Count))
	return err
}

func (op *operation) outcome(n int) string {
	o := op.order
	what := messages(n) + " for " + o.Destination
	switch {
	case n == 0 && o.Destination != "":
		return "Nothing waits for " + o.Destination + "."
	case n == 0:
		return "Nothing waits."
	case op.command == cmdRetryNow:
		return what + ": tried now, as far as limits and pauses allow."
	case op.command == cmdFail:
		return what + ": failed for good."
	case op.command == cmdMove:
		return what + ": to leave from " + o.IP.String() + "."
	case o.Destination == "":
		what = messages(n)
	}
	if o.To != "" {
		return what + ": now in the queue " + shown(o.To) + "."
	}
	return what + ": now in the outbox."
}

// scope says in words which mail a pause holds back.
func scope(p *settings.Pause) string {
	text := "mail"
	if *p == (settings.Pause{ID: p.ID, Expire: p.Expire, Memory: p.Memory}) {
		text = "all mail"
	}
	if p.Domain != "" {
		text += " to " + visible(p.Domain)
	}
	if p.Remote.IsValid() {
		text += " to the server " + visible(p.Remote.String())
	}
	if p.Source.IsValid() {
		text += " from " + visible(p.Source.String())
	}
	if p.Tag != "" {
		text += " with the tag " + shown(p.Tag)
	}
	if !p.Expire.IsZero() {
		text += " until " + stamp(p.Expire)
	}
	return text
}
