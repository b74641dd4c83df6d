package accounting

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// books are the records of one run. An id is a recipient: each is used once.
type books struct {
	mu         sync.Mutex
	published  map[string]publication
	deliveries map[string][]delivery
	outcomes   map[string][]outcome
	kills      []kill
}

// publication is what the source knows of a message.
type publication struct {
	hash      string // SHA-256 of the body, the headers left out
	confirmed bool
}

// delivery is one message whose final dot the sink has seen.
type delivery struct {
	hash     string
	accepted bool      // the script says yes
	dropped  bool      // the script cuts the connection instead of answering
	opened   time.Time // its connection
	received time.Time // before it was decided
	answered time.Time // the reply was written; zero: it could not be
}

// outcome is one message of a result queue.
type outcome struct {
	queue, messageID, state, kind string
}

// kill is one SIGKILL of the program: between the two moments it died.
type kill struct{ sent, dead time.Time }

func newBooks() *books {
	return &books{published: map[string]publication{}, deliveries: map[string][]delivery{}, outcomes: map[string][]outcome{}}
}

func (b *books) publish(id, hash string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.published[id] = publication{hash: hash}
}

func (b *books) confirm(ids ...string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, id := range ids {
		p := b.published[id]
		p.confirmed = true
		b.published[id] = p
	}
}

func (b *books) deliver(id string, d delivery) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.deliveries[id] = append(b.deliveries[id], d)
}

func (b *books) conclude(id string, o outcome) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.outcomes[id] = append(b.outcomes[id], o)
}

// size is how many messages there are.
func (b *books) size() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.published)
}

func (b *books) killed(sent, dead time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.kills = append(b.kills, kill{sent, dead})
}

// progress counts the confirmed messages without a final state, and everything that was seen so far.
func (b *books) progress() (open, events int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for id, p := range b.published {
		events += len(b.outcomes[id]) + len(b.deliveries[id])
		if p.confirmed && len(finalsOf(b.outcomes[id], "success", "failure")) == 0 {
			open++
		}
	}
	return open, events
}

func (b *books) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	confirmed, delivered := 0, 0
	for _, p := range b.published {
		if p.confirmed {
			confirmed++
		}
	}
	for _, ds := range b.deliveries {
		delivered += len(ds)
	}
	return fmt.Sprintf("%d published, %d confirmed, %d dots seen for %d recipients, %d recipients with results, %d kills",
		len(b.published), confirmed, delivered, len(b.deliveries), len(b.outcomes), len(b.kills))
}

// finalsOf lists the messages of some queues, those with the same message-id once: a result may be repeated, never contradicted.
func finalsOf(os []outcome, queues ...string) []outcome {
	var list []outcome
	for _, o := range os {
		if !slices.Contains(queues, o.queue) {
			continue
		}
		if o.messageID != "" && slices.Contains(list, o) {
			continue
		}
		list = append(list, o)
	}
	return list
}

// terms are what a run allows.
type terms struct {
	window      time.Duration // before a kill, in which an answered dot may not be in the ledger yet
	connections int           // of the program to the sink: the most dots that one kill may leave in doubt
	culprits    int           // messages that may be failed because the program died with them alone in hand
}

// check compares the books when all is drained, and says what is wrong.
func (b *books) check(t terms) []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	c := checker{books: b, terms: t}
	for id := range b.deliveries {
		if _, ok := b.published[id]; !ok {
			c.wrong(id, "arrived but was never published")
		}
	}
	for id := range b.outcomes {
		if _, ok := b.published[id]; !ok {
			c.wrong(id, "has a result but was never published")
		}
	}
	for id, p := range b.published {
		c.final(id, p)
		c.arrival(id, p)
		c.repeats(id)
	}
	if most := len(b.kills) * t.connections; c.doubled > most {
		c.wrong("all", "%d doubled mails around kills, at most %d can have been in doubt", c.doubled, most)
	}
	if c.culprits > t.culprits {
		c.wrong("all", "%d messages were failed as the cause of a kill, at most %d can have been", c.culprits, t.culprits)
	}
	slices.Sort(c.problems)
	return c.problems
}

type checker struct {
	books    *books
	terms    terms
	problems []string
	doubled  int // mails that arrived once more because of a kill
	culprits int
}

func (c *checker) wrong(id, format string, args ...any) {
	c.problems = append(c.problems, id+" "+fmt.Sprintf(format, args...))
}

// final: a confirmed message ends in exactly one state, the one that its script leads to.
func (c *checker) final(id string, p publication) {
	outcomes := c.books.outcomes[id]
	ends := finalsOf(outcomes, "success", "failure")
	switch {
	case len(ends) == 0 && p.confirmed:
		c.wrong(id, "is lost: confirmed, and no final state (%d dots seen)", len(c.books.deliveries[id]))
		return
	case len(ends) == 0:
		return
	case len(ends) > 1:
		c.wrong(id, "has %d final states: %v", len(ends), ends)
		return
	}
	if all := finalsOf(outcomes, "results"); len(all) != 1 || all[0].messageID != ends[0].messageID {
		c.wrong(id, "has %v in success or failure and %v in results", ends, all)
	}
	if ends[0].queue == "failure" && ends[0].state == "unknown" && !strings.HasPrefix(id, "perm") {
		c.culprits++
		return
	}
	want := "success"
	if strings.HasPrefix(id, "perm") {
		want = "failure"
	}
	if ends[0].queue != want {
		c.wrong(id, "ended in %s (%s/%s)", ends[0].queue, ends[0].state, ends[0].kind)
	}
}

// arrival: a success arrived unaltered, a failure never was accepted.
func (c *checker) arrival(id string, p publication) {
	accepted := 0
	for _, d := range c.books.deliveries[id] {
		if d.hash != p.hash {
			c.wrong(id, "arrived altered")
		}
		if d.accepted {
			accepted++
		}
	}
	ends := finalsOf(c.books.outcomes[id], "success", "failure")
	if len(ends) != 1 {
		return
	}
	if ends[0].queue == "success" && accepted == 0 {
		c.wrong(id, "is a success that never arrived")
	}
	if ends[0].queue == "failure" && accepted > 0 && ends[0].state != "unknown" {
		c.wrong(id, "is a failure that was accepted")
	}
}

// repeats: every delivery but the last needs an excuse: its reply never came, or the program died before it was noted.
func (c *checker) repeats(id string) {
	ds := slices.DeleteFunc(slices.Clone(c.books.deliveries[id]), func(d delivery) bool { return !d.accepted })
	slices.SortFunc(ds, func(x, y delivery) int { return x.received.Compare(y.received) })
	for i := 0; i+1 < len(ds); i++ {
		if ds[i].dropped {
			continue
		}
		if !c.inDoubt(ds[i]) {
			c.wrong(id, "was sent again although its dot was answered at %s; received %d times; kills %s",
				ds[i].answered.Format(clock), len(ds), c.killTimes(ds[i].received))
			continue
		}
		c.doubled++
	}
}

// inDoubt: the program whose connection it was died before it can have noted the answer. What it had sent by then may be read later.
func (c *checker) inDoubt(d delivery) bool {
	for _, k := range c.books.kills {
		if d.opened.Before(k.dead) && (d.answered.IsZero() || d.answered.After(k.sent.Add(-c.terms.window))) {
			return true
		}
	}
	return false
}

const clock = "15:04:05.000"

// killTimes names the kill that is nearest after a moment.
func (c *checker) killTimes(after time.Time) string {
	var next []kill
	for _, k := range c.books.kills {
		if k.dead.After(after) {
			next = append(next, k)
		}
	}
	if len(next) == 0 {
		return "none after it"
	}
	first := slices.MinFunc(next, func(x, y kill) int { return cmp.Compare(x.sent.UnixNano(), y.sent.UnixNano()) })
	return "next at " + first.sent.Format(clock)
}
