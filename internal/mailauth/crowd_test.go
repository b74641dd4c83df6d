package mailauth

import (
	"bytes"
	"context"
	"log/slog"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"posthoorn/internal/dns"
	"posthoorn/internal/mailauth/authres"
)

// hangingDNS answers nothing until the question is given up.
type hangingDNS struct{ dns.Fake }

func (*hangingDNS) TXT(ctx context.Context, _ string) ([]string, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

// A DNS that does not answer keeps as many mails waiting as there are slots, each for as long as checks may take. All others go on
// after a moment, and are told apart from mail that failed.
func TestSlowDNSHoldsOnlySome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		c := New(Options{Checks: Checks{SPF: true, DMARC: true}, DNS: &hangingDNS{}, AtOnce: 2, Log: slog.New(slog.NewTextHandler(&log, nil))})
		m := Mail{netip.MustParseAddr("203.0.113.20"), "mx.customer.test", address(t, "ann@customer.test"), []byte(plain)}
		start := time.Now()
		var mu sync.Mutex
		took := map[time.Duration]int{}
		var group sync.WaitGroup
		for range 100 {
			group.Go(func() {
				f := c.Check(t.Context(), m)
				mu.Lock()
				defer mu.Unlock()
				took[time.Since(start)]++
				if f.SPF.Result != authres.TempError || f.DMARC.Result != authres.TempError {
					t.Errorf("%+v", f)
				}
			})
		}
		group.Wait()
		if took[20*time.Second] != 2 || took[maxWait] != 98 || len(took) != 2 {
			t.Errorf("mails by time: %v", took)
		}
		if n := strings.Count(log.String(), "\n"); n != 1 {
			t.Errorf("%d lines: %s", n, log.String())
		}
	})
}
