package control

import (
	"fmt"
	"strings"

	"posthoorn/internal/schedule"
)

// lanes prints what goes on between each own address and the servers of the destination.
func (e *explainer) lanes() {
	if e.x.Plan == nil {
		return
	}
	for i := range e.x.Plan.Lanes {
		e.lane(&e.x.Plan.Lanes[i])
	}
}

func (e *explainer) lane(l *schedule.LaneReport) {
	e.title("Connections from %s", own(l.Source))
	e.line("  open\t%d (%d opening, %d idle, %d closing)", l.Connections, l.Opening, l.Idle, l.Closing)
	e.line("  sent\t%d", l.Sent)
	if !idle(&l.Waits) {
		e.line("  waits for\t%s", joined(text(l.Waits.For), e.times(l.Waits.Since, l.Waits.Next, "next")))
	}
	if next := e.moments(&l.Next); next != "" {
		e.line("  rates\t%s", next)
	}
	if l.Offline != nil {
		e.line("  offline\t%s", e.trouble(l.Offline))
	}
	if l.Bind != nil {
		e.line("  address cannot be used\t%s", e.trouble(l.Bind))
	}
	for i := range l.Classes {
		e.line("  not to be had\t%s", joined(class(&l.Classes[i].Class), e.trouble(&l.Classes[i].Trouble)))
	}
	for i := range l.Floods {
		e.flood(&l.Floods[i])
	}
	for i := range l.Remotes {
		e.remote(&l.Remotes[i])
	}
}

func (e *explainer) flood(f *schedule.FloodReport) {
	state := "matched"
	switch {
	case !f.Paused.IsZero():
		state = "pauses until " + ahead(f.Paused, e.now)
	case !f.Reduced.IsZero():
		state = "reduced limits until " + ahead(f.Reduced, e.now)
	}
	e.line("  flood pattern\t%s (flood_responses %d) since %s, %s", shown(f.Name), f.ID, ago(f.Since, e.now), state)
}

func (e *explainer) remote(r *schedule.RemoteReport) {
	state := fmt.Sprintf("%d open (%d opening, %d idle)", r.Connections, r.Opening, r.Idle)
	if r.Paused {
		state = joined(state, "paused")
	}
	state = joined(state, e.moments(&r.Next))
	if r.Offline != nil {
		state = joined(state, "offline: "+e.trouble(r.Offline))
	}
	e.line("  to %s\t%s", known(r.Addr), state)
}

// moments are when the rates let the next one through, where that is not at once.
func (e *explainer) moments(m *schedule.Moments) string {
	var parts []string
	if !m.Message.IsZero() {
		parts = append(parts, "next message "+due(m.Message, e.now))
	}
	if !m.Bytes.IsZero() {
		parts = append(parts, "next bytes "+due(m.Bytes, e.now))
	}
	if !m.Connect.IsZero() {
		parts = append(parts, "next connection "+due(m.Connect, e.now))
	}
	return strings.Join(parts, ", ")
}

// class names what a message asks of its connection.
func class(c *schedule.Class) string {
	var parts []string
	for _, p := range []struct{ name, value string }{
		{"security", c.Security}, {"login", c.Auth}, {"EHLO", c.Helo}, {"tags", c.Tags}, {"other", c.Other},
	} {
		if p.value != "" {
			parts = append(parts, p.name+" "+text(p.value))
		}
	}
	if len(parts) == 0 {
		return "any connection"
	}
	return strings.Join(parts, ", ")
}

func joined(a, b string) string {
	if b == "" {
		return a
	}
	return a + ", " + b
}
