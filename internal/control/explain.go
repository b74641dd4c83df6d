package control

import (
	"fmt"
	"io"
	"net/netip"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"posthoorn/internal/outbox"
	"posthoorn/internal/schedule"
	"posthoorn/internal/settings"
)

// explainer writes an explanation for people: the answer first, then what it rests on, from the mail to the connections.
type explainer struct {
	*tabwriter.Writer
	x   *outbox.Explanation
	now time.Time
}

func printExplanation(out io.Writer, x *outbox.Explanation) error {
	e := &explainer{tabwriter.NewWriter(out, 0, 8, 2, ' ', 0), x, x.Time}
	e.answer()
	e.mail()
	e.route()
	e.pauses()
	e.sources()
	e.limits()
	e.lanes()
	return e.Flush()
}

func (e *explainer) line(format string, args ...any) { fmt.Fprintf(e, format+"\n", args...) }

// title begins a section. The columns of the one before end there.
func (e *explainer) title(format string, args ...any) {
	_ = e.Flush()
	e.line("\n"+format, args...)
}

// heldUp is how many messages there are for a destination, on disk and in memory, those in transaction included.
func heldUp(x *outbox.Explanation) int {
	n := x.Waiting.Count
	if x.Plan != nil {
		n += x.Plan.Items - x.Waiting.InHand
	}
	return max(0, n)
}

// idle says that a wait is none: what the engine waits for is more mail, or the end of what is being sent.
func idle(w *schedule.Wait) bool {
	return w.For == "" || strings.HasPrefix(w.For, "mail:") || strings.HasPrefix(w.For, "nothing:")
}

func (e *explainer) answer() {
	w, name := &e.x.Waits, text(e.x.Destination)
	switch {
	case heldUp(e.x) == 0 && idle(w):
		e.line("%s: nothing holds it up, there is no mail for it.", name)
		return
	case idle(w):
		e.line("%s: nothing holds it up.", name)
	default:
		e.line("%s waits for: %s", name, text(w.For))
	}
	if times := e.times(w.Since, w.Next, "next"); times != "" {
		e.line("  %s", times)
	}
}

// times are "since …, until …", as far as they are known.
func (e *explainer) times(since, until time.Time, word string) string {
	var parts []string
	if !since.IsZero() {
		parts = append(parts, "since "+ago(since, e.now))
	}
	if !until.IsZero() {
		parts = append(parts, word+" "+ahead(until, e.now))
	}
	return strings.Join(parts, ", ")
}

func (e *explainer) mail() {
	e.title("Mail")
	if p := e.x.Plan; p != nil {
		e.line("  in memory\t%d", p.Items)
		if p.Group != "" {
			e.line("  with its group\t%d waiting (%d retries), %d in transaction, room for %d more", p.Waiting, p.Retries, p.InHand, p.Room)
		}
		if !p.Oldest.IsZero() {
			e.line("  oldest in memory\t%s", ago(p.Oldest, e.now))
		}
		if p.Service > 0 {
			e.line("  pace of the group\t%.2f a second, %s each on a connection", p.Rate, p.Service.Round(time.Millisecond))
		}
	} else {
		e.line("  in memory\tnone")
	}
	e.waiting()
}

func (e *explainer) waiting() {
	w := &e.x.Waiting
	e.line("  waiting on disk\t%d", max(0, w.Count-w.InHand))
	if w.Due > 0 {
		more := ""
		if w.AtLeast {
			more = " or more"
		}
		e.line("  of them due now\t%d%s", w.Due, more)
	}
	if !w.Since.IsZero() {
		e.line("  not empty since\t%s", ago(w.Since, e.now))
	}
	if !w.NextDue.IsZero() {
		e.line("  next one due\t%s", ahead(w.NextDue, e.now))
	}
	for i := range w.Places {
		p := &w.Places[i]
		if p.Sources == "" && p.Hold == "" && len(w.Places) == 1 {
			continue
		}
		e.line("  %s\t%d, next one due %s", placeName(p), p.Count, due(p.NextDue, e.now))
	}
}

func placeName(p *outbox.Place) string {
	name := "from the usual addresses"
	if p.Sources != "" {
		name = "from " + visible(shorten(p.Sources, 60))
	}
	if p.Hold != "" {
		name += ", held by tag " + shown(p.Hold)
	}
	return name
}

func (e *explainer) route() {
	r := &e.x.Route
	how := ""
	switch {
	case r.Fixed:
		how = " (fixed, not from DNS)"
	case !r.Expires.IsZero():
		how = " (looked up again " + due(r.Expires, e.now) + ")"
	}
	e.title("Servers%s", how)
	for _, t := range r.Targets {
		e.line("  %d\t%s\t%s", t.Preference, text(t.Host), known(t.Addr))
	}
	if r.Error != "" {
		e.line("  %s", text(r.Error))
	}
	if p := e.x.Plan; p != nil && p.Failure != nil {
		e.line("  the lookup failed\t%s", e.trouble(p.Failure))
	}
	if p := e.x.Plan; p != nil && p.Looking {
		e.line("  being looked up")
	}
	if len(r.Targets) == 0 && r.Error == "" {
		e.line("  not known yet")
	}
	if len(e.x.Domains) > 1 {
		e.line("  limits count together with\t%s", text(strings.Join(e.x.Domains, ", ")))
	}
}

func known(ip netip.Addr) string {
	if !ip.IsValid() {
		return "-"
	}
	return visible(ip.String())
}

// trouble is an error of a stranger and its times.
func (e *explainer) trouble(t *schedule.Trouble) string {
	s := text(t.Error)
	if times := e.times(t.Since, t.Until, "until"); times != "" {
		s += ", " + times
	}
	return s
}

func (e *explainer) pauses() {
	if len(e.x.Pauses) == 0 {
		return
	}
	e.title("Pauses")
	for i := range e.x.Pauses {
		e.line("  %s\t%s", pauseRow(&e.x.Pauses[i]), scope(&e.x.Pauses[i]))
	}
}

func pauseRow(p *settings.Pause) string {
	if p.Memory {
		return "in memory"
	}
	return "paused " + strconv.FormatInt(p.ID, 10)
}
