package e2e

import (
	"testing"

	"posthoorn/internal/dns/dnstest"
)

// What DNS says for good ends a message; what it says for now does not (T32, T33, T35).
func TestLookups(t *testing.T) {
	const zone = `
null.test      MX 0 .
null.test      A  127.0.0.1
nodata.test    TXT "nothing else"
dangling.test  MX 10 nowhere.dangling.test
good.test      A  127.0.0.1
loop.test      CNAME loop2.test
loop2.test     CNAME loop.test
alias.test     CNAME good.test
`
	cases := []struct{ domain, want string }{
		{"null.test", "dns/error 556 5.1.10"},
		{"nodata.test", "dns/error 550 5.4.4"},
		{"dangling.test", "dns/error 550 5.4.4"},
		{"nowhere.test", "dns/error 550 5.1.2"},
	}
	onBoth(t, setup{zone: zone}, func(t *testing.T, r *rig) {
		want := map[string]string{}
		for _, c := range cases {
			want["you@"+c.domain] = c.want
			r.publish(`{"recipient":"you@%s","mime":"x"}`, c.domain)
		}
		for _, o := range r.take("failure", len(cases)) {
			l := o.last()
			if l.brief() != want[o.Recipient] || len(o.Results) != 1 || l.From != "" || l.To != "" || l.MTA != "" || l.Messages != 0 {
				t.Errorf("%s: %s, want %s", o.Recipient, o.raw, want[o.Recipient])
			}
		}
		r.publish(`{"recipient":"you@loop.test","mime":"x","maxattempts":1}`)
		if o := r.one("failure"); o.last().State != "dns" {
			t.Errorf("%s", o.raw)
		}
		r.publish(`{"recipient":"you@alias.test","mime":"x"}`)
		r.take("success", 1)
		r.take("results", len(cases)+2)
		if n := r.sink.Stats().Connections; n != 1 {
			t.Errorf("%d connections, want 1", n)
		}
		r.empty("retry", "outbox")
	})
}

// A name server that fails for a while costs an attempt, or several, not the message.
func TestNameServerFailsThenAnswers(t *testing.T) {
	onBoth(t, setup{keys: map[string]string{"dns-interval": "0.3", "dns-timeout": "1"}}, func(t *testing.T, r *rig) {
		faults := map[string]dnstest.Fault{"servfail.test": dnstest.ServFail, "refused.test": dnstest.Refused, "silent.test": dnstest.Silent}
		for domain, fault := range faults {
			r.names.Fault(domain, fault)
			r.publish(`{"recipient":"you@%s","mime":"x","retries":[2]}`, domain)
		}
		for seen := map[string]bool{}; len(seen) < len(faults); {
			for _, o := range r.takeSome("retry") {
				seen[o.Recipient] = true
				kind := "error"
				if o.Recipient == "you@silent.test" {
					kind = "timeout"
				}
				if l := o.last(); l.brief() != "dns/"+kind+" 451 4.4.3" || l.From != "" || l.To != "" {
					t.Errorf("%s", o.raw)
				}
			}
		}
		for domain := range faults {
			r.names.Fault(domain, dnstest.None)
		}
		for _, o := range r.succeed(len(faults)) {
			if o.Results[0].State != "dns" {
				t.Errorf("%s", o.raw)
			}
		}
		r.empty("failure")
	})
}

// A stranger's MX record must not make the program talk to its own machine.
func TestLoopbackServersAreNotUsed(t *testing.T) {
	const zone = `
evil.test      MX 10 local.evil.test
local.evil.test A 127.0.0.1
zero.test      A  0.0.0.0
link.test      A  169.254.1.1
six.test       AAAA ::1
mapped.test    AAAA ::ffff:127.0.0.1
self.test      MX 10 mta.example.test
mta.example.test A 127.0.0.1
`
	onBoth(t, setup{zone: zone, keys: map[string]string{"smtp-allow-local": "false"}}, func(t *testing.T, r *rig) {
		domains := []string{"evil", "zero", "link", "six", "mapped", "self"}
		for _, d := range domains {
			r.publish(`{"recipient":"you@%s.test","mime":"x"}`, d)
		}
		for _, o := range r.take("failure", len(domains)) {
			if l := o.last(); l.State != "dns" || l.Result != "error" || l.Code/100 != 5 || l.Status != "5.4.6" && l.Status != "5.4.4" {
				t.Errorf("%s", o.raw)
			}
		}
		r.take("results", len(domains))
		if n := r.sink.Stats().Connections; n != 0 {
			t.Errorf("%d connections, want none", n)
		}
		r.empty("retry", "success")
	})
}
