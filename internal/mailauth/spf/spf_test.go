package spf

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"posthoorn/internal/mail"
	"posthoorn/internal/mailauth/authres"
)

// zone is a DNS in lines: name, type, data. A name of which there is no line does not exist. The type FAIL gives no answer.
type zone map[string][]string

func parse(lines string) zone {
	z := zone{}
	for line := range strings.Lines(lines) {
		fields := strings.Fields(line)
		if len(fields) < 2 {
			continue
		}
		name := strings.ToLower(fields[0])
		z[name] = append(z[name], strings.Join(fields[1:], " "))
	}
	return z
}

type dnsError bool

func (e dnsError) Error() string   { return "no answer" }
func (e dnsError) Temporary() bool { return bool(e) }

func (z zone) look(ctx context.Context, name, kind string) (data []string, err error) {
	lines, ok := z[strings.ToLower(strings.TrimSuffix(name, "."))]
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case !ok:
		return nil, dnsError(false)
	}
	for _, line := range lines {
		if line == "FAIL" || line == "FAIL "+kind {
			return nil, dnsError(true)
		}
		if found, ok := strings.CutPrefix(line, kind+" "); ok {
			data = append(data, found)
		}
	}
	return data, nil
}

func (z zone) TXT(ctx context.Context, name string) ([]string, error) {
	return z.look(ctx, name, "TXT")
}
func (z zone) MXHosts(ctx context.Context, name string) ([]string, error) {
	return z.look(ctx, name, "MX")
}

func (z zone) Addresses(ctx context.Context, host string) (addrs []netip.Addr, err error) {
	list, err := z.look(ctx, host, "A")
	for _, a := range list {
		addrs = append(addrs, netip.MustParseAddr(a))
	}
	return addrs, err
}

func (z zone) PTR(ctx context.Context, addr netip.Addr) ([]string, error) {
	return z.look(ctx, addr.String(), "PTR")
}

const records = `
	plain.test      TXT v=spf1 ip4:192.0.2.0/24 ip6:2001:db8::/32 -all
	soft.test       TXT v=spf1 ~all
	neutral.test    TXT v=spf1 ?all
	open.test       TXT v=spf1
	other.test      TXT hello
	other.test      TXT v=spf10 -all
	other.test      TXT v=spf1-all
	two.test        TXT v=spf1 -all
	two.test        TXT v=spf1 +all
	capital.test    TXT V=SPF1 IP4:192.0.2.7 -ALL
	a.test          TXT v=spf1 a a:host.test/24 -all
	a.test          A   198.51.100.1
	host.test       A   203.0.113.9
	host.test       A   2001:db8:1::9
	mx.test         TXT v=spf1 mx -all
	mx.test         MX  host.test
	mx.test         MX  gone.test
	manymx.test     TXT v=spf1 mx -all
	exists.test     TXT v=spf1 exists:%{ir}.%{v}.%{l}.list.test -all
	1.2.0.192.in-addr.ann.list.test A 127.0.0.2
	ptr.test        TXT v=spf1 ptr -all
	192.0.2.1       PTR mail.ptr.test
	mail.ptr.test   A   192.0.2.1
	192.0.2.2       PTR mail.ptr.test
	include.test    TXT v=spf1 include:plain.test -all
	includenone.test TXT v=spf1 include:nothing.test -all
	includefail.test TXT v=spf1 include:dead.test -all
	redirect.test   TXT v=spf1 redirect=plain.test
	redirectnone.test TXT v=spf1 redirect=nothing.test
	unknown.test    TXT v=spf1 sometimes:yes -all
	modifier.test   TXT v=spf1 new=thing exp=why.test ip4:192.0.2.1 -all
	badip.test      TXT v=spf1 ip4:192.0.2.300 -all
	badmask.test    TXT v=spf1 ip4:192.0.2.1/33 -all
	badmacro.test   TXT v=spf1 exists:%{q}.test -all
	dead.test       FAIL
	deada.test      TXT v=spf1 a -all
	deada.test      FAIL A
	deadmx.test     TXT v=spf1 mx -all
	deadmx.test     MX  dead.test
	loop.test       TXT v=spf1 include:loop.test -all
	deep.test       TXT v=spf1 a a a a a a a a a a a ip4:192.0.2.1 -all
	deep.test       A   198.51.100.77
	ten.test        TXT v=spf1 a a a a a a a a a a ip4:192.0.2.1 -all
	ten.test        A   198.51.100.77
	void2.test      TXT v=spf1 a:n1.test a:n2.test ip4:192.0.2.1 -all
	void3.test      TXT v=spf1 a:n1.test a:n2.test a:n3.test ip4:192.0.2.1 -all
	void3data.test  TXT v=spf1 mx:host.test mx:plain.test mx:soft.test ip4:192.0.2.1 -all
	helo.test       TXT v=spf1 ip4:192.0.2.1 -all
	sender.test     TXT v=spf1 exists:%{l}.%{o}.%{h}.macro.test -all
	ann.sender.test.helo.test.macro.test A 127.0.0.2
	xn--bcher-kva.test TXT v=spf1 ip4:192.0.2.1 -all
`

func TestCheck(t *testing.T) {
	z := parse(records)
	for range 11 {
		z["manymx.test"] = append(z["manymx.test"], "MX host.test")
	}
	for _, c := range []struct {
		remote, from string
		want         authres.Result
	}{
		{"192.0.2.1", "plain.test", "pass"},
		{"::ffff:192.0.2.1", "plain.test", "pass"},
		{"2001:db8::1", "plain.test", "pass"},
		{"198.51.100.1", "plain.test", "fail"},
		{"192.0.2.1", "PLAIN.Test", "pass"},
		{"192.0.2.1", "soft.test", "softfail"},
		{"192.0.2.1", "neutral.test", "neutral"},
		{"192.0.2.1", "open.test", "neutral"},
		{"192.0.2.1", "other.test", "none"},
		{"192.0.2.1", "nothing.test", "none"},
		{"192.0.2.1", "localhost", "none"},
		{"192.0.2.1", "[192.0.2.1]", "none"},
		{"192.0.2.1", "two.test", "permerror"},
		{"192.0.2.7", "capital.test", "pass"},
		{"192.0.2.8", "capital.test", "fail"},
		{"198.51.100.1", "a.test", "pass"},
		{"203.0.113.200", "a.test", "pass"},
		{"2001:db8:1::9", "a.test", "pass"},
		{"2001:db8:1::8", "a.test", "fail"},
		{"203.0.113.9", "mx.test", "pass"},
		{"203.0.113.8", "mx.test", "fail"},
		{"203.0.113.9", "manymx.test", "permerror"},
		{"192.0.2.1", "exists.test", "pass"},
		{"192.0.2.2", "exists.test", "fail"},
		{"192.0.2.1", "ptr.test", "pass"},
		{"192.0.2.2", "ptr.test", "fail"},
		{"192.0.2.1", "include.test", "pass"},
		{"198.51.100.1", "include.test", "fail"},
		{"192.0.2.1", "includenone.test", "permerror"},
		{"192.0.2.1", "includefail.test", "temperror"},
		{"192.0.2.1", "redirect.test", "pass"},
		{"192.0.2.1", "redirectnone.test", "permerror"},
		{"192.0.2.1", "unknown.test", "permerror"},
		{"192.0.2.1", "modifier.test", "pass"},
		{"192.0.2.1", "badip.test", "permerror"},
		{"192.0.2.1", "badmask.test", "permerror"},
		{"192.0.2.1", "badmacro.test", "permerror"},
		{"192.0.2.1", "dead.test", "temperror"},
		{"192.0.2.1", "deada.test", "temperror"},
		{"192.0.2.1", "deadmx.test", "temperror"},
		{"192.0.2.1", "loop.test", "permerror"},
		{"192.0.2.1", "deep.test", "permerror"},
		{"192.0.2.1", "ten.test", "pass"},
		{"192.0.2.1", "void2.test", "pass"},
		{"192.0.2.1", "void3.test", "permerror"},
		{"192.0.2.1", "void3data.test", "permerror"},
		{"192.0.2.1", "sender.test", "pass"},
		{"192.0.2.1", "b\u00fccher.test", "pass"},
	} {
		from, err := mail.ParseAddress("ann@"+c.from, false)
		if err != nil {
			t.Fatal(c.from, err)
		}
		v := Check(t.Context(), z, Query{netip.MustParseAddr(c.remote), "helo.test", from})
		if v.Result != c.want || v.Hello || v.Sender != from.String() {
			t.Errorf("%s, %s: %+v, want %s", c.from, c.remote, v, c.want)
		}
		explained := slices.Contains([]authres.Result{"none", "temperror", "permerror"}, v.Result)
		if (v.Reason != "") != explained || strings.ContainsAny(v.Reason, "\r\n") {
			t.Errorf("%s: %s, %q", c.from, v.Result, v.Reason)
		}
	}
}

// An @ within the quotes of the local part does not change which domain is asked.
func TestQuotedSender(t *testing.T) {
	z := parse(records + "\nevil@plain.test TXT v=spf1 +all\n")
	from, err := mail.ParseAddress(`"ann@evil"@plain.test`, false)
	if err != nil {
		t.Fatal(err)
	}
	for remote, want := range map[string]authres.Result{"192.0.2.1": "pass", "198.51.100.1": "fail"} {
		if v := Check(t.Context(), z, Query{netip.MustParseAddr(remote), "helo.test", from}); v.Result != want || v.Domain != "plain.test" {
			t.Errorf("%s: %+v", remote, v)
		}
	}
}

// Of the null sender the name in EHLO is checked (RFC 7208 section 2.4).
func TestNullSender(t *testing.T) {
	z := parse(records)
	for _, c := range []struct {
		remote, hello, sender string
		want                  authres.Result
	}{
		{"192.0.2.1", "helo.test", "postmaster@helo.test", "pass"},
		{"192.0.2.1", "Helo.Test.", "postmaster@helo.test", "pass"},
		{"192.0.2.2", "helo.test", "postmaster@helo.test", "fail"},
		{"192.0.2.2", "[192.0.2.2]", "", "none"},
		{"192.0.2.2", "localhost", "", "none"},
		{"192.0.2.2", "a b\r\nc", "", "none"},
		{"192.0.2.2", "", "", "none"},
	} {
		v := Check(t.Context(), z, Query{Remote: netip.MustParseAddr(c.remote), Hello: c.hello})
		if v.Result != c.want || !v.Hello || v.Sender != c.sender {
			t.Errorf("%q: %+v", c.hello, v)
		}
	}
}

// A lookup that is cut short is no answer.
func TestCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	from, _ := mail.ParseAddress("ann@plain.test", false)
	if v := Check(ctx, parse(records), Query{netip.MustParseAddr("192.0.2.1"), "helo.test", from}); v.Result != authres.TempError {
		t.Errorf("%+v", v)
	}
	if _, err := (adapter{parse("")}).LookupAddr(t.Context(), "no address"); err == nil || errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// No address of a client: nothing can be said.
func TestNoRemote(t *testing.T) {
	from, _ := mail.ParseAddress("ann@plain.test", false)
	if v := Check(t.Context(), parse(records), Query{Hello: "helo.test", From: from}); v.Result != authres.PermError {
		t.Errorf("%+v", v)
	}
}

// Any record: no panic, no endless work.
func FuzzRecord(f *testing.F) {
	f.Add("v=spf1 a:%{d}/24//64 mx ptr:x exists:%{ir}.%{l2r-+} include:f.test redirect=f.test", "ann.b-c+d")
	f.Add("v=spf1 %{%_%-} ip4:1/1/1 -", "%{l}")
	f.Fuzz(func(t *testing.T, record, local string) {
		z := zone{"f.test": {"TXT v=spf1 " + record, "A 192.0.2.9", "MX f.test"}}
		v := Check(t.Context(), z, Query{netip.MustParseAddr("192.0.2.1"), "helo.test", mail.Address{Local: local, Domain: "f.test"}})
		if v.Result == "" {
			t.Errorf("%q: %+v", record, v)
		}
	})
}
