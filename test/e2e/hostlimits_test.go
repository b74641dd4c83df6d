package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"posthoorn/internal/sink"
)

// A limit for each remote IP counts for each address of a domain by itself: two addresses take twice as much as one, and none
// more than its share (delivery-control.md section 1).
func TestLimitOfEachRemoteIP(t *testing.T) {
	t.Parallel()
	const zone = "one.test A 127.0.4.1\nboth.test A 127.0.4.2\nboth.test A 127.0.4.3\n"
	onEmbedded(t, setup{zone: zone}, func(t *testing.T, r *rig) {
		servers := map[string]*sink.Server{}
		for _, ip := range []string{"127.0.4.1", "127.0.4.2", "127.0.4.3"} {
			servers[ip] = r.sinkAt(ip, sink.Options{})
		}
		r.set("capacity", row{"domain": "one.test", "ip_maxmessages": 60}, row{"domain": "both.test", "ip_maxmessages": 60})
		began := time.Now()
		const n = 8
		var lines []string
		for i := range n {
			lines = append(lines, fmt.Sprintf(`{"recipient":"u%d@one.test","mime":"x"}`+"\n"+`{"recipient":"u%d@both.test","mime":"x"}`, i, i))
		}
		r.publish("%s", strings.Join(lines, "\n"))
		took := map[string]time.Duration{}
		left := map[string]int{"one.test": n, "both.test": n}
		for len(took) < len(left) {
			for _, o := range r.takeSome("success") {
				_, domain, _ := strings.Cut(o.Recipient, "@")
				if left[domain]--; left[domain] == 0 {
					took[domain] = time.Since(began)
				}
			}
		}
		if took["one.test"] < (n-1)*time.Second*9/10 || took["both.test"] < (n/2-1)*time.Second*9/10 || took["both.test"] > took["one.test"]*4/5 {
			t.Errorf("%d messages each at 60 a minute and address: %v", n, took)
		}
		for ip, most := range map[string]int{"127.0.4.1": n, "127.0.4.2": int(took["both.test"]/time.Second) + 2, "127.0.4.3": int(took["both.test"]/time.Second) + 2} {
			if got := len(servers[ip].Messages()); got == 0 || got > most {
				t.Errorf("%d messages at %s, want at most %d", got, ip, most)
			}
		}
	})
}
