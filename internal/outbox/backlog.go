package outbox

import (
	"cmp"
	"context"
	"slices"
	"time"

	"posthoorn/internal/localqueue"
)

// BacklogLine is what there is for one destination, or for the many that have no line of their own.
type BacklogLine struct {
	Destination string    `json:"destination"`
	Others      int       `json:"others,omitempty"` // so many destinations are summed up in this line
	Memory      int       `json:"memory"`           // in memory, in transaction included
	Waiting     int       `json:"waiting"`          // in the local queue and not in memory
	Since       time.Time `json:"since,omitzero"`   // something has been here since then; nothing is older
	Reason      string    `json:"reason,omitempty"` // why it waits; may quote the receiver
	Next        time.Time `json:"next,omitzero"`    // the next moment that anything happens
}

// maxLines is how many destinations have a line of their own.
const maxLines = 1000

// explainBatch is how many destinations the plan is asked about at a time: meanwhile it sends nothing.
const explainBatch = 50

// Backlog lists what there is for each destination, the most first. The last line sums up those beyond the first thousand.
func (e *Engine) Backlog(ctx context.Context) ([]BacklogLine, error) {
	places := map[string][]localqueue.PlaceInfo{}
	for _, p := range e.o.Waiting.Places() {
		places[p.Place.Destination] = append(places[p.Place.Destination], p)
	}
	memory := map[string]int{}
	err := e.inLoop(ctx, func(time.Time) {
		for _, it := range e.loop.items {
			memory[it.site]++
		}
	})
	if err != nil {
		return nil, err
	}
	lines := backlogLines(places, memory)
	for rest := lines; len(rest) > 0 && rest[0].Others == 0; {
		n := min(len(rest), explainBatch)
		if err := e.reasons(ctx, rest[:n], places); err != nil {
			return nil, err
		}
		rest = rest[n:]
	}
	return lines, nil
}

func backlogLines(places map[string][]localqueue.PlaceInfo, memory map[string]int) []BacklogLine {
	lines := make([]BacklogLine, 0, len(places)+len(memory))
	for destination, list := range places {
		line := BacklogLine{Destination: destination, Memory: memory[destination]}
		for i := range list {
			line.Waiting += list[i].Count - list[i].InHand
			line.Since = earlier(line.Since, list[i].Since)
		}
		if line.Waiting+line.Memory > 0 {
			lines = append(lines, line)
		}
	}
	for destination, n := range memory {
		if places[destination] == nil {
			lines = append(lines, BacklogLine{Destination: destination, Memory: n})
		}
	}
	slices.SortFunc(lines, func(a, b BacklogLine) int {
		return cmp.Or(b.Memory+b.Waiting-a.Memory-a.Waiting, cmp.Compare(a.Destination, b.Destination))
	})
	if len(lines) <= maxLines {
		return lines
	}
	rest := BacklogLine{}
	for i := range lines[maxLines:] {
		line := &lines[maxLines+i]
		rest.Others++
		rest.Memory, rest.Waiting = rest.Memory+line.Memory, rest.Waiting+line.Waiting
		rest.Since = earlier(rest.Since, line.Since)
	}
	return append(lines[:maxLines:maxLines], rest)
}

// reasons says of each line why its mail waits.
func (e *Engine) reasons(ctx context.Context, lines []BacklogLine, places map[string][]localqueue.PlaceInfo) error {
	outlooks := make([]outlook, len(lines))
	err := e.inLoop(ctx, func(now time.Time) {
		for i := range lines {
			outlooks[i] = outlook{destination: lines[i].Destination, places: places[lines[i].Destination]}
			if plan, ok := e.loop.plan.Explain(now, lines[i].Destination); ok {
				outlooks[i].plan = &plan
			}
		}
	})
	if err != nil {
		return err
	}
	now, s := time.Now(), e.o.Settings()
	for i := range lines {
		if lines[i].Others > 0 {
			continue
		}
		w := e.waitFor(now, s, &outlooks[i])
		lines[i].Reason, lines[i].Next = w.For, w.Next
		if p := outlooks[i].plan; p != nil {
			lines[i].Since = earlier(lines[i].Since, p.Oldest)
		}
	}
	return nil
}
