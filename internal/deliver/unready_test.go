package deliver

import (
	"context"
	"slices"
	"testing"
)

// TestUnreadyContent: a message whose content would take long goes back, and the connection carries the next.
func TestUnreadyContent(t *testing.T) {
	r := &recorder{ended: make(chan struct{})}
	slow := makeJob(1, "")
	slow.Body = func(context.Context) (Body, error) { return Body{}, ErrUnready }
	r.jobs = []*Job{slow, makeJob(2, "x\r\n")}
	runAgainst(t, &peer{}, Dial{Name: "me.test", Targets: someTargets(1)}, r)
	want := []string{"opened", "back 1 unready", "done 2 message/accepted 250 2.0.0 queued 1", "closed after 1"}
	if !slices.Equal(r.events, want) {
		t.Errorf("%q", r.events)
	}
}
