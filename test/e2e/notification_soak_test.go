//go:build soak

package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"posthoorn/internal/control"
	"posthoorn/internal/sink"
)

// storm is much mail that fails at once, while its senders are told over the same outbox and other mail goes on.
type storm struct {
	failing int
	source  string // of each, as JSON; %d is its number
	more    string
	most    int // MB of memory
}

var storms = map[string]storm{
	"many":  {failing: 100_000, source: `"Subject: %d\r\nMessage-ID: <%[1]d@shop.test>\r\n\r\nbody\r\n"`, most: 1000},
	"whole": {failing: 700, source: `"Subject: %d\r\n\r\n` + strings.Repeat("a line of the body of a large mail, which has very many of them\\r\\n", 15_700) + `"`, more: `,"dsn":{"ret":"FULL"}`, most: 2200},
}

// Nothing is lost and nobody is told twice when very much fails at once and notifications are delivered too; memory is bounded, and other
// mail does not wait for it.
func TestSoakNotificationStorm(t *testing.T) {
	for name, s := range storms {
		t.Run(name, func(t *testing.T) {
			for kind, on := range map[string]func(*testing.T, setup, func(*testing.T, *rig)){"embedded": onEmbedded, "rabbitmq": onRabbit} {
				t.Run(kind, func(t *testing.T) {
					ledger := filepath.Join(t.TempDir(), "ledger")
					keys := map[string]string{"rabbitmq-dsn": "outbox", "dsn-from": "bounces@notice.test"}
					on(t, setup{keys: keys, sink: sink.Options{Ledger: ledger}}, func(t *testing.T, r *rig) { s.run(t, r, ledger) })
				})
			}
		})
	}
}

func (s storm) run(t *testing.T, r *rig, ledger string) {
	r.killable()
	began, others := time.Now(), 0
	var bodies [][]byte
	weight := 0
	for i := range s.failing {
		bodies = append(bodies, fmt.Appendf(nil, `{"id":%d,"envelope":"f%[1]d@sender%d.test","recipient":"refuse@load%d.test","mime":%s%s}`,
			i, i%50, i%20, fmt.Sprintf(s.source, i), s.more))
		if i%50 == 0 {
			bodies = append(bodies, fmt.Appendf(nil, `{"id":%d,"envelope":"me@sender.test","recipient":"o%d@other.test","mime":"Subject: x\r\n\r\nbody\r\n"}`, -i-1, i))
			others++
		}
		if weight += len(bodies[len(bodies)-1]); weight > 4<<20 || i == s.failing-1 {
			r.queues.put(t, r.queues.of("outbox"), bodies...)
			bodies, weight = nil, 0
		}
	}
	published := time.Since(began)
	for deadline := time.Now().Add(20 * time.Minute); r.sink.Stats().Messages < int64(s.failing+others); time.Sleep(100 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%+v", r.sink.Stats())
		}
	}
	results := r.resultsByID(2*s.failing + others)
	took := map[string]int{}
	told, other := time.Duration(0), time.Duration(0)
	text, err := os.ReadFile(ledger)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		var m struct{ Time, Recipient, Decision string }
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			t.Fatal(err)
		}
		at, _ := time.Parse(time.DateTime, m.Time)
		if took[m.Recipient]++; strings.HasPrefix(m.Recipient, "o") {
			other = max(other, at.Sub(began))
		} else {
			told = max(told, at.Sub(began))
		}
	}
	for i := range s.failing {
		if to := fmt.Sprintf("f%d@sender%d.test", i, i%50); took[to] != 1 || results[i] != 1 {
			t.Errorf("%s was told %d times, of %d results", to, took[to], results[i])
		}
	}
	if len(took) != s.failing+others || len(results) != s.failing+others {
		t.Errorf("%d recipients and %d results", len(took), len(results))
	}
	if whole := int64(len(s.source)) * int64(s.failing); s.more != "" && r.sink.Stats().Bytes < whole*9/10 { // as JSON it is longer
		t.Errorf("%d bytes came, the mail is not in its notifications", r.sink.Stats().Bytes)
	}
	most := r.memory()
	t.Logf("%d failures published in %v; other mail was through after %v, the last notification after %v; at most %d MB", s.failing,
		published.Round(time.Second), other.Round(time.Second), told.Round(time.Second), most)
	if most > s.most {
		t.Errorf("more than %d MB", s.most)
	}
}

// resultsByID counts n results; those of notifications have no id.
func (r *rig) resultsByID(n int) map[int]int {
	r.t.Helper()
	counts, all := map[int]int{}, 0
	count := func(bodies [][]byte) error {
		for _, body := range bodies {
			var o struct{ ID *int }
			if err := json.Unmarshal(body, &o); err != nil {
				return err
			}
			if all++; o.ID != nil {
				counts[*o.ID]++
			}
		}
		return nil
	}
	for deadline := time.Now().Add(10 * time.Minute); all < n; {
		var err error
		if r.broker == "" {
			c := control.NewClient(filepath.Join(r.dir, "state", "posthoorn.control"))
			err = c.Read(context.Background(), "results", control.ReadOptions{}, count)
		} else {
			for _, p := range r.queues.get(r.t, r.queues.of("results")) {
				err = errors.Join(err, count([][]byte{p.body}))
			}
		}
		if err != nil || time.Now().After(deadline) {
			r.t.Fatalf("%d of %d results: %v", all, n, err)
		}
	}
	return counts
}

// memory is the most that the daemon had, in MB.
func (r *rig) memory() (mb int) {
	r.t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", r.child))
	if err != nil {
		r.t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(status), "VmHWM:")
	if _, err := fmt.Sscan(rest, &mb); err != nil {
		r.t.Fatal(err)
	}
	return mb >> 10
}
