package settings

import (
	"math"
	"strings"
	"testing"
	"time"
)

func TestWhole(t *testing.T) {
	for text, want := range map[string]int64{
		"": 0, " 7 ": 7, "7": 7, "7.0": 7, "1e2": 100, "-1": -1, "0": 0, "100": 100, "+5": 5,
		"-2": math.MinInt64, "101": math.MinInt64, "7.5": math.MinInt64, "many": math.MinInt64, "NaN": math.MinInt64, "Inf": math.MinInt64,
		"9223372036854775808": math.MinInt64, "1e300": math.MinInt64, "0x10": math.MinInt64, "1\x00": math.MinInt64, "١": math.MinInt64,
	} {
		c := cells{row: Row{"n": text}}
		got := c.whole("n", -1, 100)
		if bad := want == math.MinInt64; bad != (c.err != nil) || !bad && got != want {
			t.Errorf("%q: %d, %v", text, got, c.err)
		}
	}
}

func TestMoment(t *testing.T) {
	want := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for _, text := range []string{
		"2026-03-01 12:00:00", "2026-03-01T12:00:00Z", "2026-03-01T13:00:00+01:00", "2026-03-01 13:00:00+01", "2026-03-01 13:00:00+01:00",
		"2026-03-01T12:00:00", " 2026-03-01 12:00 ", "2026-03-01 12:00:00 +0000 UTC", "2026-03-01 12:00:00.000", "2026-03-01T12:00",
	} {
		c := cells{row: Row{"t": text}}
		if got := c.moment("t"); !got.Equal(want) || got.Location() != time.UTC || c.err != nil {
			t.Errorf("%q: %v, %v", text, got, c.err)
		}
	}
	for _, text := range []string{"", "0000-00-00 00:00:00"} {
		c := cells{row: Row{"t": text}}
		if got := c.moment("t"); !got.IsZero() || c.err != nil {
			t.Errorf("%q: %v, %v", text, got, c.err)
		}
	}
	for _, text := range []string{"soon", "2026-13-01 00:00:00", "2026-02-30 00:00:00", "12:00", "2026-03-01 12:00:00\r\nx"} {
		c := cells{row: Row{"t": text}}
		if c.moment("t"); c.err == nil {
			t.Errorf("%q is a time", text)
		}
	}
	c := cells{row: Row{"t": "0001-01-01 00:00:00"}}
	if c.moment("t").IsZero() {
		t.Error("the year 1 never ends")
	}
}

func TestDomainAndAddress(t *testing.T) {
	for text, want := range map[string]string{
		"": "", "*": "", " * ": "", "Example.COM": "example.com", "bücher.example": "xn--bcher-kva.example",
		"BÜCHER.example":        "xn--bcher-kva.example",
		"xn--bcher-kva.example": "xn--bcher-kva.example", "example.com.": "example.com", "[192.0.2.1]": "[192.0.2.1]",
		"Relay.example:587": "relay.example", "relay.example.:25": "relay.example", "[192.0.2.1]:25": "[192.0.2.1]",
		"[IPv6:2001:db8::1]": "[IPv6:2001:db8::1]", "[IPv6:2001:db8::1]:25": "[IPv6:2001:db8::1]",
	} {
		c := cells{row: Row{"d": text}}
		if got := c.domain("d"); got != want || c.err != nil {
			t.Errorf("%q: %q, %v", text, got, c.err)
		}
	}
	for _, text := range []string{
		":25", "relay.example:", "relay.example:0", "relay.example:65536", "relay.example:smtp", "relay.example:+25", "a:1:2", "2001:db8::1", "a b", "example.com\r\nRSET", "a..b", "..", ".", "\xff", "*.example.com",
		strings.Repeat("a", 64) + ".b", strings.Repeat("a.", 200) + "b",
	} {
		c := cells{row: Row{"d": text}}
		if c.domain("d"); c.err == nil {
			t.Errorf("%q is a domain", text)
		}
	}
	for text, want := range map[string]string{"::ffff:192.0.2.1": "192.0.2.1", "2001:DB8:0::1": "2001:db8::1", " 192.0.2.1": "192.0.2.1"} {
		c := cells{row: Row{"a": text}}
		if got := c.addr("a"); got.String() != want || c.err != nil {
			t.Errorf("%q: %v, %v", text, got, c.err)
		}
	}
	for _, text := range []string{"192.0.2.256", "fe80::1%eth0", "example.com", "192.0.2.0/24", "01.2.3.4"} {
		c := cells{row: Row{"a": text}}
		if c.addr("a"); c.err == nil {
			t.Errorf("%q is an address", text)
		}
	}
}

func TestSpanHasABound(t *testing.T) {
	if got := span(math.MaxInt64, time.Second); got != longest {
		t.Errorf("%v", got)
	}
	if got := span(1500, time.Millisecond); got != 1500*time.Millisecond {
		t.Errorf("%v", got)
	}
}
