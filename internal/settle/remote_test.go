package settle_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"posthoorn/internal/broker"
	"posthoorn/internal/localqueue"
	"posthoorn/internal/settle"
)

var errDisk = errors.New("disk")

// TestFinishStepByStep: the ledger, then all confirms, then settled.
func TestFinishStepByStep(t *testing.T) {
	for _, origin := range []settle.Origin{fromBroker(), {Waiting: 5}} {
		synctest.Test(t, func(t *testing.T) {
			d := new(diary)
			st := &store{diary: d, gate: make(chan struct{})}
			se := &sender{diary: d, gate: make(chan struct{})}
			r := settle.NewRemote(settle.Options{Store: st, Sender: se})
			defer r.Close()
			v := newVerdict()
			r.Settle(settle.Work{Origin: origin, Publish: []settle.Publication{results, success}, Settled: v.settled})
			steps := []chan struct{}{st.gate, se.gate, se.gate}
			if origin.Waiting != 0 {
				steps = append(steps, st.gate)
			}
			for i, step := range steps {
				synctest.Wait()
				if n, _ := v.read(); n != 0 || len(d.read()) != i {
					t.Fatalf("settled %d times after %d steps: %v", n, i, d.read())
				}
				step <- struct{}{}
			}
			synctest.Wait()
			if n, err := v.read(); n != 1 || err != nil {
				t.Errorf("settled %d times, %v", n, err)
			}
		})
	}
}

// TestPaths is every path of a work and every step of it that can fail.
func TestPaths(t *testing.T) {
	waiting := settle.Origin{Waiting: 5}
	wait := &localqueue.Waiting{Due: time.Unix(1, 0)}
	closed := func(broker.Publishing) error { return broker.ErrClosed }
	fails := func(which int) func(int) error {
		return func(n int) error {
			if n == which {
				return errDisk
			}
			return nil
		}
	}
	for name, c := range map[string]struct {
		work    settle.Work
		publish func(broker.Publishing) error
		commit  func(int) error
		want    error
		happens string // in order; "a&b": in any order
	}{
		"finish":                   {work: settle.Work{Origin: fromBroker(), Publish: []settle.Publication{results}}, happens: "committed,published results"},
		"finish, two queues":       {work: settle.Work{Origin: fromBroker(), Publish: []settle.Publication{results, success}}, happens: "committed,published results&published success"},
		"finish, nothing to say":   {work: settle.Work{Origin: fromBroker()}, happens: "committed"},
		"finish, no identity":      {work: settle.Work{Publish: []settle.Publication{results}}, happens: "published results"},
		"finish, replay":           {work: settle.Work{Origin: fromBroker(), Publish: []settle.Publication{results}, Replay: true}, happens: "published results"},
		"finish, ledger fails":     {work: settle.Work{Origin: fromBroker(), Publish: []settle.Publication{results}}, commit: fails(1), happens: "published results"},
		"finish, closing":          {work: settle.Work{Origin: fromBroker(), Publish: []settle.Publication{results}}, publish: closed, want: broker.ErrClosed, happens: "committed"},
		"finish, no such role":     {work: settle.Work{Origin: fromBroker(), Publish: []settle.Publication{publication("")}}, happens: "committed"},
		"park":                     {work: settle.Work{Origin: fromBroker(), Wait: wait}, happens: "committed"},
		"park, copy":               {work: settle.Work{Origin: fromBroker(), Wait: wait, Publish: []settle.Publication{retry}}, happens: "committed,published retry"},
		"park, disk fails":         {work: settle.Work{Origin: fromBroker(), Wait: wait, Publish: []settle.Publication{retry}}, commit: fails(1), want: errDisk},
		"park, closing":            {work: settle.Work{Origin: fromBroker(), Wait: wait, Publish: []settle.Publication{retry}}, publish: closed, want: broker.ErrClosed, happens: "committed"},
		"waited":                   {work: settle.Work{Origin: waiting, Publish: []settle.Publication{results}}, happens: "committed,published results,committed"},
		"waited, nothing to say":   {work: settle.Work{Origin: waiting}, happens: "committed"},
		"waited, replay":           {work: settle.Work{Origin: waiting, Publish: []settle.Publication{results}, Replay: true}, happens: "published results,committed"},
		"waited, note fails":       {work: settle.Work{Origin: waiting, Publish: []settle.Publication{results}}, commit: fails(1), want: errDisk},
		"waited, removal fails":    {work: settle.Work{Origin: waiting, Publish: []settle.Publication{results}}, commit: fails(2), want: errDisk, happens: "committed,published results"},
		"waited, closing":          {work: settle.Work{Origin: waiting, Publish: []settle.Publication{results}}, publish: closed, want: broker.ErrClosed, happens: "committed"},
		"waits again":              {work: settle.Work{Origin: waiting, Wait: wait}, happens: "committed"},
		"waits again, copy":        {work: settle.Work{Origin: waiting, Wait: wait, Publish: []settle.Publication{retry}}, happens: "published retry,committed"},
		"waits again, disk fails":  {work: settle.Work{Origin: waiting, Wait: wait, Publish: []settle.Publication{retry}}, commit: fails(1), want: errDisk, happens: "published retry"},
		"waits again, closing":     {work: settle.Work{Origin: waiting, Wait: wait, Publish: []settle.Publication{retry}}, publish: closed, want: broker.ErrClosed},
		"finish, one of two fails": {work: settle.Work{Origin: fromBroker(), Publish: []settle.Publication{results, success}}, publish: onlyQueue("success", broker.ErrClosed), want: broker.ErrClosed, happens: "committed,published results"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := new(diary)
				r := settle.NewRemote(settle.Options{Store: &store{diary: d, answer: c.commit}, Sender: &sender{diary: d, answer: c.publish}})
				defer r.Close()
				v := newVerdict()
				c.work.Settled = v.settled
				r.Settle(c.work)
				synctest.Wait()
				if n, err := v.read(); n != 1 || !errors.Is(err, c.want) {
					t.Errorf("settled %d times with %v, want once with %v", n, err, c.want)
				}
				if got := d.read(); !inOrder(got, c.happens) {
					t.Errorf("happened: %q, want %q", got, c.happens)
				}
			})
		})
	}
}

func onlyQueue(queue string, err error) func(broker.Publishing) error {
	return func(p broker.Publishing) error {
		if p.Queue == queue {
			return err
		}
		return nil
	}
}

// inOrder compares lines with steps parted by commas, those parted by & in any order.
func inOrder(lines []string, want string) bool {
	var steps []string
	if want != "" {
		steps = strings.Split(want, ",")
	}
	for _, step := range steps {
		parts := strings.Split(step, "&")
		if len(lines) < len(parts) {
			return false
		}
		got := slices.Sorted(slices.Values(lines[:len(parts)]))
		if !slices.Equal(got, slices.Sorted(slices.Values(parts))) {
			return false
		}
		lines = lines[len(parts):]
	}
	return len(lines) == 0
}

// remote is a settler whose ledger always works.
func remote(answer func(broker.Publishing) error) (*settle.Remote, *diary, *bytes.Buffer) {
	d, log := new(diary), new(bytes.Buffer)
	r := settle.NewRemote(settle.Options{
		Store: &store{diary: new(diary)}, Sender: &sender{diary: d, answer: answer},
		Logger: slog.New(slog.NewTextHandler(log, nil)),
	})
	return r, d, log
}

// settleOne returns how long it took and how it ended.
func settleOne(r *settle.Remote, p settle.Publication) (time.Duration, error) {
	v := newVerdict()
	began := time.Now()
	r.Settle(settle.Work{Origin: fromBroker(), Publish: []settle.Publication{p}, Settled: v.settled})
	<-v.ended
	_, err := v.read()
	return time.Since(began), err
}

func override(queue, fallback string) settle.Publication {
	p := publication(queue)
	p.Override, p.Fallback = true, fallback
	return p
}

func TestOverrideQueueCannotBeReached(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, d, log := remote(onlyQueue("typo", fmt.Errorf("404: %w", broker.ErrUnroutable)))
		defer r.Close()
		took, err := settleOne(r, override("typo", "results"))
		if err != nil || took < time.Minute || took > 63*time.Second {
			t.Errorf("first message: %v after %v, want a minute", err, took)
		}
		if got := d.read(); !slices.Equal(got, []string{"published results"}) {
			t.Errorf("happened: %q", got)
		}
		if !strings.Contains(log.String(), "queue=typo") || !strings.Contains(log.String(), "404") {
			t.Errorf("the log does not say which queue and why: %s", log)
		}
		// One bad name must not stop mail: those that follow hold no credit.
		if took, err := settleOne(r, override("typo", "results")); err != nil || took != 0 {
			t.Errorf("second message: %v after %v, want at once", err, took)
		}
		if took, err := settleOne(r, override("typo", "")); err != nil || took != 0 {
			t.Errorf("without a queue of the file: %v after %v, want at once", err, took)
		}
		if got := d.read(); len(got) != 2 {
			t.Errorf("happened: %q", got)
		}
		time.Sleep(3 * time.Minute)
		if took, _ := settleOne(r, override("typo", "results")); took < time.Minute {
			t.Errorf("after a long silence: given up after %v, want a minute", took)
		}
	})
}

func TestOverrideQueueRecovers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		r, d, _ := remote(func(broker.Publishing) error {
			if at := time.Since(began); at < 50*time.Second || at > 2*time.Minute {
				return broker.ErrUnroutable
			}
			return nil
		})
		defer r.Close()
		if took, err := settleOne(r, override("mine", "results")); err != nil || took < 50*time.Second || took > 52*time.Second {
			t.Errorf("%v after %v", err, took)
		}
		time.Sleep(2*time.Minute + time.Second - time.Since(began))
		if took, err := settleOne(r, override("mine", "")); err != nil || took < time.Minute {
			t.Errorf("success did not restore the patience: %v after %v", err, took)
		}
		if got := d.read(); !slices.Equal(got, []string{"published mine"}) {
			t.Errorf("happened: %q", got)
		}
	})
}

// A broker that is away says nothing about a queue.
func TestOverrideQueueOfAbsentBroker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		r, d, _ := remote(func(broker.Publishing) error {
			switch at := time.Since(began); {
			case at < 5*time.Minute:
				return broker.ErrBlocked
			case at < 5*time.Minute+10*time.Second:
				return broker.ErrUnroutable
			}
			return nil
		})
		defer r.Close()
		if took, err := settleOne(r, override("mine", "results")); err != nil || took < 5*time.Minute {
			t.Errorf("%v after %v", err, took)
		}
		if got := d.read(); !slices.Equal(got, []string{"published mine"}) {
			t.Errorf("happened: %q", got)
		}
	})
}

func TestQueueOfTheFileIsHeld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		r, d, log := remote(func(broker.Publishing) error {
			if time.Since(began) < 10*time.Minute-time.Second {
				return broker.ErrUnroutable
			}
			return nil
		})
		defer r.Close()
		if took, err := settleOne(r, results); err != nil || took < 9*time.Minute {
			t.Errorf("%v after %v", err, took)
		}
		if got := d.read(); !slices.Equal(got, []string{"published results"}) {
			t.Errorf("happened: %q", got)
		}
		if n := strings.Count(log.String(), "queue=results"); n != 10 {
			t.Errorf("%d alarms in ten minutes, want 10", n)
		}
	})
}

func TestCloseEndsTheWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, _, _ := remote(func(broker.Publishing) error { return broker.ErrBlocked })
		v := newVerdict()
		r.Settle(settle.Work{Origin: fromBroker(), Publish: []settle.Publication{results, success}, Settled: v.settled})
		time.Sleep(time.Second)
		r.Close()
		synctest.Wait()
		if n, err := v.read(); n != 1 || !errors.Is(err, broker.ErrClosed) {
			t.Errorf("settled %d times, %v", n, err)
		}
		if took, err := settleOne(r, results); took != 0 || !errors.Is(err, broker.ErrClosed) {
			t.Errorf("after Close: %v after %v", err, took)
		}
	})
}

func TestTooBig(t *testing.T) {
	long := strings.Repeat("x", 5000)
	for name, c := range map[string]struct{ body, want string }{
		"mime":    {`{"recipient":"a@b.test","n":7,"mime":"` + long + `","results":[1]}`, `{"recipient":"a@b.test","n":7,"results":[1]}`},
		"no mail": {`{"n":7,"mime":"` + long + `"}`, `{"n":7}`},
		"more":    {`{"recipient":"a@b.test","mime":"` + long + `","data":"` + long + `","n":7}`, `{"n":7,"recipient":"a@b.test"}`},
		"raw":     {`{"results":[1],"body":"` + long + `"}`, `{"results":[1]}`},
		"history": {`{"n":7,"results":["` + long + `"]}`, ""},
		"nothing": {long, ""},
		"whole":   {`{"recipient":"a@b.test","mime":"` + long + `"}`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				published := ""
				r, _, log := remote(func(p broker.Publishing) error {
					if len(p.Body) > 1000 {
						return broker.ErrTooBig
					}
					published = string(p.Body)
					return nil
				})
				defer r.Close()
				p := publication("results")
				p.Body, p.Whole = []byte(c.body), name == "whole"
				if took, err := settleOne(r, p); err != nil || took != 0 {
					t.Errorf("%v after %v", err, took)
				}
				if published != c.want {
					t.Errorf("published %.200s, want %s", published, c.want)
				}
				if !strings.Contains(log.String(), "larger than the broker takes") || strings.Contains(log.String(), long) {
					t.Errorf("the log says %.200s", log)
				}
			})
		})
	}
}

// TestSettledOnce is much at once, with everything failing now and then, and a Close in the middle.
func TestSettledOnce(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	errs := []error{nil, nil, nil, broker.ErrUnroutable, broker.ErrBlocked, broker.ErrTooBig, errDisk}
	synctest.Test(t, func(t *testing.T) {
		random := &dice{r: rand.New(rand.NewPCG(seed, 1))}
		st := &store{diary: new(diary), answer: func(int) error { return errs[random.n(4)*2] }}
		r, _, _ := remote(func(broker.Publishing) error { return errs[random.n(len(errs))] })
		both := settle.NewRemote(settle.Options{Store: st, Sender: &sender{diary: new(diary), answer: func(broker.Publishing) error { return errs[random.n(len(errs))] }}})
		defer r.Close()
		var vs []*verdict
		for i := range 400 {
			w := settle.Work{Origin: fromBroker(), Replay: random.n(8) == 0}
			if random.n(2) == 0 {
				w.Origin = settle.Origin{Waiting: uint64(i + 1)}
			}
			if random.n(3) == 0 {
				w.Wait, w.Replay = &localqueue.Waiting{}, false
			}
			for range random.n(3) {
				w.Publish = append(w.Publish, override("o", "results"))
			}
			v := newVerdict()
			vs = append(vs, v)
			w.Settled = v.settled
			if i%2 == 0 {
				r.Settle(w)
			} else {
				both.Settle(w)
			}
			time.Sleep(time.Duration(random.n(300)) * time.Millisecond)
		}
		both.Close()
		time.Sleep(time.Hour)
		for i, v := range vs {
			if n, err := v.read(); n != 1 {
				t.Errorf("work %d settled %d times, last %v", i, n, err)
			}
		}
	})
}
