package control

import (
	"encoding/json"
	"flag"
	"os"
	"strings"
	"testing"
	"time"

	"posthoorn/internal/outbox"
	"posthoorn/internal/schedule"
	"posthoorn/internal/settings"
)

var update = flag.Bool("update", false, "write the golden files")

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := "testdata/" + name
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s:\n%s\nwant\n%s", name, got, want)
	}
}

var noon = time.Date(2030, 1, 2, 12, 0, 0, 0, time.UTC)

func before(d time.Duration) time.Time { return noon.Add(-d) }
func after(d time.Duration) time.Time  { return noon.Add(d) }

// quiet is a destination of which the plan knows nothing.
func quiet() outbox.Explanation {
	return outbox.Explanation{
		Destination: "quiet.example", Time: noon,
		Sources: []outbox.SourceExplanation{{Limits: []settings.LimitField{{Name: "domain_maxqueue", Value: "500", From: "built-in"}}}},
	}
}

// crowded has something in every part; note is what strangers wrote.
func crowded(note string) outbox.Explanation {
	normal := []settings.LimitField{{Name: "domain_maxmessages", Value: "1000", From: "capacity 12"}, {Name: "ip_maxstarting", Value: "1", From: "built-in"}}
	reduced := []settings.LimitField{{Name: "domain_maxmessages", Value: "10", From: "flood_responses 3" + note}, {Name: "ip_maxstarting", Value: "1", From: "built-in"}}
	all, tagged := settings.Pause{ID: 7, Domain: "busy.example", Source: ip("10.0.0.3")}, settings.Pause{Memory: true, Tag: "news" + note, Expire: after(time.Hour)}
	refused := &schedule.Trouble{Error: "connection refused" + note, Since: before(90 * time.Second), Until: after(30 * time.Second)}
	return outbox.Explanation{
		Destination: "busy.example" + note, Time: noon,
		Waits: schedule.Wait{For: "the pause of the flood pattern “slow down" + note + "”", Since: before(200 * time.Second), Next: after(400 * time.Second)},
		Sources: []outbox.SourceExplanation{
			{Source: ip("10.0.0.1"), Name: "mta1.example.com" + note, Limits: normal},
			{Source: ip("10.0.0.2"), Delegate: ip("10.0.0.1"), Row: 5, Limits: reduced},
			{Source: ip("10.0.0.3"), Pause: &all, Limits: normal},
			{Source: ip("10.0.0.4"), Delegate: ip("10.9.9.9"), Row: 6, NotOwn: true, Limits: normal},
		},
		Domains: []string{"busy.example", "alias.example" + note},
		Pauses:  []settings.Pause{all, tagged, {ID: 8, Remote: ip("192.0.2.9")}},
		Route: outbox.RouteExplanation{
			Targets: []schedule.Target{{Host: "mx1.busy.example" + note, Addr: ip("192.0.2.1"), Preference: 10}, {Host: "mx2.busy.example", Preference: 20}},
			Expires: after(25 * time.Minute), Error: note,
		},
		Waiting: outbox.WaitingExplanation{
			Count: 1204, InHand: 4, Due: 1000, AtLeast: true, NextDue: before(time.Second), Since: before(51 * time.Hour),
			Places: []outbox.Place{{Count: 1000, NextDue: before(1)}, {Sources: "10.0.0.2,10.0.0.3" + note, Count: 200, NextDue: after(time.Minute)}, {Hold: "news" + note, Count: 4}},
		},
		Plan: &schedule.Explanation{
			Site: "busy.example", Group: "mx1" + note, Items: 12, Waiting: 20, Retries: 3, InHand: 5, Room: 480, Oldest: before(75 * time.Minute),
			Service: 340 * time.Millisecond, Rate: 14.2, Looking: true, Failure: refused,
			Lanes: []schedule.LaneReport{{
				LaneStats: schedule.LaneStats{Source: ip("10.0.0.1"), Connections: 4, Opening: 1, Idle: 2, Closing: 1, Sent: 8812},
				Waits:     schedule.Wait{For: "the limit of messages per minute", Since: before(time.Second), Next: after(2 * time.Second)},
				Next:      schedule.Moments{Message: after(2 * time.Second), Bytes: after(3 * time.Second), Connect: after(time.Minute)},
				Offline:   refused, Bind: refused,
				Classes: []schedule.ClassTrouble{{Class: schedule.Class{Security: "verified", Auth: "me" + note}, Trouble: *refused}, {Trouble: *refused}},
				Floods:  []schedule.FloodReport{{ID: 3, Name: "slow down" + note, Since: before(time.Minute), Paused: after(time.Minute)}, {ID: 4, Name: "later", Since: before(time.Minute), Reduced: after(time.Hour)}},
				Remotes: []schedule.RemoteReport{{Addr: ip("192.0.2.1"), Connections: 4, Opening: 1, Idle: 2, Next: schedule.Moments{Message: after(time.Second)}}, {Addr: ip("192.0.2.9"), Paused: true, Offline: refused}},
			}, {LaneStats: schedule.LaneStats{Source: ip("10.0.0.2")}, Waits: schedule.Wait{For: "mail: there is none for it"}}},
		},
	}
}

func explainedTo(t *testing.T, x outbox.Explanation, json bool) string {
	t.Helper()
	client := operated(t, &fake{explanation: x}, nil)
	var out strings.Builder
	if err := Operate(t.Context(), client, cmdExplain, Order{Destination: "a.example"}, Terminal{Out: &out, JSON: json}); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestExplain(t *testing.T) {
	golden(t, "explain-busy.txt", explainedTo(t, crowded(""), false))
	golden(t, "explain-quiet.txt", explainedTo(t, quiet(), false))
}

// TestAnswers: the first line says it all.
func TestAnswers(t *testing.T) {
	wait := func(what string) schedule.Wait {
		return schedule.Wait{For: what, Since: before(time.Minute), Next: after(time.Minute)}
	}
	for _, c := range []struct {
		waits   schedule.Wait
		mail    int // in memory
		waiting int
		want    string
	}{
		{schedule.Wait{}, 0, 0, "x.example: nothing holds it up, there is no mail for it."},
		{wait("mail: there is none"), 0, 0, "x.example: nothing holds it up, there is no mail for it."},
		{wait("nothing: all its messages are being sent"), 3, 0, "x.example: nothing holds it up.\n  since 2030-01-02 11:59:00 (1m00s ago), next 2030-01-02 12:01:00 (in 1m00s)"},
		{schedule.Wait{}, 0, 3, "x.example: nothing holds it up."},
		{schedule.Wait{For: "the pause of everything"}, 0, 0, "x.example waits for: the pause of everything"},
		{schedule.Wait{For: "nothing more is sent, the program stops"}, 1, 0, "x.example waits for: nothing more is sent, the program stops"},
		{wait("offline: refused"), 1, 1, "x.example waits for: offline: refused\n  since 2030-01-02 11:59:00 (1m00s ago), next 2030-01-02 12:01:00 (in 1m00s)"},
	} {
		x := outbox.Explanation{Destination: "x.example", Time: noon, Waits: c.waits, Waiting: outbox.WaitingExplanation{Count: c.waiting}, Plan: &schedule.Explanation{Items: c.mail}}
		var out strings.Builder
		if err := printExplanation(&out, &x); err != nil {
			t.Fatal(err)
		}
		if got, _, _ := strings.Cut(out.String(), "\n\n"); got != c.want {
			t.Errorf("%+v:\n%s\nwant\n%s", c.waits, got, c.want)
		}
	}
}

// TestStrangersSteerNothing: whatever they write, lines and columns stay and no terminal obeys.
func TestStrangersSteerNothing(t *testing.T) {
	lines := strings.Count(explainedTo(t, crowded("x"), false), "\n")
	for note := range hostile {
		if strings.ContainsRune(note, '\ufffd') {
			continue // printed by encoding/json for what is not UTF-8, it steers nothing
		}
		got := explainedTo(t, crowded(note), false)
		if strings.Count(got, "\n") != lines {
			t.Errorf("%q: other lines:\n%s", note, got)
		}
		for line := range strings.Lines(got) {
			if line = strings.TrimSuffix(line, "\n"); visible(line) != line {
				t.Errorf("%q: %q", note, line)
			}
		}
	}
	long := explainedTo(t, crowded(strings.Repeat("long ", 10_000)), false)
	for line := range strings.Lines(long) {
		if len(line) > 4*maxText {
			t.Errorf("a line of %d bytes: %.80s", len(line), line)
		}
	}
}

func TestExplainForPrograms(t *testing.T) {
	for note := range hostile {
		got := explainedTo(t, crowded(note), true)
		var x outbox.Explanation
		if err := json.Unmarshal([]byte(got), &x); err != nil || strings.Count(got, "\n") != 1 || strings.ContainsAny(got, "\x1b\x7f\u009b\u202e") {
			t.Errorf("%q: %v: %s", note, err, got)
		}
		if want := "busy.example" + strings.ToValidUTF8(note, "\ufffd"); x.Destination != want || x.Plan.Lanes[0].Sent != 8812 {
			t.Errorf("%q: %q", want, x.Destination)
		}
	}
}
