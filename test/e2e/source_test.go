package e2e

import (
	"fmt"
	"strings"
	"testing"
)

// A message leaves from the addresses that it names and that are here; one that names none of these fails
// (message-json.md section 4).
func TestAddressesOfTheMessage(t *testing.T) {
	onBoth(t, setup{}, func(t *testing.T, r *rig) {
		bad := []string{`"ips":[]`, `"ips":["192.0.2.1"]`, `"ips":["here"]`, `"ips":[7,null]`, `"ips":["192.0.2.1","2001:db8::1"]`, `"pool":"unknown"`, `"pool":"unknown","ips":[]`}
		good := []string{`"ips":["127.0.0.1"]`, `"ips":["192.0.2.1","127.0.0.1"]`, `"ips":"127.0.0.1"`, `"ips":null`, `"pool":"unknown","ips":["127.0.0.1"]`}
		r.publish("%s", each(`{"recipient":"you@source.test","mime":"x",%s}`, bad))
		for _, o := range r.take("failure", len(bad)) {
			if l := o.last(); l.brief() != "bind/error 554 5.3.5" || len(o.Results) != 1 || l.From != "" || l.To != "" {
				t.Errorf("%s", o.raw)
			}
		}
		r.take("results", len(bad))
		r.publish("%s", each(`{"recipient":"you@source.test","mime":"x",%s}`, good))
		for _, o := range r.succeed(len(good)) {
			if o.last().From != "127.0.0.1" {
				t.Errorf("%s", o.raw)
			}
		}
		r.empty("retry")
	})
}

func each(format string, list []string) string {
	var lines []string
	for _, l := range list {
		lines = append(lines, fmt.Sprintf(format, l))
	}
	return strings.Join(lines, "\n")
}

// result-states 5.0 changes words, nothing else (results-json.md section 4).
func TestWordsOfLaterVersions(t *testing.T) {
	cases := []struct{ body, want string }{
		{`no object`, "process/invalid 554 5.6.0"},
		{`{"mime":"x"}`, "process/invalid 553 5.1.3"},
		{`{"recipient":"a@b@c","mime":"x"}`, "process/invalid 553 5.1.3"},
		{`{"recipient":"a@words.test","mime":"x","maxdelivertime":"2001-01-01 00:00:00"}`, "process/timeout 554 5.4.7"},
		{`{"recipient":"a@words.test","mime":"x","maxattempts":1,"results":[{}]}`, "process/timeout 554 5.4.7"},
		{`{"recipient":"a@words.test","mime":"x","ips":[]}`, "process/error 554 5.3.5"},
		{`{"recipient":"refuse@words.test","mime":"x"}`, "rcptto/error 550 5.1.1 No such user here"},
	}
	onBoth(t, setup{keys: map[string]string{"result-states": "5.0"}}, func(t *testing.T, r *rig) {
		for _, c := range cases {
			r.queues.put(t, r.queues.of("outbox"), []byte(c.body))
			if o := r.one("failure"); o.last().brief() != c.want {
				t.Errorf("%s: %s, want %s", c.body, o.raw, c.want)
			}
		}
	})
}
