package control

import (
	"net/netip"
	"strings"
	"testing"

	"posthoorn/internal/settings"
)

var ip = netip.MustParseAddr

func TestCheckedOrders(t *testing.T) {
	for _, c := range []struct {
		command     string
		order, want Order
	}{
		{cmdExplain, Order{Destination: "Example.COM.", IP: ip("::ffff:10.0.0.1")}, Order{Destination: "example.com", IP: ip("10.0.0.1")}},
		{cmdRetryNow, Order{Destination: "Relay.example:587"}, Order{Destination: "relay.example:587"}},
		{cmdFail, Order{Destination: "bücher.example", Reason: "gone, grüße"}, Order{Destination: "xn--bcher-kva.example", Reason: "gone, grüße"}},
		{cmdMove, Order{Destination: "192.0.2.1", IP: ip("10.0.0.1")}, Order{Destination: "[192.0.2.1]", IP: ip("10.0.0.1")}},
		{cmdEvacuate, Order{To: "outbox 2", Stop: true}, Order{To: "outbox 2", Stop: true}},
		{cmdEvacuate, Order{Destination: "A.example"}, Order{Destination: "a.example"}},
		{cmdBacklog, Order{Destination: "does not count"}, Order{}},
		{cmdPause, Order{}, Order{}},
	} {
		if err := c.order.check(c.command); err != nil || c.order != c.want {
			t.Errorf("%s %+v: %v", c.command, c.order, err)
		}
	}
}

func TestWrongOrders(t *testing.T) {
	for _, c := range []struct {
		command string
		order   Order
	}{
		{cmdExplain, Order{}},
		{cmdExplain, Order{Destination: "*"}},
		{cmdExplain, Order{Destination: "a.example", IP: ip("0.0.0.0")}},
		{cmdExplain, Order{Destination: "a.example", IP: ip("fe80::1%\x1b[2J")}},
		{cmdRetryNow, Order{}},
		{cmdFail, Order{Reason: "x"}},
		{cmdFail, Order{Destination: "a.example"}},
		{cmdFail, Order{Destination: "a.example", Reason: " \u00a0 "}},
		{cmdFail, Order{Destination: "a.example", Reason: "x\r\n250 ok"}},
		{cmdFail, Order{Destination: "a.example", Reason: "\x1b[2J"}},
		{cmdFail, Order{Destination: "a.example", Reason: "\xff"}},
		{cmdFail, Order{Destination: "a.example", Reason: strings.Repeat("x", maxReason+1)}},
		{cmdMove, Order{Destination: "a.example"}},
		{cmdMove, Order{IP: ip("10.0.0.1")}},
		{cmdEvacuate, Order{Destination: "a b"}},
		{cmdEvacuate, Order{To: strings.Repeat("q", maxQueue+1)}},
		{cmdEvacuate, Order{To: "a\x00b"}},
		{cmdPause, Order{Tag: "a\nb"}},
		{cmdPause, Order{Tag: "\u202e"}},
		{cmdPause, Order{Tag: strings.Repeat("x", maxTag+1)}},
		{cmdPause, Order{IP: ip("::")}},
		{cmdPause, Order{Destination: "0.0.0.0"}},
		{cmdPause, Order{Destination: "relay.example:587"}},
		{cmdPause, Order{Destination: "user@example.com"}},
		{cmdResume, Order{Destination: "*"}},
	} {
		err := c.order.check(c.command)
		if Code(err) != ExitUsage || visible(err.Error()) != err.Error() {
			t.Errorf("%s %+v: %v", c.command, c.order, err)
		}
	}
}

func TestPauseOfOrder(t *testing.T) {
	for _, c := range []struct {
		order Order
		want  settings.Pause
	}{
		{Order{}, settings.Pause{}},
		{Order{Destination: "Example.COM"}, settings.Pause{Domain: "example.com"}},
		{Order{Destination: "::ffff:192.0.2.1"}, settings.Pause{Remote: ip("192.0.2.1")}},
		{Order{Destination: "[IPv6:2001:db8::1]"}, settings.Pause{Remote: ip("2001:db8::1")}},
		{Order{IP: ip("::ffff:10.0.0.1"), Tag: "news letter"}, settings.Pause{Source: ip("10.0.0.1"), Tag: "news letter"}},
	} {
		if got, err := c.order.pause(); err != nil || got != c.want {
			t.Errorf("%+v: %+v, %v", c.order, got, err)
		}
	}
}
