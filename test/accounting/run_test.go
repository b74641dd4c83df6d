package accounting

import (
	"context"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"posthoorn/internal/testbed"
)

// event is one fault.
type event struct {
	name string
	do   func()
}

// pace is how long faults happen, with which pauses between them, and how many messages come in per second.
type pace struct {
	length, least, most time.Duration
	rate                int
}

// enough is how many messages a run must have to show something.
const enough = 200

// chaos does every event once, in random order, then more of them until the time is over and there were enough messages, with random
// pauses.
func chaos(t *testing.T, random *rand.Rand, p *program, b *books, pace pace, events []event) {
	t.Helper()
	end := time.Now().Add(pace.length)
	var deck []int
	for i := 0; i < len(events) || time.Now().Before(end) || b.size() < enough; i++ {
		<-time.After(pace.least + time.Duration(random.Int64N(int64(pace.most-pace.least))))
		p.alive()
		if len(deck) == 0 {
			deck = random.Perm(len(events))
		}
		e := events[deck[0]]
		deck = deck[1:]
		began := time.Now()
		e.do()
		t.Logf("%s %s (%v)", began.Format(clock), e.name, time.Since(began).Round(time.Millisecond))
	}
}

// patience is how long a run waits for what must come, on a machine that does much else.
const patience = 3 * time.Minute

// drain waits until every confirmed message has its final state and nothing has happened for a while: what was published and
// never confirmed may be in the outbox too, and late doubles would show. It fails when nothing moves any more.
func drain(t *testing.T, p *program, b *books, look func()) {
	t.Helper()
	const quiet = 2 * time.Second
	moved, last := time.Now(), -1
	for {
		look()
		open, events := b.progress()
		if events != last {
			moved, last = time.Now(), events
		}
		still := time.Since(moved)
		if open == 0 && still > quiet {
			return
		}
		if still > patience {
			p.stacks()
			t.Fatalf("nothing has moved for %v, %d messages have no final state; %s", still, open, b)
		}
		<-time.After(100 * time.Millisecond)
		p.alive()
	}
}

// emptied waits until the broker has every ack: what it gives once more after a crash may be older than all results, and is
// known and acknowledged without a new one.
func emptied(t *testing.T, broker *testbed.RabbitMQ, queue string) {
	t.Helper()
	for began := time.Now(); ; <-time.After(200 * time.Millisecond) {
		switch n := messagesIn(t, broker, queue); {
		case n == "0":
			return
		case time.Since(began) > patience:
			t.Errorf("%s messages stay in the outbox", n)
			return
		}
	}
}

// messagesIn is what a queue holds, what is in hand included.
func messagesIn(t *testing.T, broker *testbed.RabbitMQ, queue string) string {
	t.Helper()
	for line := range strings.Lines(broker.Ctl(t, "list_queues", "name", "messages")) {
		if f := strings.Fields(line); len(f) == 2 && f[0] == queue {
			return f[1]
		}
	}
	return "0"
}

func judge(t *testing.T, b *books) {
	t.Helper()
	t.Log(b)
	// From the third unclean end on the program hands out one message at a time, and the one in hand at the next is the culprit.
	terms := terms{window: window, connections: connections, culprits: max(0, len(b.kills)-3)}
	problems := b.check(terms)
	for _, problem := range problems[:min(len(problems), 20)] {
		t.Error(problem)
	}
	if len(problems) > 20 {
		t.Errorf("and %d more", len(problems)-20)
	}
}

// rabbitRun is a run with a real broker. faults makes the events of it.
func rabbitRun(t *testing.T, name string, pace pace, faults func(p *program, b *books, link *testbed.Proxy) []event) {
	random := newDice(t)
	broker := rabbit.Get(t)
	dir, b := workplace(t), newBooks()
	link := testbed.StartProxy(t, broker.Addr())
	s := startSink(t, b, dir)
	queues := namesOf(name)
	keys := queues.keys()
	keys["rabbitmq-address"] = broker.URLVia(link.Addr())
	p := newProgram(t, dir, s, keys)
	p.start()

	outside := &client{url: broker.URL(), books: b, names: queues}
	publishing, cease := context.WithCancel(t.Context())
	reading, stop := context.WithCancel(t.Context())
	var clients sync.WaitGroup
	defer clients.Wait()
	defer stop()
	defer cease()
	sourceDice := rand.New(rand.NewPCG(random.Uint64(), 1))
	clients.Go(func() { outside.publish(publishing, sourceDice, pace.rate) })
	clients.Go(func() { outside.read(reading) })

	chaos(t, random, p, b, pace, faults(p, b, link))
	cease()
	drain(t, p, b, func() {})
	emptied(t, broker, queues.outbox)
	p.stop()
	if n := messagesIn(t, broker, queues.outbox); n != "0" {
		t.Errorf("%s messages are back in the outbox after a clean stop", n)
	}
	stop()
	clients.Wait()
	judge(t, b)
}

// TestBrokerAndConnection: a broker that restarts, dies, hangs or is cut off, and clean stops of the program, double no mail.
func TestBrokerAndConnection(t *testing.T) {
	rabbitRun(t, "calm", pace{calmTime, 500 * time.Millisecond, 2 * time.Second, calmRate}, func(p *program, b *books, link *testbed.Proxy) []event {
		broker := rabbit.Get(t)
		hold := func(on func(bool), d time.Duration) func() {
			return func() {
				on(true)
				<-time.After(d)
				on(false)
			}
		}
		return []event{
			{"connection cut", link.Cut},
			{"connection reset", link.Reset},
			{"network silent", hold(link.Blackhole, time.Second)},
			{"broker away", func() { link.Cut(); hold(link.Refuse, 2*time.Second)() }},
			{"broker restarted", func() { broker.Restart(t) }},
			{"broker killed", func() { broker.Kill(); broker.Start(t) }},
			{"clean restart", func() { p.stop(); p.start() }},
		}
	})
}

// TestKill: SIGKILL at any moment loses nothing, and doubles only what was in doubt at that moment.
func TestKill(t *testing.T) {
	rabbitRun(t, "kill", pace{killTime, killLeast, killMost, killRate},
		func(p *program, b *books, link *testbed.Proxy) []event {
			dies := event{"killed", func() { b.killed(p.kill()); p.start() }}
			return []event{dies, dies, {"killed, connection cut", func() { link.Cut(); dies.do() }}}
		})
}
