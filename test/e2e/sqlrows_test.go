package e2e

import (
	"context"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"posthoorn/internal/control"
	"posthoorn/internal/testbed"
)

// databases are there for all tests, mortals for those that kill them.
var databases, mortals testbed.SharedSQL

// bySocket are addresses of a database on a server's unix socket, in the ways to write one.
var bySocket = map[string]func(server *testbed.SQLServer, database string) string{
	"postgresql": func(server *testbed.SQLServer, database string) string {
		return server.AddressVia(fmt.Sprintf("%s:%d", url.PathEscape(server.Socket()), server.Port()), database)
	},
	"mariadb": func(server *testbed.SQLServer, database string) string {
		return server.AddressVia("", database) + "?host=" + server.Socket()
	},
}

// onSQL runs a test with the settings on a server of each engine, reached by its unix socket. It may kill the server.
func onSQL(t *testing.T, test func(t *testing.T, r *rig, server *testbed.SQLServer, query func(statements string))) {
	t.Parallel()
	for name, get := range map[string]func(testing.TB) *testbed.SQLServer{"postgresql": mortals.PostgreSQL, "mariadb": mortals.MariaDB} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := get(t)
			database := server.NewDatabase(t)
			onEmbedded(t, setup{keys: map[string]string{"database-address": bySocket[name](server, database), "database-ttl": "1"}}, func(t *testing.T, r *rig) {
				test(t, r, server, func(statements string) { server.Query(t, database, statements) })
			})
		})
	}
}

// trickle publishes a message for each domain again and again until end is called, which waits and says how many there were.
func (r *rig) trickle(domains ...string) (end func() int) {
	ctx, cancel := context.WithCancel(context.Background())
	c := control.NewClient(filepath.Join(r.dir, "state", "posthoorn.control"))
	n := 0
	var running sync.WaitGroup
	running.Go(func() {
		tick := time.NewTicker(50 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			for _, d := range domains {
				body := fmt.Appendf(nil, `{"id":%d,"recipient":"%d@%s","mime":"Subject: x\r\n\r\nbody\r\n"}`, n, n, d)
				if err := c.Publish(context.Background(), r.queues.of("outbox"), [][]byte{body}); err != nil {
					r.t.Error(err)
					return
				}
				n++
			}
		}
	})
	end = func() int {
		cancel()
		running.Wait()
		return n
	}
	r.t.Cleanup(func() { end() })
	return end
}

// Other programs change the rows with their own SQL while mail flows, bad ones among them; while the server is dead the last
// snapshot stays in force, and when it is back it counts again by itself (database.md section 1).
func TestRowsOfAnSQLServer(t *testing.T) {
	onSQL(t, func(t *testing.T, r *rig, server *testbed.SQLServer, query func(string)) {
		end := r.trickle("one.test", "two.test")
		query("INSERT INTO capacity (id, domain, domain_maxmessages) VALUES (7, 'limited.test', 120);" +
			"INSERT INTO flood_responses (id, name, pattern, type, pause) VALUES (9, 'broken', '(', 'regex', 60);")
		r.command("", "reload")
		r.tells("explain limited.test", "capacity 7", "120")
		eventually(t, "a line names the bad row", func() bool {
			return strings.Contains(r.read("errors.log"), "flood_responses") && strings.Contains(r.read("errors.log"), "9")
		})
		query("UPDATE capacity SET domain_maxmessages = 240 WHERE id = 7; INSERT INTO paused (id, target) VALUES (3, 'held.test');")
		r.command("", "reload")
		r.tells("explain limited.test", "240")
		r.publish(`{"recipient":"you@held.test","mime":"x"}`)
		r.tells("backlog", "the end of a pause: domain held.test")
		server.Kill()
		sent := len(r.sink.Messages())
		r.try("", "reload")
		r.tells("explain limited.test", "capacity 7", "240")
		r.tells("explain held.test", "the end of a pause: domain held.test")
		eventually(t, "mail flows without the database", func() bool { return len(r.sink.Messages()) > sent+10 })
		server.Start(t)
		query("DELETE FROM paused; DELETE FROM capacity; DELETE FROM flood_responses;")
		eventually(t, "the rows count again", func() bool {
			return !strings.Contains(r.command("", "explain", "limited.test"), "capacity 7")
		})
		n := end()
		r.take("success", n+1)
		r.received("you@held.test")
		r.once(n + 1)
		r.empty("retry", "failure")
	})
}
