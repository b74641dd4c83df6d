package deliver

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"posthoorn/internal/mail"
)

// ledger counts what happens to jobs and to the connection.
type ledger struct {
	t       *rapid.T
	mu      sync.Mutex
	given   map[*Job]int // given and not yet settled
	settled int
	left    []*Job
	delay   func() time.Duration
	ended   chan struct{}
	over    bool
	loads   map[*Job]int // bodies out
}

func (l *ledger) Opened(*Conn) {}

func (l *ledger) Failed(*Conn, []mail.Result) { l.end() }

func (l *ledger) Closed(*Conn) { l.end() }

func (l *ledger) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.over {
		l.t.Errorf("ended twice")
	}
	l.over = true
	if len(l.given) > 0 {
		l.t.Errorf("%d jobs did not come back", len(l.given))
	}
	close(l.ended)
}

// Want answers later, as a loop does, with several goroutines that race.
func (l *ledger) Want(c *Conn, _ bool) {
	for range 2 {
		time.AfterFunc(l.delay(), func() {
			l.mu.Lock()
			defer l.mu.Unlock()
			if len(l.left) == 0 {
				return
			}
			if j := l.left[0]; c.Give(j) {
				l.left, l.given[j] = l.left[1:], 1
			}
		})
	}
}

func (l *ledger) Done(_ *Conn, j *Job, _ *mail.Result) bool {
	l.settle(j)
	return j.ID%5 != 0
}

func (l *ledger) Back(_ *Conn, j *Job, _ Reason) { l.settle(j) }

func (l *ledger) settle(j *Job) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.given[j] != 1 || l.over {
		l.t.Errorf("job %d came back though it was not given, or after the end", j.ID)
	}
	if l.loads[j] != 0 {
		l.t.Errorf("job %d: %d bodies are still held", j.ID, l.loads[j])
	}
	delete(l.given, j)
	l.settled++
}

func (l *ledger) job(id uint64, how int) *Job {
	j := makeJob(id, "")
	j.Body = func(ctx context.Context) (Body, error) {
		switch how {
		case 1:
			return Body{}, errors.New("no")
		case 2:
			panic("poison")
		case 4:
			return Body{}, ErrUnready
		case 3:
			select {
			case <-ctx.Done():
				return Body{}, ctx.Err()
			case <-time.After(l.delay()):
			}
		}
		l.count(j, 1)
		return Body{Data: []byte("x\r\n"), Release: func() { l.count(j, -1) }}, nil
	}
	j.Ready = func() bool { return how != 3 }
	return j
}

func (l *ledger) count(j *Job, n int) {
	l.mu.Lock()
	l.loads[j] += n
	l.mu.Unlock()
}

// TestEveryJobComesBackOnce: whatever the peer does, and whenever somebody gives, closes, aborts or stops, each job that Give
// took is settled once, its body is let go of before, and the end is the end.
func TestEveryJobComesBackOnce(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		synctest.Test(t, func(t *testing.T) {
			ms := func(name string) time.Duration {
				return time.Duration(rapid.IntRange(0, 400).Draw(rt, name)) * time.Millisecond
			}
			seed := rapid.Uint64().Draw(rt, "seed")
			l := &ledger{t: rt, given: make(map[*Job]int), loads: make(map[*Job]int), ended: make(chan struct{}), delay: delays(seed)}
			for i := range rapid.IntRange(1, 12).Draw(rt, "jobs") {
				l.left = append(l.left, l.job(uint64(i+1), rapid.IntRange(0, 6).Draw(rt, "how")))
			}
			p := &peer{act: moody(seed)}
			if rapid.Bool().Draw(rt, "pipelining") {
				p.caps = []string{"PIPELINING"}
			}
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			var servers sync.WaitGroup
			c := New(Options{Connect: pipes(p, &servers)}).Open(ctx, Dial{Name: "me.test", Targets: someTargets(2)}, l)
			for _, end := range rapid.SliceOfN(rapid.SampledFrom([]string{"close", "abort", "stop"}), 0, 2).Draw(rt, "ends") {
				time.AfterFunc(ms("when"), map[string]func(){"close": c.Close, "abort": c.Abort, "stop": cancel}[end])
			}
			<-l.ended
			servers.Wait()
			if c.Give(makeJob(99, "")) {
				rt.Errorf("a job was taken after the end")
			}
			synctest.Wait()
		})
	})
}

// delays is a cheap source of waits of up to 100 ms that may be asked from several goroutines.
func delays(seed uint64) func() time.Duration {
	var mu sync.Mutex
	return func() time.Duration {
		mu.Lock()
		defer mu.Unlock()
		seed = seed*6364136223846793005 + 1442695040888963407
		return time.Duration(seed>>33%100) * time.Millisecond
	}
}

// moody is a server that now and then misbehaves or takes its time.
func moody(seed uint64) func(string, int) string {
	next := delays(seed ^ 0x5bd1e995)
	return func(string, int) string {
		time.Sleep(next())
		moods := []string{"drop", "what?", "450 4.7.1 later", "550 5.7.1 never", "421 4.3.2 bye", "250 ok\n250 ok", "hang"}
		if n := int(next() / time.Millisecond); n < len(moods) {
			return moods[n]
		}
		return ""
	}
}
