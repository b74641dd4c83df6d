package dns_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"posthoorn/internal/dns"
	"posthoorn/internal/dns/dnstest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const zone = `
ten.test            600 MX   10 a.mx.test
ten.test            600 MX   20 b.mx.test
ten.test            600 MX   20 c.mx.test
a.mx.test           600 A    192.0.2.1
a.mx.test           600 AAAA 2001:db8::1
b.mx.test           600 A    192.0.2.2
c.mx.test           600 A    192.0.2.3
implicit.test           A    192.0.2.9
null.test               MX   0 .
nullplus.test           MX   0 .
nullplus.test           MX   10 a.mx.test
empty.test              TXT  "nothing for mail"
nowhere.test            MX   10 gone.mx.test
nodata.test             MX   10 empty.test
six.test                MX   10 six.mx.test
six.mx.test             AAAA 2001:db8::6
alias.test              CNAME other.test
other.test              CNAME ten.test
aliasmx.test            MX   10 cname.mx.test
cname.mx.test           CNAME a.mx.test
loop.test               CNAME pool.test
pool.test               CNAME loop.test
local.test              MX   10 lo.mx.test
lo.mx.test              A    127.0.0.1
mixed.test              MX   10 lo.mx.test
mixed.test              MX   20 b.mx.test
link.test               MX   10 link.mx.test
link.mx.test            A    169.254.1.1
link.mx.test            AAAA fe80::1
zero.test               A    0.1.2.3
private.test            A    10.1.2.3
ours.test               MX   10 a.mx.test
ours.test               MX   20 us.test
ours.test               MX   20 c.mx.test
ours.test               MX   30 b.mx.test
first.test              MX   10 us.test
first.test              MX   20 b.mx.test
byaddr.test             MX   10 b.mx.test
byaddr.test             MX   10 us2.test
us.test                 A    192.0.2.77
us2.test                A    192.0.2.78
twice.test              MX   10 a.mx.test
twice.test              MX   20 cname.mx.test
half.test               MX   10 dead.mx.test
half.test               MX   20 b.mx.test
dead.mx.test            A    192.0.2.66
v6dead.test             MX   10 a.mx.test
addrmx.test             MX   10 192.0.2.5
*.wild.test             MX   10 b.mx.test
bad.test                MX   10 a.mx.test
1.2.0.192.in-addr.arpa  PTR  Mail.Example.test.
long.test               TXT  "v=spf1 " "-all"
`

func start(t *testing.T, lines string) *dnstest.Server {
	t.Helper()
	s, err := dnstest.Start(lines)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// silence is how long a resolver waits for a server that says nothing, where a test has one.
const silence = 100 * time.Millisecond

// resolver asks twice. Servers that answer have time enough to do so on a busy machine, unless the test says otherwise.
func resolver(t *testing.T, o dns.Options) *dns.Resolver {
	t.Helper()
	if o.HostsFile == "" {
		o.HostsFile = os.DevNull
	}
	o.Attempts = 2
	if o.Interval == 0 {
		o.Interval = time.Minute
	}
	if o.Timeout == 0 {
		o.Timeout = o.Interval
	}
	r, err := dns.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func own(host string, addr netip.Addr) bool {
	return host == "us.test" || addr == netip.MustParseAddr("192.0.2.78")
}

func show(r dns.Route) string {
	var out []string
	for _, t := range r.Targets {
		out = append(out, fmt.Sprintf("%d %s %s", t.Preference, t.Host, t.Addr))
	}
	return strings.Join(out, ", ")
}

func TestResolve(t *testing.T) {
	s := start(t, zone)
	r := resolver(t, dns.Options{Servers: []string{s.Addr}, Own: own, Shuffle: func(int, func(i, j int)) {}})
	for _, test := range []struct {
		domain, want string
		err          error
		code         string
	}{
		{domain: "ten.test", want: "10 a.mx.test 192.0.2.1, 10 a.mx.test 2001:db8::1, 20 b.mx.test 192.0.2.2, 20 c.mx.test 192.0.2.3"},
		{domain: "TEN.test.", want: "10 a.mx.test 192.0.2.1, 10 a.mx.test 2001:db8::1, 20 b.mx.test 192.0.2.2, 20 c.mx.test 192.0.2.3"},
		{domain: "implicit.test", want: "0 implicit.test 192.0.2.9"},
		{domain: "six.test", want: "10 six.mx.test 2001:db8::6"},
		{domain: "alias.test", want: "10 a.mx.test 192.0.2.1, 10 a.mx.test 2001:db8::1, 20 b.mx.test 192.0.2.2, 20 c.mx.test 192.0.2.3"},
		{domain: "aliasmx.test", want: "10 cname.mx.test 192.0.2.1, 10 cname.mx.test 2001:db8::1"},
		{domain: "twice.test", want: "10 a.mx.test 192.0.2.1, 10 a.mx.test 2001:db8::1"},
		{domain: "mixed.test", want: "20 b.mx.test 192.0.2.2"},
		{domain: "private.test", want: "0 private.test 10.1.2.3"},
		{domain: "ours.test", want: "10 a.mx.test 192.0.2.1, 10 a.mx.test 2001:db8::1"},
		{domain: "x.y.wild.test", want: "10 b.mx.test 192.0.2.2"},
		{domain: "nullplus.test", want: "10 a.mx.test 192.0.2.1, 10 a.mx.test 2001:db8::1"},
		{domain: "addrmx.test", want: "10 192.0.2.5 192.0.2.5"},
		{domain: "[192.0.2.44]", want: "0  192.0.2.44"},
		{domain: "[IPv6:2001:db8::44]", want: "0  2001:db8::44"},
		{domain: "none.test", err: dns.ErrNoDomain, code: "550 5.1.2"},
		{domain: "", err: dns.ErrNoDomain, code: "550 5.1.2"},
		{domain: "a..b", err: dns.ErrNoDomain, code: "550 5.1.2"},
		{domain: "a b.test", err: dns.ErrNoDomain, code: "550 5.1.2"},
		{domain: "[2001:db8::44]", err: dns.ErrNoDomain, code: "550 5.1.2"},
		{domain: "[300.1.1.1]", err: dns.ErrNoDomain, code: "550 5.1.2"},
		{domain: "[IPv6:fe80::1%eth0]", err: dns.ErrNoDomain, code: "550 5.1.2"},
		{domain: strings.Repeat("a", 64) + ".test", err: dns.ErrNoDomain, code: "550 5.1.2"},
		{domain: strings.Repeat("abcd.", 60) + "test", err: dns.ErrNoDomain, code: "550 5.1.2"},
		{domain: "null.test", err: dns.ErrNullMX, code: "556 5.1.10"},
		{domain: "empty.test", err: dns.ErrNoAddress, code: "550 5.4.4"},
		{domain: "nowhere.test", err: dns.ErrNoAddress, code: "550 5.4.4"},
		{domain: "nodata.test", err: dns.ErrNoAddress, code: "550 5.4.4"},
		{domain: "local.test", err: dns.ErrLocalOnly, code: "554 5.4.6"},
		{domain: "link.test", err: dns.ErrLocalOnly, code: "554 5.4.6"},
		{domain: "zero.test", err: dns.ErrLocalOnly, code: "554 5.4.6"},
		{domain: "first.test", err: dns.ErrLocalOnly, code: "554 5.4.6"},
		{domain: "byaddr.test", err: dns.ErrLocalOnly, code: "554 5.4.6"},
		{domain: "[127.0.0.1]", err: dns.ErrLocalOnly, code: "554 5.4.6"},
		{domain: "[IPv6:::1]", err: dns.ErrLocalOnly, code: "554 5.4.6"},
		{domain: "[IPv6:::ffff:127.0.0.1]", err: dns.ErrLocalOnly, code: "554 5.4.6"},
		{domain: "loop.test", err: dns.ErrTemporary, code: "451 4.4.3"},
	} {
		t.Run(test.domain, func(t *testing.T) {
			route, err := r.Resolve(t.Context(), test.domain)
			if !errors.Is(err, test.err) || show(route) != test.want {
				t.Fatalf("got %q, %v; want %q, %v", show(route), err, test.want, test.err)
			}
			if e, ok := errors.AsType[*dns.Error](err); ok && fmt.Sprint(e.Code, " ", e.Enhanced) != test.code {
				t.Errorf("code %d %s, want %s", e.Code, e.Enhanced, test.code)
			}
		})
	}
	if n := s.Queries("null.test"); n != 1 {
		t.Errorf("null MX asked %d times: no address may be looked for", n)
	}
}

func TestAllowLocal(t *testing.T) {
	s := start(t, zone)
	r := resolver(t, dns.Options{Servers: []string{s.Addr}, Own: own, AllowLocal: true})
	for _, name := range []string{"local.test", "first.test", "[127.0.0.1]"} {
		if route, err := r.Resolve(t.Context(), name); err != nil || len(route.Targets) == 0 {
			t.Errorf("%s: %v, %v", name, route, err)
		}
	}
}

func TestResolveHost(t *testing.T) {
	s := start(t, zone)
	file := filepath.Join(t.TempDir(), "hosts")
	if err := os.WriteFile(file, []byte("127.0.0.1 localhost # here\n::1 localhost\nnonsense x\n192.0.2.200 Box box.lan\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	r := resolver(t, dns.Options{Servers: []string{s.Addr}, Own: own, HostsFile: file, Shuffle: func(int, func(i, j int)) {}})
	for host, want := range map[string]string{
		"lo.mx.test": "0 lo.mx.test 127.0.0.1", // named on purpose
		"us.test":    "0 us.test 192.0.2.77",
		"localhost":  "0 localhost 127.0.0.1, 0 localhost ::1",
		"box":        "0 box 192.0.2.200",
		"127.0.0.5":  "0  127.0.0.5",
		"::1":        "0  ::1",
		"[IPv6:::1]": "0  ::1",
	} {
		if route, err := r.ResolveHost(t.Context(), host); err != nil || show(route) != want {
			t.Errorf("%s: %q, %v; want %q", host, show(route), err, want)
		}
	}
	if _, err := r.ResolveHost(t.Context(), "none.test"); !errors.Is(err, dns.ErrNoDomain) {
		t.Errorf("none.test: %v", err)
	}
	if _, err := r.ResolveHost(t.Context(), "empty.test"); !errors.Is(err, dns.ErrNoAddress) {
		t.Errorf("empty.test: %v", err)
	}
	if route, err := r.Resolve(t.Context(), "box"); err != nil || show(route) != "0 box 192.0.2.200" {
		t.Errorf("domain of the hosts file: %q, %v", show(route), err)
	}
}

func TestOverride(t *testing.T) {
	r := resolver(t, dns.Options{Servers: []string{"127.0.0.1"}, Own: own})
	a, b, c := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2"), netip.MustParseAddr("127.0.0.1")
	route, err := r.Override("x.test", []dns.Target{{Addr: b, Preference: 2}, {Addr: c}, {Addr: a, Preference: 1}})
	if err != nil || show(route) != "1  192.0.2.1, 2  192.0.2.2" {
		t.Errorf("%q, %v", show(route), err)
	}
	if _, err := r.Override("x.test", []dns.Target{{Addr: c}}); !errors.Is(err, dns.ErrLocalOnly) {
		t.Errorf("only local: %v", err)
	}
	if _, err := r.Override("x.test", nil); !errors.Is(err, dns.ErrNoAddress) {
		t.Errorf("none: %v", err)
	}
}

func TestEqualsAreShuffled(t *testing.T) {
	s := start(t, zone)
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := resolver(t, dns.Options{Servers: []string{s.Addr}, Shuffle: rand.New(rand.NewPCG(seed, 0)).Shuffle})
	first := map[string]int{}
	for range 200 {
		route, err := r.Resolve(t.Context(), "ten.test")
		if err != nil || route.Targets[0].Host != "a.mx.test" {
			t.Fatalf("%q, %v", show(route), err)
		}
		first[route.Targets[2].Host]++
	}
	if first["b.mx.test"] < 50 || first["c.mx.test"] < 50 {
		t.Errorf("order of equals: %v", first)
	}
}

func TestIdentity(t *testing.T) {
	a := dns.Route{Targets: []dns.Target{{Host: "b.test"}, {Host: "a.test", Preference: 5}, {Host: "b.test"}}}
	b := dns.Route{Targets: []dns.Target{{Host: "a.test"}, {Host: "b.test"}}}
	c := dns.Route{Targets: []dns.Target{{Addr: netip.MustParseAddr("192.0.2.1")}}}
	if a.Identity() != b.Identity() || b.Identity() == c.Identity() || c.Identity() != "192.0.2.1" {
		t.Errorf("%q %q %q", a.Identity(), b.Identity(), c.Identity())
	}
}

// An exchanger whose addresses cannot be found out now, or that is cut off because its name server is slow, still belongs to
// the set; one that does not exist, or has no address, does not.
func TestIdentityOfAPartialAnswer(t *testing.T) {
	const lines = `
set.test     MX 10 one.test
set.test     MX 20 two.test
one.test     A  192.0.2.1
two.test     A  192.0.2.2
same.test    MX 10 one.test
same.test    MX 10 also.test
also.test    A  192.0.2.1
gone.test    MX 10 one.test
gone.test    MX 20 never.test
nodata.test  MX 10 one.test
nodata.test  MX 20 text.test
text.test    TXT "no address"
local.test   MX 10 lo.test
local.test   MX 20 one.test
lo.test      A  127.0.0.1
`
	for _, c := range []struct {
		domain, want string
		host         string // is faulty
		fault        dnstest.Fault
	}{
		{"set.test", "one.test two.test", "", dnstest.None},
		{"set.test", "one.test two.test", "two.test", dnstest.ServFail},
		{"set.test", "one.test two.test", "one.test", dnstest.Refused},
		{"set.test", "one.test two.test", "two.test", dnstest.Silent},
		{"same.test", "also.test one.test", "", dnstest.None},
		{"gone.test", "one.test", "", dnstest.None},
		{"nodata.test", "one.test", "", dnstest.None},
		{"local.test", "lo.test one.test", "", dnstest.None},
		{"local.test", "lo.test one.test", "lo.test", dnstest.ServFail},
	} {
		s := start(t, lines)
		if c.host != "" {
			s.Fault(c.host, c.fault)
		}
		o := dns.Options{Servers: []string{s.Addr}}
		if c.fault == dnstest.Silent {
			o.Interval, o.Timeout = silence, time.Hour
		}
		route, err := resolver(t, o).Resolve(t.Context(), c.domain)
		if err != nil || route.Identity() != c.want {
			t.Errorf("%s, %s with fault %v: %q, %v", c.domain, c.host, c.fault, route.Identity(), err)
		}
	}
}

func TestManyExchangers(t *testing.T) {
	var lines strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&lines, "many.test MX %d m%d.test\n", i, i)
	}
	lines.WriteString("*.test A 192.0.2.1\n")
	for i := range 300 {
		fmt.Fprintf(&lines, "wide.test A 192.0.%d.%d\n", i/200, i%200)
	}
	s := start(t, lines.String())
	r := resolver(t, dns.Options{Servers: []string{s.Addr}})
	route, err := r.Resolve(t.Context(), "many.test")
	if err != nil || show(route) != "0 m0.test 192.0.2.1" {
		t.Errorf("%q, %v", show(route), err)
	}
	if s.Queries("m99.test") == 0 || s.Queries("m100.test") != 0 {
		t.Errorf("not exactly the 100 most preferred were looked up")
	}
	if route, err := r.Resolve(t.Context(), "wide.test"); err != nil || len(route.Targets) != 100 {
		t.Errorf("%d targets, %v", len(route.Targets), err)
	}
}

func TestFaults(t *testing.T) {
	good := "10 a.mx.test 192.0.2.1, 10 a.mx.test 2001:db8::1"
	for _, test := range []struct {
		name    string
		fault   dnstest.Fault
		ok      bool
		timeout bool
	}{
		{"servfail", dnstest.ServFail, false, false},
		{"refused", dnstest.Refused, false, false},
		{"silent", dnstest.Silent, false, true},
		{"wrong id", dnstest.WrongID, false, true},
		{"wrong question", dnstest.WrongQuestion, false, true},
		{"lame", dnstest.Lame, false, false},
		{"forged", dnstest.Forged, true, false},
		{"truncated", dnstest.Truncate, true, false},
		{"cut", dnstest.TCPOnly, true, false},
		{"no EDNS0", dnstest.NoEDNS, true, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := start(t, zone)
			s.Fault("*", test.fault)
			o := dns.Options{Servers: []string{s.Addr}, Shuffle: func(int, func(i, j int)) {}}
			if test.timeout {
				o.Interval = silence
			}
			route, err := resolver(t, o).Resolve(t.Context(), "bad.test")
			if test.ok {
				if err != nil || show(route) != good {
					t.Fatalf("%q, %v", show(route), err)
				}
				return
			}
			e, ok := errors.AsType[*dns.Error](err)
			if !ok || !errors.Is(err, dns.ErrTemporary) || !e.Temporary() || e.Timeout() != test.timeout {
				t.Fatalf("%v (timeout %v)", err, ok && e.Timeout())
			}
			if e.Code != 451 || e.Enhanced != "4.4.3" || e.Expires.Before(time.Now()) {
				t.Errorf("%+v", e)
			}
		})
	}
}

// The matrix of T35: what each of the three lookups answers, and what follows.
func TestFamilies(t *testing.T) {
	s := start(t, `
mx.test     MX   10 h.test
both.test   A    192.0.2.1
both.test   AAAA 2001:db8::1
`)
	r := resolver(t, dns.Options{Servers: []string{s.Addr}})
	s.Fault("h.test", dnstest.ServFail)
	if _, err := r.Resolve(t.Context(), "mx.test"); !errors.Is(err, dns.ErrTemporary) {
		t.Errorf("MX good, addresses failing: %v", err)
	}
	s.Fault("both.test", dnstest.Refused)
	if _, err := r.Resolve(t.Context(), "both.test"); !errors.Is(err, dns.ErrTemporary) {
		t.Errorf("MX failing: %v: an address must not stand in for it", err)
	}
}

func TestOneExchangerDead(t *testing.T) {
	s := start(t, zone)
	s.Fault("dead.mx.test", dnstest.Silent)
	r := resolver(t, dns.Options{Servers: []string{s.Addr}, Interval: silence, Timeout: time.Hour})
	route, err := r.Resolve(t.Context(), "half.test")
	if err != nil || show(route) != "20 b.mx.test 192.0.2.2" {
		t.Fatalf("%q, %v", show(route), err)
	}
	if left := time.Until(route.Expires); left > time.Minute {
		t.Errorf("asked again only in %v", left)
	}
}

func TestServersTakeTurns(t *testing.T) {
	good, bad := start(t, zone), start(t, zone)
	bad.Fault("*", dnstest.ServFail)
	r := resolver(t, dns.Options{Servers: []string{bad.Addr, good.Addr}})
	if _, err := r.Resolve(t.Context(), "ten.test"); err != nil {
		t.Errorf("second server not asked: %v", err)
	}
	dead := start(t, zone)
	dead.Fault("*", dnstest.Silent)
	r = resolver(t, dns.Options{Servers: []string{dead.Addr, good.Addr}, Interval: silence, Timeout: time.Hour})
	if _, err := r.Resolve(t.Context(), "six.test"); err != nil {
		t.Errorf("second server not asked after silence: %v", err)
	}
	yes := true
	r = resolver(t, dns.Options{Servers: []string{good.Addr, bad.Addr}, Rotate: &yes})
	bad.Fault("*", dnstest.None)
	before := bad.Queries("ten.test") + bad.Queries("six.test") + bad.Queries("implicit.test") + bad.Queries("empty.test")
	for _, name := range []string{"ten.test", "six.test", "implicit.test", "empty.test"} {
		if _, err := r.MX(t.Context(), name); err != nil {
			t.Error(err)
		}
	}
	after := bad.Queries("ten.test") + bad.Queries("six.test") + bad.Queries("implicit.test") + bad.Queries("empty.test")
	if after-before != 2 {
		t.Errorf("%d of 4 questions at the second server", after-before)
	}
}

func TestClosedPortFailsAtOnce(t *testing.T) {
	s, err := dnstest.Start(zone)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	r, err := dns.New(dns.Options{Servers: []string{s.Addr}, HostsFile: os.DevNull})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Resolve(t.Context(), "ten.test"); !errors.Is(err, dns.ErrTemporary) {
		t.Error(err)
	}
}

// What is asked for afresh is remembered for those who ask as usual.
func TestFresh(t *testing.T) {
	s := start(t, zone)
	r := resolver(t, dns.Options{Servers: []string{s.Addr}})
	absent := func(r interface {
		TXT(ctx context.Context, name string) ([]string, error)
	}) bool {
		list, _ := r.TXT(t.Context(), "later.ten.test")
		return len(list) == 0
	}
	if !absent(r) || !absent(r.Fresh()) {
		t.Fatal("the record is there")
	}
	if err := s.Set(zone + "later.ten.test TXT \"here\"\n"); err != nil {
		t.Fatal(err)
	}
	if !absent(r) {
		t.Error("the cache has forgotten")
	}
	if absent(r.Fresh()) {
		t.Error("not asked again")
	}
	if absent(r) {
		t.Error("the answer was not remembered")
	}
}

func TestCacheAndNegativeCache(t *testing.T) {
	s := start(t, zone+"short.test 1 A 192.0.2.1\n")
	r := resolver(t, dns.Options{Servers: []string{s.Addr}})
	for _, name := range []string{"ten.test", "none.test", "empty.test", "short.test", "null.test"} {
		for range 3 {
			_, _ = r.MX(t.Context(), name)
		}
		if n := s.Queries(name); n != 1 {
			t.Errorf("%s asked %d times", name, n)
		}
	}
	route, err := r.Resolve(t.Context(), "short.test")
	if left := time.Until(route.Expires); err != nil || left < 50*time.Second || left > time.Minute {
		t.Errorf("lifetime of 1 s became %v, %v", left, err)
	}
	_, err = r.Resolve(t.Context(), "none.test")
	if e, _ := errors.AsType[*dns.Error](err); e == nil || time.Until(e.Expires) < 100*time.Second {
		t.Errorf("negative lifetime: %+v", e)
	}
	s.Fault("six.test", dnstest.ServFail)
	for range 3 {
		_, _ = r.MX(t.Context(), "six.test")
	}
	if n := s.Queries("six.test"); n != 1 {
		t.Errorf("failing name asked %d times", n)
	}
}

func TestSameQuestionOnce(t *testing.T) {
	s := start(t, zone)
	s.Fault("ten.test", dnstest.Silent)
	r := resolver(t, dns.Options{Servers: []string{s.Addr}, Interval: silence})
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() { _, _ = r.MX(t.Context(), "ten.test") })
	}
	wg.Wait()
	for deadline := time.Now().Add(time.Minute); s.Queries("ten.test") < 2 && time.Now().Before(deadline); {
		time.Sleep(time.Millisecond) // the server may still have it before it
	}
	if n := s.Queries("ten.test"); n != 2 { // two attempts
		t.Errorf("asked %d times", n)
	}
}

func TestCallersLeave(t *testing.T) {
	s := start(t, zone)
	s.Fault("ten.test", dnstest.Silent)
	r, err := dns.New(dns.Options{Servers: []string{s.Addr}, HostsFile: os.DevNull})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := r.Resolve(ctx, "ten.test"); !errors.Is(err, context.Canceled) || !errors.Is(err, dns.ErrTemporary) {
		t.Error(err)
	}
	s.Fault("ten.test", dnstest.None)
	if _, err := r.Resolve(t.Context(), "ten.test"); err != nil {
		t.Errorf("a cancelled lookup was remembered: %v", err)
	}
}

// F15: names that never answer do not keep the others waiting.
func TestDeadNamesDoNotBlock(t *testing.T) {
	s := start(t, zone+"*.dead.test A 192.0.2.1\n")
	s.Fault("*", dnstest.Silent)
	for _, name := range []string{"ten.test", "a.mx.test", "b.mx.test", "c.mx.test"} {
		s.Fault(name, dnstest.None)
	}
	r, err := dns.New(dns.Options{Servers: []string{s.Addr}, HostsFile: os.DevNull, Capacity: 10})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	for i := range 100 {
		wg.Go(func() { _, _ = r.TXT(ctx, fmt.Sprintf("n%d.dead.test", i)) })
	}
	limit, stop := context.WithTimeout(ctx, time.Minute) // a dead name is given up later
	defer stop()
	if _, err := r.Resolve(limit, "ten.test"); err != nil {
		t.Error(err)
	}
	cancel()
	wg.Wait()
}

func TestSecure(t *testing.T) {
	s := start(t, zone)
	s.Secure(true)
	r := resolver(t, dns.Options{Servers: []string{s.Addr}})
	route, err := r.Resolve(t.Context(), "ten.test")
	if err != nil || slices.ContainsFunc(route.Targets, func(t dns.Target) bool { return !t.Secure }) {
		t.Errorf("%+v, %v", route, err)
	}
	s.Secure(false)
	if route, err := r.Resolve(t.Context(), "six.test"); err != nil || route.Targets[0].Secure {
		t.Errorf("%+v, %v", route, err)
	}
}

func TestTXTAndPTR(t *testing.T) {
	s := start(t, zone)
	r := resolver(t, dns.Options{Servers: []string{s.Addr}})
	if txt, err := r.TXT(t.Context(), "Long.test"); err != nil || !slices.Equal(txt, []string{"v=spf1 -all"}) {
		t.Errorf("%q, %v", txt, err)
	}
	if txt, err := r.TXT(t.Context(), "ten.test"); err != nil || len(txt) != 0 {
		t.Errorf("no data: %q, %v", txt, err)
	}
	if _, err := r.TXT(t.Context(), "none.test"); !errors.Is(err, dns.ErrNoDomain) {
		t.Errorf("no name: %v", err)
	}
	if names, err := r.PTR(t.Context(), netip.MustParseAddr("192.0.2.1")); err != nil || !slices.Equal(names, []string{"mail.example.test"}) {
		t.Errorf("%q, %v", names, err)
	}
	if addrs, err := r.Addresses(t.Context(), "a.mx.test"); err != nil || len(addrs) != 2 {
		t.Errorf("%v, %v", addrs, err)
	}
}

func TestServerOptions(t *testing.T) {
	conf := filepath.Join(t.TempDir(), "resolv.conf")
	if err := os.WriteFile(conf, []byte("nameserver 192.0.2.53\nnameserver ::1\noptions ndots:1 rotate\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, o := range []dns.Options{
		{ResolvConf: conf},
		{ResolvConf: filepath.Join(t.TempDir(), "absent")},
		{Servers: []string{"192.0.2.1", "192.0.2.1:5353", "2001:db8::1", "[2001:db8::1]:53", "[2001:db8::1]"}},
	} {
		if _, err := dns.New(o); err != nil {
			t.Errorf("%v: %v", o.Servers, err)
		}
	}
	for _, bad := range []string{"", "dns.example", "192.0.2.1:0", "192.0.2.1:x", "192.0.2.1:70000", ":53"} {
		if _, err := dns.New(dns.Options{Servers: []string{bad}}); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}

func TestFake(t *testing.T) {
	a := netip.MustParseAddr
	f := &dns.Fake{
		Exchangers: map[string][]dns.MX{"x.test": {{Preference: 20, Host: "b.test"}, {Preference: 10, Host: "a.test"}}, "null.test": {{}}},
		A:          map[string][]netip.Addr{"a.test": {a("127.0.0.1")}, "b.test": {a("192.0.2.1")}},
		Text:       map[string][]string{"t.test": {"hello"}},
		Names:      map[netip.Addr][]string{a("192.0.2.1"): {"b.test"}},
		Fail:       map[string]error{"slow.test": context.DeadlineExceeded, "not.test": dns.ErrNoDomain},
	}
	ctx := t.Context()
	if r, err := f.Resolve(ctx, "x.test"); err != nil || show(r) != "10 a.test 127.0.0.1, 20 b.test 192.0.2.1" {
		t.Errorf("%q, %v", show(r), err)
	}
	for name, want := range map[string]error{"null.test": dns.ErrNullMX, "t.test": dns.ErrNoAddress, "no.test": dns.ErrNoDomain, "not.test": dns.ErrNoDomain, "slow.test": dns.ErrTemporary} {
		if _, err := f.Resolve(ctx, name); !errors.Is(err, want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if hosts, err := f.MXHosts(ctx, "x.test"); err != nil || !slices.Equal(hosts, []string{"a.test", "b.test"}) {
		t.Errorf("%q, %v", hosts, err)
	}
	if hosts, err := f.MXHosts(ctx, "null.test"); err != nil || len(hosts) != 0 {
		t.Errorf("null MX: %q, %v", hosts, err)
	}
	if txt, err := f.TXT(ctx, "t.test"); err != nil || !slices.Equal(txt, []string{"hello"}) {
		t.Errorf("%q, %v", txt, err)
	}
	if names, err := f.PTR(ctx, a("192.0.2.1")); err != nil || !slices.Equal(names, []string{"b.test"}) {
		t.Errorf("%q, %v", names, err)
	}
	f.NoLocal = true
	if r, err := f.Resolve(ctx, "x.test"); err != nil || show(r) != "20 b.test 192.0.2.1" {
		t.Errorf("%q, %v", show(r), err)
	}
}
