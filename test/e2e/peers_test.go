package e2e

import (
	"net"
	"strings"
	"testing"

	"posthoorn/internal/testbed"
)

// Real servers take what we send: Postfix and Exim, many messages over few connections.
func TestRealServersTakeIt(t *testing.T) {
	t.Parallel()
	for name, start := range map[string]func(testing.TB, ...string) *testbed.MailServer{"postfix": testbed.Postfix, "exim": testbed.Exim} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			onEmbedded(t, setup{}, func(t *testing.T, r *rig) {
				server := start(t)
				host, port, _ := net.SplitHostPort(server.Addr())
				const n = 40
				for i := range n {
					r.publish(`{"envelope":"me@example.com","recipient":"b%d@example.com","mime":"Subject: no. %d\r\n\r\n.one dot\r\n..two dots\r\ncaf\u00e9\r\n","smarthost":{"hostname":%q,"port":%s}}`, i, i, host, port)
				}
				for _, o := range r.take("results", n) {
					if l := o.last(); l.State != "message" || l.Code != 250 {
						t.Errorf("%s", o.raw)
					}
				}
				for _, m := range server.Wait(t, n) {
					if !strings.Contains(string(m.Data), "\n.one dot\n..two dots\ncaf\u00e9\n") || m.Sender != "me@example.com" {
						t.Errorf("from %s to %s:\n%s", m.Sender, m.Recipient, m.Data)
					}
				}
			})
		})
	}
}
