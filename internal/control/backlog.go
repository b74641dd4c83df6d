package control

import (
	"fmt"
	"io"
	"strconv"
	"text/tabwriter"
	"time"

	"posthoorn/internal/outbox"
)

// maxReasonShown is how much of a reason a line of the table has room for, in runes; explain tells all.
const maxReasonShown = 120

// printBacklog prints the table of posthoorn backlog and its sums.
func printBacklog(out io.Writer, lines []outbox.BacklogLine, now time.Time) error {
	if len(lines) == 0 {
		_, err := fmt.Fprintln(out, "No mail is in memory or waits.")
		return err
	}
	t := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	fmt.Fprintln(t, "DESTINATION\tIN MEMORY\tWAITING\tOLDEST\tNEXT\tREASON")
	memory, waiting := 0, 0
	for i := range lines {
		l := &lines[i]
		memory, waiting = memory+l.Memory, waiting+l.Waiting
		name, reason := text(l.Destination), "-"
		if l.Others > 0 {
			name = "(" + strconv.Itoa(l.Others) + " others)"
		}
		if l.Reason != "" {
			reason = visible(shorten(l.Reason, maxReasonShown))
		}
		fmt.Fprintf(t, "%s\t%d\t%d\t%s\t%s\t%s\n", name, l.Memory, l.Waiting, age(l.Since, now), due(l.Next, now), reason)
	}
	fmt.Fprintf(t, "all\t%d\t%d\n", memory, waiting)
	return t.Flush()
}
