package control

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// sources prints our own addresses that the mail may leave from.
func (e *explainer) sources() {
	if len(e.x.Sources) == 0 {
		return
	}
	e.title("Own addresses")
	for i := range e.x.Sources {
		s := &e.x.Sources[i]
		var remarks []string
		if s.Name != "" {
			remarks = append(remarks, "EHLO "+text(s.Name))
		}
		switch {
		case s.NotOwn:
			remarks = append(remarks, fmt.Sprintf("should leave from %s instead (delegates %d), which is no address of this host", known(s.Delegate), s.Row))
		case s.Delegate.IsValid():
			remarks = append(remarks, fmt.Sprintf("leaves from %s instead (delegates %d)", known(s.Delegate), s.Row))
		}
		if s.Pause != nil {
			remarks = append(remarks, "held back: "+pauseRow(s.Pause))
		}
		if len(remarks) == 0 {
			e.line("  %s", own(s.Source))
			continue
		}
		e.line("  %s\t%s", own(s.Source), strings.Join(remarks, ", "))
	}
}

// own is one of our addresses; where there is none the kernel chooses.
func own(ip netip.Addr) string {
	if !ip.IsValid() {
		return "any"
	}
	return visible(ip.String())
}

// limits prints a table for all own addresses with the same ones.
func (e *explainer) limits() {
	var shownFor []int
	for i := range e.x.Sources {
		if slices.Contains(shownFor, i) {
			continue
		}
		var names []string
		for j := i; j < len(e.x.Sources); j++ {
			if slices.Equal(e.x.Sources[i].Limits, e.x.Sources[j].Limits) {
				shownFor, names = append(shownFor, j), append(names, own(e.x.Sources[j].Source))
			}
		}
		e.title("Limits from %s", shorten(strings.Join(names, ", "), maxText))
		for _, l := range e.x.Sources[i].Limits {
			e.line("  %s\t%s\t%s", text(l.Name), text(l.Value), text(l.From))
		}
	}
}
