package login

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// counting is a checker that knows "shop" and "other", and when it was asked.
type counting struct {
	mu    sync.Mutex
	asked []time.Time
	takes time.Duration
	err   error
}

func (c *counting) Check(ctx context.Context, user, password string) (bool, error) {
	c.mu.Lock()
	c.asked = append(c.asked, time.Now())
	c.mu.Unlock()
	sleep(ctx, c.takes)
	return c.err == nil && (user == "shop" || user == "other") && password == "secret", c.err
}

// most is how often it was asked in any period of such a length.
func (c *counting) most(period time.Duration) (most int) {
	for i := range c.asked {
		n := 0
		for _, at := range c.asked[i:] {
			if at.Before(c.asked[i].Add(period)) {
				n++
			}
		}
		most = max(most, n)
	}
	return most
}

var (
	home     = netip.MustParseAddr("198.51.100.7")
	office   = netip.MustParseAddr("2001:db8:1:2::7")
	attacker = netip.MustParseAddr("203.0.113.20")
)

func botnet(n int) netip.Addr { return netip.AddrFrom4([4]byte{203, 0, byte(n >> 8), byte(n)}) }

// try is one attempt that must not take longer than the patience of a mail program.
func try(t *testing.T, g *Guard, from netip.Addr, user, password string) (bool, error) {
	t.Helper()
	start := time.Now()
	ok, err := g.Check(context.Background(), Try{From: from, User: user, Password: password})
	if took := time.Since(start); took > patience {
		t.Errorf("%s %s: took %v", from, user, took)
	}
	return ok, err
}

func good(t *testing.T, g *Guard, from netip.Addr, user string) {
	t.Helper()
	start := time.Now()
	if ok, err := try(t, g, from, user, "secret"); !ok || err != nil {
		t.Errorf("%s %s: %v %v", from, user, ok, err)
	}
	if took := time.Since(start); took > 0 {
		t.Errorf("%s %s: had to wait %v", from, user, took)
	}
}

func wrong(t *testing.T, g *Guard, from netip.Addr, user, password string, want error) {
	t.Helper()
	if ok, err := try(t, g, from, user, password); ok || !errors.Is(err, want) {
		t.Errorf("%s %s %s: %v %v", from, user, password, ok, err)
	}
}

// virtual runs a test in a time of its own.
func virtual(t *testing.T, test func(t *testing.T, c *counting, g *Guard)) {
	synctest.Test(t, func(t *testing.T) {
		c := &counting{}
		test(t, c, NewGuard(c, Options{Log: quiet}))
	})
}

// TestManyTriesFromOneAddress: ten are looked at, then one a minute on average, whatever account is tried, one after the other
// and all at once. Everybody else notices nothing.
func TestManyTriesFromOneAddress(t *testing.T) {
	for name, account := range map[string]string{"one account": "shop", "many accounts": "a%d"} {
		t.Run("one after the other, "+name, func(t *testing.T) {
			virtual(t, func(t *testing.T, c *counting, g *Guard) {
				for i := range 1000 {
					_, _ = try(t, g, attacker, strings.ReplaceAll(account, "%d", fmt.Sprint(i)), fmt.Sprint(i))
					good(t, g, home, "shop")
					c.asked = c.asked[:len(c.asked)-1]
					time.Sleep(time.Second)
				}
				// Less than an hour: blocked for five or ten minutes each time.
				if n := len(c.asked); n < 10 || n > 30 || c.most(time.Second) > 1 {
					t.Errorf("%d were looked at, %d in a second", n, c.most(time.Second))
				}
			})
		})
		t.Run("at once, "+name, func(t *testing.T) {
			virtual(t, func(t *testing.T, c *counting, g *Guard) {
				var running sync.WaitGroup
				c.takes = 100 * time.Millisecond
				for i := range 1000 {
					running.Go(func() {
						_, _ = g.Check(t.Context(), Try{From: attacker, User: strings.ReplaceAll(account, "%d", fmt.Sprint(i)), Password: fmt.Sprint(i)})
					})
				}
				if ok, err := try(t, g, office, "shop", "secret"); !ok {
					t.Error(err)
				}
				running.Wait()
				if n := len(c.asked) - 1; n < 5 || n > 12 {
					t.Errorf("%d were looked at", n)
				}
			})
		})
	}
}

// TestManyTriesFromManyAddresses: what they may guess at one account is bounded, and its user still gets in, from where they were
// before at once.
func TestManyTriesFromManyAddresses(t *testing.T) {
	virtual(t, func(t *testing.T, c *counting, g *Guard) {
		good(t, g, home, "shop")
		var running sync.WaitGroup
		for i := range 1000 {
			running.Go(func() {
				for j := range 3 {
					_, _ = g.Check(t.Context(), Try{From: botnet(i), User: []string{"shop", "SHOP", "Shop "}[j], Password: fmt.Sprint(i, j)})
				}
			})
		}
		synctest.Wait()
		good(t, g, home, "shop")
		good(t, g, office, "other")
		running.Wait()
		if n := c.most(time.Second); n > 25 {
			t.Errorf("%d were looked at in a second", n)
		}
		if n := c.most(time.Minute); n > 20+2+30+2 {
			t.Errorf("%d were looked at in a minute", n)
		}
		time.Sleep(11 * time.Second)
		for i := range 10 { // they go on, and the user is somewhere else
			wrong(t, g, botnet(2000+i), "shop", "x", nil)
		}
		start := time.Now()
		if ok, err := try(t, g, office, "shop", "secret"); !ok || time.Since(start) > longest {
			t.Error("a new address", ok, err, time.Since(start))
		}
		good(t, g, office, "shop") // now it is known
	})
}

func TestATurnIsNotForThoseWhoFailed(t *testing.T) {
	virtual(t, func(t *testing.T, c *counting, g *Guard) {
		for i := range 20 {
			wrong(t, g, botnet(i), "shop", "x", nil)
		}
		var running sync.WaitGroup
		defer running.Wait()
		for i := range 20 { // they have failed: only one of them has the turn
			running.Go(func() { _, _ = try(t, g, botnet(i), "shop", "y") })
		}
		synctest.Wait()
		if ok, err := try(t, g, office, "shop", "secret"); !ok || err != nil {
			t.Error(ok, err)
		}
	})
}

// TestAnOldPassword: programs that ask for ever with the same password close the door to nobody but themselves.
func TestAnOldPassword(t *testing.T) {
	virtual(t, func(t *testing.T, c *counting, g *Guard) {
		away := 0
		for range 100 {
			for _, user := range []string{"shop", "a", "b", "c"} {
				if _, err := try(t, g, home, user, "old"); errors.Is(err, ErrLater) {
					away++
				}
			}
			good(t, g, home, "other")
			good(t, g, office, "shop")
			time.Sleep(10 * time.Second)
		}
		if away < 100 {
			t.Error("turned away", away, "times")
		}
		time.Sleep(rules[ofPair].block)
		good(t, g, home, "shop")
	})
}

// TestOwnAccount: who logs in between guesses has guessed nevertheless.
func TestOwnAccount(t *testing.T) {
	virtual(t, func(t *testing.T, c *counting, g *Guard) {
		looked := 0
		for i := range 50 {
			if _, err := try(t, g, attacker, fmt.Sprint("user", i), "x"); err == nil {
				looked++
			}
			_, _ = try(t, g, attacker, "shop", "x")
			_, _ = try(t, g, attacker, "shop", "secret")
		}
		if looked > 12 {
			t.Error(looked, "guesses")
		}
	})
}

// TestForgiven: some slips and then the right password, again and again.
func TestForgiven(t *testing.T) {
	virtual(t, func(t *testing.T, c *counting, g *Guard) {
		for i := range 20 {
			for j := range 4 {
				wrong(t, g, home, "shop", fmt.Sprint("slip", i, j), nil)
			}
			good(t, g, home, "shop")
		}
		if len(g.tallies) != 0 {
			t.Error(len(g.tallies), "tallies are kept")
		}
	})
}

// TestWrongAnswersAreLate: by as many seconds as there were failures, eight at most.
func TestWrongAnswersAreLate(t *testing.T) {
	virtual(t, func(t *testing.T, c *counting, g *Guard) {
		for i, want := range []int{1, 2, 3, 4, 5, 6, 7, 8, 8, 8} {
			start := time.Now()
			wrong(t, g, home, fmt.Sprint("a", i), "x", nil)
			if took := time.Since(start); took > time.Duration(want)*time.Second || took < time.Duration(want-1)*time.Second {
				t.Errorf("failure %d took %v", i+1, took)
			}
		}
	})
}

func TestWrongForAll(t *testing.T) {
	virtual(t, func(t *testing.T, c *counting, g *Guard) {
		for i, w := range wrongForAll {
			wrong(t, g, botnet(i), w[0], w[1], nil)
		}
		if len(c.asked) > 0 {
			t.Error("the checker was asked", len(c.asked), "times")
		}
	})
}

func TestBlocksEnd(t *testing.T) {
	virtual(t, func(t *testing.T, c *counting, g *Guard) {
		for i := range 10 {
			wrong(t, g, netip.AddrFrom16(office.As16()), fmt.Sprint("a", i), "x", nil)
		}
		wrong(t, g, office.Next(), "shop", "secret", ErrBlocked) // the same /64
		good(t, g, netip.MustParseAddr("2001:db8:1:3::7"), "shop")
		wrong(t, g, home, "shop", "x", nil)
		good(t, g, netip.MustParseAddr("::ffff:198.51.100.7"), "shop") // and that is home
		time.Sleep(rules[ofNetwork].block)
		good(t, g, office, "shop")
	})
}

// TestManyGoodLogins: a server that opens all its connections at once is no guesser.
func TestManyGoodLogins(t *testing.T) {
	virtual(t, func(t *testing.T, c *counting, g *Guard) {
		c.takes = 100 * time.Millisecond
		var running sync.WaitGroup
		for range 500 {
			running.Go(func() {
				if ok, err := try(t, g, home, "shop", "secret"); !ok {
					t.Error(err)
				}
			})
		}
		running.Wait()
		if len(g.tallies) != 0 {
			t.Error(len(g.tallies), "tallies are kept")
		}
	})
}

// TestErrorsAreNoFailures: nobody is turned away because a server is down, and the log says once that it is.
func TestErrorsAreNoFailures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		c := &counting{err: errors.New("down")}
		g := NewGuard(c, Options{Log: slog.New(slog.NewTextHandler(&log, nil))})
		for range 50 {
			wrong(t, g, home, "shop", "secret", c.err)
			time.Sleep(time.Second)
		}
		c.err = nil
		good(t, g, home, "shop")
		if n := strings.Count(log.String(), "\n"); n != 1 {
			t.Error(log.String())
		}
	})
}

// TestMemory: the more networks try, the less is remembered, but never those who are closed out while others are not.
func TestMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewGuard(&counting{}, Options{Log: quiet, Memory: 300})
		for i := range 10 {
			wrong(t, g, attacker, fmt.Sprint("a", i), "x", nil)
		}
		good(t, g, home, "shop")
		for i := range 500 {
			_, _ = try(t, g, botnet(i), fmt.Sprint("b", i), "x")
			good(t, g, botnet(1000+i), "shop")
			if len(g.tallies) > 300 || len(g.familiar) > 300 {
				t.Fatal(len(g.tallies), len(g.familiar))
			}
			if i == 300 {
				wrong(t, g, attacker, "shop", "secret", ErrBlocked)
			}
		}
	})
}

// TestWhatIsTold: a line for the first failure and one for each block, without passwords, whatever the user is called.
func TestWhatIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		registry := prometheus.NewRegistry()
		g := NewGuard(&counting{}, Options{Log: slog.New(slog.NewTextHandler(&log, nil)), Registry: registry, Door: "test"})
		long := "sh\nlevel=ERROR op" + strings.Repeat("x", 5000)
		for i := range 20 {
			_, _ = try(t, g, attacker, long, fmt.Sprint("geheim", i))
		}
		good(t, g, home, "shop")
		if got := log.String(); strings.Count(got, "\n") != 2 || strings.Contains(got, "geheim") || len(got) > 1000 {
			t.Error(got)
		}
		want := []string{
			`posthoorn_login_blocks_total label:{name:"door" value:"test"} label:{name:"scope" value:"account"} counter:{value:0}`,
			`posthoorn_login_blocks_total label:{name:"door" value:"test"} label:{name:"scope" value:"account from a network"} counter:{value:1}`,
			`posthoorn_login_blocks_total label:{name:"door" value:"test"} label:{name:"scope" value:"network"} counter:{value:0}`,
			`posthoorn_login_tries_total label:{name:"door" value:"test"} label:{name:"result" value:"error"} counter:{value:0}`,
			`posthoorn_login_tries_total label:{name:"door" value:"test"} label:{name:"result" value:"right"} counter:{value:1}`,
			`posthoorn_login_tries_total label:{name:"door" value:"test"} label:{name:"result" value:"turned away"} counter:{value:14}`,
			`posthoorn_login_tries_total label:{name:"door" value:"test"} label:{name:"result" value:"wrong"} counter:{value:6}`,
		}
		if got := counters(t, registry); !slices.Equal(got, want) {
			t.Error(strings.Join(got, "\n"))
		}
	})
}

// counters are the metrics with their labels and values.
func counters(t *testing.T, r *prometheus.Registry) (list []string) {
	t.Helper()
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.Metric {
			m.Counter.CreatedTimestamp = nil
			list = append(list, f.GetName()+" "+strings.ReplaceAll(m.String(), "  ", " "))
		}
	}
	return list
}

func TestAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewGuard(fixed("shop", "secret", "empty", ""), Options{Log: quiet})
		var asked atomic.Int64
		check := func(user, answer string) bool {
			ok, err := g.Check(t.Context(), Try{From: home, User: user, Answer: func(secret string) bool {
				asked.Add(1)
				return secret == answer
			}})
			if err != nil {
				t.Error(err)
			}
			return ok
		}
		if !g.HasSecrets() || !check("shop", "secret") || check("shop", "geheim") || check("nobody", "") || check("empty", "") || check("", "") {
			t.Error("not by the secret")
		}
		if asked.Load() != 5 {
			t.Error("unknown users cost less work:", asked.Load())
		}
		g = NewGuard(&counting{}, Options{Log: quiet})
		if g.HasSecrets() || check("shop", "secret") {
			t.Error("it has no secrets")
		}
	})
}

// TestTheEndOfAServer: nobody waits longer than the context lasts.
func TestTheEndOfAServer(t *testing.T) {
	virtual(t, func(t *testing.T, c *counting, g *Guard) {
		ctx, cancel := context.WithCancel(t.Context())
		c.takes = time.Hour
		var running sync.WaitGroup
		for i := range 100 {
			running.Go(func() { _, _ = g.Check(ctx, Try{From: home, User: "a", Password: fmt.Sprint(i)}) })
		}
		synctest.Wait()
		start := time.Now()
		cancel()
		running.Wait()
		if took := time.Since(start); took > 0 {
			t.Error(took)
		}
	})
}

// TestAPanicLeavesRoom for others.
func TestAPanicLeavesRoom(t *testing.T) {
	virtual(t, func(t *testing.T, c *counting, g *Guard) {
		g.checker = nil
		for range 50 {
			func() {
				defer func() { _ = recover() }()
				_, _ = try(t, g, home, "shop", "secret")
			}()
		}
		g.checker = c
		good(t, g, home, "shop")
	})
}
