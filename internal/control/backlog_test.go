package control

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"posthoorn/internal/outbox"
)

func someBacklog(note string) []outbox.BacklogLine {
	return []outbox.BacklogLine{
		{Destination: "gmail.com", Memory: 500, Waiting: 120_034, Since: before(3 * time.Hour), Reason: "421 4.7.28 slow down" + note, Next: after(90 * time.Second)},
		{Destination: "[IPv6:2001:db8::1]", Memory: 1},
		{Destination: "relay.example:587", Waiting: 7, Since: before(50 * time.Hour), Reason: "paused 12", Next: before(time.Second)},
		{Others: 1234, Memory: 3, Waiting: 4000, Since: before(5 * time.Second)},
	}
}

func TestBacklog(t *testing.T) {
	var out strings.Builder
	if err := printBacklog(&out, someBacklog(""), noon); err != nil {
		t.Fatal(err)
	}
	golden(t, "backlog.txt", out.String())
	for note := range hostile {
		out.Reset()
		if err := printBacklog(&out, someBacklog(note), noon); err != nil {
			t.Fatal(err)
		}
		if got := out.String(); strings.Count(got, "\n") != 6 || visible(strings.ReplaceAll(got, "\n", "")) != strings.ReplaceAll(got, "\n", "") {
			t.Errorf("%q: %q", note, got)
		}
	}
}

func TestBacklogForPrograms(t *testing.T) {
	for _, want := range []int{0, 4} {
		f := &fake{backlog: someBacklog("\x1b[2J\u202e")[:want:want]}
		if want == 0 {
			f.backlog = nil
		}
		var out strings.Builder
		if err := Operate(t.Context(), operated(t, f, nil), cmdBacklog, Order{}, Terminal{Out: &out, JSON: true}); err != nil {
			t.Fatal(err)
		}
		var lines []outbox.BacklogLine
		if err := json.Unmarshal([]byte(out.String()), &lines); err != nil || lines == nil || len(lines) != want || strings.ContainsAny(out.String(), "\x1b\u202e") {
			t.Errorf("%v: %s", err, out.String())
		}
	}
}
