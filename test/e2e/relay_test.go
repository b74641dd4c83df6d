package e2e

import (
	"testing"

	"posthoorn/internal/sink"
)

// The smarthost of a message is a host, found without MX, with a port of its own; it counts more than that of the file
// (message-json.md section 5).
func TestSmarthostOfTheMessage(t *testing.T) {
	const zone = `
hub.test  A  127.0.3.1
hub.test  MX 10 wrong.test
wrong.test A 127.0.0.1
you.test  A  127.0.0.1
`
	onBoth(t, setup{zone: zone}, func(t *testing.T, r *rig) {
		hub := r.sinkAt("127.0.3.1", sink.Options{})
		hosts := []string{
			`{"hostname":"hub.test","port":PORT}`, `{"name":"hub.test","port":"PORT"}`, `{"name":"wrong.test","hostname":"HUB.test","port":PORT}`,
			`{"hostname":"127.0.3.1","port":PORT}`,
		}
		for _, h := range hosts {
			r.publish(`{"envelope":"me@sender.test","recipient":"you@you.test","mime":"x","smarthost":%s}`, r.withPort(h))
		}
		for _, o := range r.succeed(len(hosts)) {
			if o.last().To != "127.0.3.1" {
				t.Errorf("%s", o.raw)
			}
		}
		for _, m := range hub.Messages() {
			if m.Recipients[0] != "you@you.test" {
				t.Errorf("%+v", m)
			}
		}
		r.publish(`{"recipient":"you@you.test","mime":"x","smarthost":null}`)
		r.succeed(1)
		if len(hub.Messages()) != len(hosts) || len(r.sink.Messages()) != 1 {
			t.Errorf("%d at the smarthost, %d at the recipient's own server", len(hub.Messages()), len(r.sink.Messages()))
		}
	})
}

// The smarthost of the file takes everything, but what names its own.
func TestSmarthostOfTheFile(t *testing.T) {
	const zone = "hub.test A 127.0.0.1\nother.test A 127.0.3.2\n"
	onBothWith(t, func(port string) setup {
		return setup{zone: zone, sink: sink.Options{Addresses: []string{"127.0.0.1:" + port}}, keys: map[string]string{"smarthost": "hub.test", "smarthost-port": port}}
	}, func(t *testing.T, r *rig) {
		other := r.sinkAt("127.0.3.2", sink.Options{})
		r.publish(`{"recipient":"a@nowhere.test","mime":"x"}`)
		r.publish(`{"recipient":"b@nowhere-else.test","mime":"x"}`)
		r.publish(`{"recipient":"c@nowhere.test","mime":"x","smarthost":%s}`, r.withPort(`{"hostname":"other.test","port":PORT}`))
		r.succeed(3)
		if len(other.Messages()) != 1 || len(r.sink.Messages()) != 2 {
			t.Errorf("%d and %d messages", len(other.Messages()), len(r.sink.Messages()))
		}
	})
}

// With a sink in the file nothing reaches anybody else, and nobody is looked up.
func TestSinkOfTheFile(t *testing.T) {
	onBothWith(t, func(port string) setup {
		return setup{
			zone: "real.test A 127.0.3.3\nhub.test A 127.0.3.3\n", sink: sink.Options{Addresses: []string{"127.0.0.1:" + port}},
			keys: map[string]string{"smtp-sink-address": "127.0.0.1", "smtp-sink-port": port},
		}
	}, func(t *testing.T, r *rig) {
		real := r.sinkAt("127.0.3.3", sink.Options{})
		r.publish(`{"recipient":"a@nowhere.test","mime":"x"}`)
		r.publish(`{"recipient":"b@real.test","mime":"x"}`)
		r.publish(`{"recipient":"c@real.test","mime":"x","smarthost":%s}`, r.withPort(`{"hostname":"hub.test","port":PORT}`))
		r.succeed(3)
		if len(real.Messages()) != 0 || real.Stats().Connections != 0 || len(r.sink.Messages()) != 3 {
			t.Errorf("%d real and %d messages", len(real.Messages()), len(r.sink.Messages()))
		}
		for _, name := range []string{"nowhere.test", "real.test", "hub.test"} {
			if n := r.names.Queries(name); n != 0 {
				t.Errorf("%s was asked for %d times", name, n)
			}
		}
	})
}
