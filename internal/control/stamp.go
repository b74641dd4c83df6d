package control

import (
	"fmt"
	"time"
)

// stamp is a moment in UTC, as it stands in tables and logs.
func stamp(t time.Time) string { return t.UTC().Format(time.DateTime) }

// ago and ahead are a moment with its distance.
func ago(t, now time.Time) string { return stamp(t) + " (" + span(now.Sub(t)) + " ago)" }

func ahead(t, now time.Time) string {
	if !t.After(now) {
		return stamp(t) + " (now)"
	}
	return stamp(t) + " (in " + span(t.Sub(now)) + ")"
}

// age is how long something has been going on; "-" for the zero time.
func age(t, now time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return span(now.Sub(t))
}

// due is how long it takes until a moment; "-" for the zero time.
func due(t, now time.Time) string {
	if t.IsZero() {
		return "-"
	}
	if !t.After(now) {
		return "now"
	}
	return "in " + span(t.Sub(now))
}

// span is a duration in its two largest units.
func span(d time.Duration) string {
	s := int64(max(0, d).Round(time.Second) / time.Second)
	switch {
	case s < 60:
		return fmt.Sprintf("%ds", s)
	case s < 3600:
		return fmt.Sprintf("%dm%02ds", s/60, s%60)
	case s < 24*3600:
		return fmt.Sprintf("%dh%02dm", s/3600, s%3600/60)
	}
	return fmt.Sprintf("%dd%02dh", s/(24*3600), s%(24*3600)/3600)
}
