package e2e

import (
	"slices"
	"testing"

	"posthoorn/internal/sink"
)

// twoHosts is a domain with two MX hosts.
const twoHosts = `
two.test     MX 10 a.two.test
two.test     MX 20 b.two.test
a.two.test   A 127.0.3.1
b.two.test   A 127.0.3.2
`

// A pause of one remote IP lets the other hosts of the domain go on; with all of them paused its mail waits, and the end of one
// pause is enough (delivery-control.md section 3).
func TestPauseOfOneHost(t *testing.T) {
	t.Parallel()
	onEmbedded(t, setup{zone: twoHosts}, func(t *testing.T, r *rig) {
		const a, b = "127.0.3.1", "127.0.3.2"
		for _, ip := range []string{a, b} {
			r.sinkAt(ip, sink.Options{})
		}
		send := func() { r.publish(`{"recipient":"you@two.test","mime":"x"}`) }
		arrives := func(ips ...string) {
			t.Helper()
			if o := r.succeed(1)[0]; !slices.Contains(ips, o.last().To) || len(o.Results) != 1 {
				t.Errorf("want at %v: %s", ips, o.raw)
			}
		}
		send()
		arrives(a)
		r.command("", "pause", a)
		send() // there is an open connection to it
		arrives(b)
		r.command("", "pause", b)
		send()
		r.tells("backlog", "two.test", "the pause of its remote addresses")
		r.empty("results", "retry", "failure")
		r.command("", "resume", b)
		arrives(b)
		r.command("", "resume", a)
		send()
		arrives(a, b) // a connection to b may still be open
		r.empty("retry", "failure")
	})
}
