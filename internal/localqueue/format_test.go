package localqueue

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write the directory of the newest format anew")

// TestOldDirectoryIsRead opens a directory as each version wrote it, a part of it in
// tables and a part in the log, as a kill left it. From then on it has the newest format.
func TestOldDirectoryIsRead(t *testing.T) {
	if *update {
		writeFixture(t, fmt.Sprintf("testdata/format-%d", newestFormat))
	}
	for format := 1; format <= newestFormat; format++ {
		t.Run(fmt.Sprint(format), func(t *testing.T) { readFixture(t, fmt.Sprintf("testdata/format-%d", format)) })
	}
}

func readFixture(t *testing.T, fixture string) {
	dir := filepath.Join(t.TempDir(), "queue")
	if err := os.CopyFS(dir, os.DirFS(fixture)); err != nil {
		t.Fatal(err)
	}
	s, err := Open(dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	expect(t, "outbox", bodies(s, "outbox", 9), "urgent", "b", "c")
	expect(t, "results", bodies(s, "results", 9), "late")
	var noted []string
	err = s.OpenOutcomes(func(w Waiting) error { noted = append(noted, string(w.Body), string(w.Outcome)); return nil })
	if err != nil {
		t.Fatal(err)
	}
	expect(t, "outcomes", noted, "second", "250 ok")
	expect(t, "place", due(s, alpha, after(time.Hour), 9), "first")
	if got := s.Expired(after(2*time.Hour), 9, 1<<40, nil); len(got) != 1 || string(got[0].Body) != "expires" || got[0].Place != beta {
		t.Errorf("expired: %+v", got)
	}
	knows(t, s, 1, "open")
	knows(t, s, 2, "acked")
	if v, ok := s.Meta("since"); !ok || string(v) != "noon" {
		t.Errorf("meta: %q", v)
	}
	if text, err := os.ReadFile(filepath.Join(dir, formatName)); string(text) != fmt.Sprintln(newestFormat) {
		t.Errorf("format %q, %v", text, err)
	}
}

func writeFixture(t *testing.T, fixture string) {
	if err := os.RemoveAll(fixture); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "queue")
	s, err := Open(dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	publish(t, s, "outbox", "a", "b")
	wait(t, s, alpha, after(time.Minute), "second")
	commit(t, s, func(b *Batch) { b.Note([16]byte{1}, []byte("open")); b.Note([16]byte{2}, []byte("acked")) })
	if err := s.db.Flush(); err != nil {
		t.Fatal(err)
	}
	publish(t, s, "outbox", "c")
	a := s.Take("outbox", 1, nil)[0]
	w := s.TakeDue(alpha, after(time.Hour), 1, 1<<40, nil)[0]
	commit(t, s, func(b *Batch) {
		b.Ack("outbox", a.Seq)
		b.NoteWaiting(w.ID, []byte("250 ok"))
		b.Publish("outbox", Message{Body: []byte("urgent"), Priority: 9, ID: "id@x"})
		b.Publish("results", Message{Body: []byte("late"), Published: noon})
		b.Wait(Waiting{Place: alpha, Due: noon, Body: []byte("first"), Priority: 1})
		b.Wait(Waiting{Place: beta, Due: after(5 * time.Hour), Deadline: after(time.Hour), Body: []byte("expires")})
		b.Acked([16]byte{2})
		b.SetMeta("since", []byte("noon"))
	})
	if err := s.Do(context.Background(), new(Batch)); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(fixture, os.DirFS(dir)); err != nil { // the log is not closed
		t.Fatal(err)
	}
}
