package localqueue

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// child publishes, takes and acks in the directory until it is killed, and says on
// its output what is durable: "+n" is published, "-n" acked.
func child(dir string) {
	s, err := Open(dir, Options{})
	if err != nil {
		fmt.Println("error", err)
		return
	}
	first, _ := strconv.Atoi(os.Getenv("LOCALQUEUE_FIRST"))
	var writers sync.WaitGroup
	for w := range 4 {
		writers.Go(func() { childWriter(s, first+w) })
	}
	writers.Wait()
}

// childWriter has at most one thing done and not said at any moment.
func childWriter(s *Store, n int) {
	for ; ; n += 4 {
		body := strconv.Itoa(n)
		b := new(Batch)
		b.Publish("q", Message{Body: []byte(body + strings.Repeat(" ", 3000))})
		if s.Do(context.Background(), b) != nil {
			return
		}
		fmt.Println("+" + body)
		if n%3 != 0 {
			continue
		}
		for _, m := range s.Take("q", 2, nil) {
			b := new(Batch)
			b.Ack("q", m.Seq)
			if s.Do(context.Background(), b) != nil {
				return
			}
			fmt.Println("-" + strings.TrimSpace(string(m.Body)))
		}
	}
}

// TestKill kills a process at a random moment, several times in the same directory.
// What was said to be published is there, what was said to be acked is not, and
// nothing is there twice.
func TestKill(t *testing.T) {
	dir := t.TempDir()
	seed := rand.Uint64()
	t.Log("seed", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	there := map[string]bool{} // said to be published, not acked
	acked := map[string]bool{} // said to be acked
	for round := range 5 {
		killed(t, dir, round*1_000_000, time.Duration(50+r.IntN(250))*time.Millisecond, there, acked)
		s, err := Open(dir, Options{})
		if err != nil {
			t.Fatal(err)
		}
		found := map[string]bool{}
		err = s.Walk("q", func(m Taken) bool {
			body := strings.TrimSpace(string(m.Body))
			if found[body] || acked[body] {
				t.Errorf("%s: twice %v, acked before %v", body, found[body], acked[body])
			}
			found[body] = true
			return true
		})
		if err != nil {
			t.Fatal(err)
		}
		lost := 0
		for body := range there {
			if !found[body] {
				lost++
				acked[body] = true // it was taken and acked, and the word of it was cut off
			}
		}
		if lost > 4 { // one for each writer at most
			t.Errorf("%d of %d are lost", lost, len(there))
		}
		if ready, _ := s.Len("q"); ready != len(found) {
			t.Errorf("counted %d, found %d", ready, len(found))
		}
		there = found
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if len(acked) == 0 || len(there) == 0 {
		t.Errorf("nothing was tried: %d acked, %d there", len(acked), len(there))
	}
}

func killed(t *testing.T, dir string, first int, after time.Duration, there, acked map[string]bool) {
	t.Helper()
	c := exec.Command(os.Args[0])
	c.Env = append(os.Environ(), "LOCALQUEUE_CHILD="+dir, "LOCALQUEUE_FIRST="+strconv.Itoa(first))
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	var kill *time.Timer
	for lines.Scan() {
		if kill == nil && lines.Text()[0] == '-' { // it is at work, and acks too
			kill = time.AfterFunc(after, func() { _ = c.Process.Kill() })
		}
		switch body := lines.Text()[1:]; lines.Text()[0] {
		case '+':
			there[body] = true
		case '-':
			delete(there, body)
			acked[body] = true
		default:
			t.Error(lines.Text())
		}
	}
	_ = c.Wait() // killed
	if kill == nil {
		t.Fatal("the child acked nothing")
	}
}
