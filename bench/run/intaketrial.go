package main

import (
	"fmt"
	"syscall"
	"time"
)

// intakeTrial is one repeat with the contestant running.
type intakeTrial struct {
	b *bench
	r intakeRow
	c keeper
}

// measureIntake runs one repeat of a row.
func (b *bench) measureIntake(r intakeRow) (f figures, err error) {
	c, _, end, err := b.begin(r.row)
	if err != nil {
		return f, err
	}
	defer end()
	t := &intakeTrial{b: b, r: r, c: c.(keeper)}
	if r.idle > 0 {
		return t.idle()
	}
	return t.run()
}

// idle measures what sessions hold that say nothing.
func (t *intakeTrial) idle() (f figures, err error) {
	before := resident(t.c.tree()[0])
	everybody, err := openCrowd(t.c.address(), t.r.idle, false)
	defer everybody.close()
	if err != nil {
		return f, err
	}
	time.Sleep(t.b.o.intake)
	f.memory = float64(resident(t.c.tree()[0])-before) / (1 << 20)
	return f, everybody.alive()
}

// run lets the clients hand in mail for a while, and looks whether all of it that was accepted is there.
func (t *intakeTrial) run() (f figures, err error) {
	if t.r.slow > 0 {
		others, err := openCrowd(t.c.address(), t.r.slow, true)
		defer others.close()
		if err != nil {
			return f, err
		}
		others.drip()
	}
	memory := peak(t.c.tree())
	clients := newClients(t.c.address(), t.r)
	ended := make(chan error, 1)
	go func() { ended <- clients.run() }()
	time.Sleep(t.b.o.warmIntake())
	from := t.look(clients)
	time.Sleep(t.b.o.intake)
	f = t.look(clients).since(from)
	clients.over.Store(true)
	err = <-ended
	f.memory = float64(memory()) / (1 << 20)
	if err != nil {
		return f, err
	}
	return f, t.account(int(clients.accepted.Load()))
}

// account finds every accepted message.
func (t *intakeTrial) account(accepted int) error {
	n := 0
	err := t.b.await(t.c, func() bool { n, _ = t.c.kept(); return n >= accepted }, "account")
	if err != nil || n != accepted {
		return fmt.Errorf("%d messages were accepted, %d are there", accepted, n)
	}
	return nil
}

// sight is what was done and used up to a moment.
type sight struct {
	at                time.Time
	accepted          int64
	own, broker, load time.Duration
}

func (t *intakeTrial) look(c *clients) sight {
	s := sight{at: time.Now(), accepted: c.accepted.Load(), own: cpu(t.c.tree()), load: ownCPU()}
	if t.r.broker {
		s.broker = cpu(t.b.brokerTree)
	}
	return s
}

// since is what happened from an earlier sight to this one.
func (s sight) since(from sight) (f figures) {
	n := float64(s.accepted - from.accepted)
	if n == 0 {
		return f
	}
	perMessage := func(before, after time.Duration) float64 { return float64((after - before).Microseconds()) / n }
	f.rate = n / s.at.Sub(from.at).Seconds()
	f.own, f.broker, f.load = perMessage(from.own, s.own), perMessage(from.broker, s.broker), perMessage(from.load, s.load)
	return f
}

// ownCPU is what this program has used.
func ownCPU() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
