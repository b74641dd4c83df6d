package e2e

import (
	"context"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"posthoorn/internal/settings/sqldb"
)

// row is what a column holds.
type row map[string]any

// set writes rows into a table of the settings, as another program would, and has the daemon read them.
func (r *rig) set(table string, rows ...row) {
	r.t.Helper()
	store, err := sqldb.Open("sqlite://"+filepath.Join(r.dir, "state", "settings.db"), nil)
	if err != nil {
		r.t.Fatal(err)
	}
	defer func() { _ = store.Close() }()
	for _, cells := range rows {
		if err := store.Insert(context.Background(), table, cells); err != nil {
			r.t.Fatal(err)
		}
	}
	r.command("", "reload")
}

// tells waits until a command says all of these words.
func (r *rig) tells(command string, words ...string) {
	r.t.Helper()
	eventually(r.t, fmt.Sprintf("%s tells %q", command, words), func() bool {
		out := r.command("", strings.Fields(command)...)
		for _, w := range words {
			if !strings.Contains(out, w) {
				return false
			}
		}
		return true
	})
}

// another is an address of this host that is not on the loopback interface.
func another(t *testing.T) string {
	t.Helper()
	all, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range all {
		if n, ok := a.(*net.IPNet); ok && n.IP.To4() != nil && !n.IP.IsLoopback() {
			return n.IP.String()
		}
	}
	t.Fatal("this host has no IPv4 address but that of loopback; the test needs two")
	return ""
}

// A limit of the table holds as soon as it was read: so many a minute are spread over the minute (delivery-control.md section 1).
func TestCapacityIsSpread(t *testing.T) {
	t.Parallel()
	onEmbedded(t, setup{}, func(t *testing.T, r *rig) {
		r.set("capacity", row{"domain": "slow.test", "domain_maxmessages": 60})
		r.tells("explain slow.test", "domain_maxmessages", "capacity 1")
		began := time.Now()
		const n = 5
		var lines []string
		for i := range n {
			lines = append(lines, fmt.Sprintf(`{"recipient":"u%d@slow.test","mime":"x"}`, i), fmt.Sprintf(`{"recipient":"u%d@fast.test","mime":"x"}`, i))
		}
		r.publish("%s", strings.Join(lines, "\n"))
		fast, slow := 0, 0
		for slow < n {
			for _, o := range r.takeSome("results") {
				if strings.HasSuffix(o.Recipient, "@slow.test") {
					slow++
				} else if fast++; slow == n {
					t.Errorf("the other domain waited too: %s", o.raw)
				}
			}
		}
		if took := time.Since(began); took < (n-1)*time.Second*9/10 {
			t.Errorf("%d messages took %v at 60 a minute", n, took)
		}
		if fast != n {
			t.Errorf("%d of %d went to the other domain meanwhile", fast, n)
		}
	})
}

// takeSome waits until something is in a role's queue and takes it.
func (r *rig) takeSome(role string) (list []outcome) {
	r.t.Helper()
	eventually(r.t, "messages in "+role, func() bool {
		for _, p := range r.queues.get(r.t, r.queues.of(role)) {
			list = append(list, parse(r.t, p))
		}
		return len(list) > 0
	})
	return list
}

// An answer that matches a pattern pauses its destination for the time of the row; then delivery goes on by itself
// (delivery-control.md section 2).
func TestFloodPausesOneDestination(t *testing.T) {
	t.Parallel()
	onEmbedded(t, setup{}, func(t *testing.T, r *rig) {
		const pause = 8 // time enough to see it
		r.set("flood_responses", row{"name": "put off", "pattern": "try AGAIN later", "type": "substr", "pause": pause})
		began := time.Now()
		r.publish(`{"recipient":"defer.1@flood.test","mime":"x","retries":[1]}`)
		r.one("retry")
		r.publish(`{"recipient":"you@flood.test","mime":"x"}` + "\n" + `{"recipient":"you@calm.test","mime":"x"}`)
		if o := r.one("success"); o.Recipient != "you@calm.test" {
			t.Errorf("not held back: %s", o.raw)
		}
		r.tells("explain flood.test", "put off", "flood_responses 1")
		r.take("success", 2)
		if took := time.Since(began); took < pause*time.Second {
			t.Errorf("delivered after %v, within the pause", took)
		}
	})
}

// Rows lead a domain to other servers, mail from one address out by another, and name the addresses in EHLO
// (delivery-control.md sections 4 to 6).
func TestRoutesOfTheSettings(t *testing.T) {
	t.Parallel()
	onEmbedded(t, setup{}, func(t *testing.T, r *rig) {
		ip := another(t)
		greeted := r.listener("127.0.0.9")
		r.set("dns", row{"domain": "moved.test", "ip": "127.0.0.9", "priority": 1})
		r.publish(`{"recipient":"you@moved.test","mime":"x"}`)
		if o := r.succeed(1)[0]; o.last().To != "127.0.0.9" || o.last().From != "127.0.0.1" {
			t.Errorf("%s", o.raw)
		}
		before := <-greeted
		r.set("delegates", row{"localip": "127.0.0.1", "domain": "moved.test", "delegate": ip})
		r.set("mtanames", row{"ip": ip, "name": "out7.sender.test"})
		r.publish(`{"recipient":"you@moved.test","mime":"x"}`)
		if o := r.succeed(1)[0]; o.last().From != ip {
			t.Errorf("not from %s: %s", ip, o.raw)
		}
		if after := <-greeted; before == after || after != "out7.sender.test" {
			t.Errorf("EHLO %q, then %q", before, after)
		}
		if n := len(r.sink.Messages()); n != 0 {
			t.Errorf("%d messages at the servers of DNS", n)
		}
	})
}
