package outbox

import (
	"net/netip"
	"strings"
	"testing"
)

// What keeps mail from going anywhere is what an explanation says first, whether there is mail or not.
func TestWhyNothingCanGo(t *testing.T) {
	for name, c := range map[string]struct {
		rows  map[string]string
		sent  bool // a message, before
		to    string
		want  string
		since bool
	}{
		"no such domain":         {to: "nowhere.test", want: "its servers: nowhere.test: "},
		"no such domain, tried":  {to: "nowhere.test", sent: true, want: "the lookup failed: nowhere.test: ", since: true},
		"bad delegate":           {to: "receiver.test", rows: map[string]string{"delegates": "delegate=192.0.2.1"}, want: "an address to leave from: row 1 of delegates names 192.0.2.1, which is none of this host"},
		"bad delegate, tried":    {to: "receiver.test", sent: true, rows: map[string]string{"delegates": "delegate=192.0.2.1"}, want: "an address to leave from: row 1 of delegates names 192.0.2.1"},
		"pause of the delegate":  {to: "receiver.test", sent: true, rows: map[string]string{"delegates": "delegate=127.0.0.2", "paused": "localip=127.0.0.2"}, want: "the end of a pause: ip 127.0.0.2", since: true},
		"pause without delegate": {to: "receiver.test", rows: map[string]string{"delegates": "delegate=127.0.0.2", "paused": "localip=127.0.0.1"}, want: "mail: there is none"},
	} {
		t.Run(name, func(t *testing.T) {
			r, s := ruled(t, newReceiver(t, nil), nil)
			if c.sent {
				r.publish(`{"recipient":"a@receiver.test","mime":"x","id":1}`)
				r.read("success", 1)
			}
			for table, row := range c.rows {
				s.set(t, table, row)
			}
			if c.sent {
				r.publish(`{"recipient":"a@%s","mime":"x","id":2}`, c.to)
				if c.rows["paused"] == "" {
					r.read("failure", 1)
				}
				soon(t, "it has failed, or waits", func() bool {
					return r.engine.inHand.Load() == 0 && (c.rows["paused"] == "" || r.store.WaitingCount() == 1)
				})
			}
			x, err := r.engine.Explain(t.Context(), c.to, netip.Addr{})
			if err != nil || !strings.HasPrefix(x.Waits.For, c.want) || c.since == x.Waits.Since.IsZero() {
				t.Errorf("%+v: %v", x.Waits, err)
			}
		})
	}
}
