package deliver

import (
	"context"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
)

// FuzzServer lets a server say anything, at once and without listening: the connection ends, and every job has its fate.
func FuzzServer(f *testing.F) {
	const open = "220 mx.test\r\n250-mx.test\r\n250-PIPELINING\r\n250 DSN\r\n"
	for _, s := range []string{
		"", "220", "554 no\r\n", open, open + "250 ok\r\n250 ok\r\n354 go\r\n250 ok\r\n", open + "421 bye\r\n", open + strings.Repeat("250 ok\r\n", 50),
		"220 mx.test\r\n250-mx.test\r\n250 STARTTLS\r\n220 go\r\n\x16\x03\x01", "220 a\r\n500 b\r\n250 c\r\n250 d\r\n250 e\r\n354 f\r\n250 g\r\n",
	} {
		f.Add(s, true)
	}
	f.Fuzz(func(t *testing.T, said string, ahead bool) {
		synctest.Test(t, func(t *testing.T) {
			var server sync.WaitGroup
			client := New(Options{Connect: func(context.Context, netip.Addr, netip.AddrPort) (net.Conn, error) {
				ours, theirs := net.Pipe()
				server.Go(func() {
					defer theirs.Close()
					server.Go(func() { _, _ = io.Copy(io.Discard, theirs) })
					_, _ = io.WriteString(theirs, said)
				})
				return ours, nil
			}})
			r := &recorder{ended: make(chan struct{}), ahead: ahead, jobs: []*Job{makeJob(1, ""), makeJob(2, ""), makeJob(3, "size=70400")}}
			client.Open(t.Context(), Dial{Name: "me.test", Targets: someTargets(1), TLS: TLS{Level: TLSMay}}, r)
			<-r.ended
			server.Wait()
			fates := 0
			for _, e := range r.events {
				if strings.HasPrefix(e, "done ") || strings.HasPrefix(e, "back ") {
					fates++
				}
			}
			if fates+len(r.jobs) != 3 {
				t.Errorf("%d jobs have a fate, %d were not given: %q", fates, len(r.jobs), r.events)
			}
		})
	})
}
