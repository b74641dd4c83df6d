package deliver

import (
	"bufio"
	"io"
	"slices"

	"golang.org/x/sys/unix"

	"context"
	"net"
	"net/netip"
	"sync"
	"testing"
)

// sockets connects a client to p over loopback TCP, whatever the target. All servers have ended when the test has.
func sockets(t testing.TB, serve func(net.Conn)) func(context.Context, netip.Addr, netip.AddrPort) (net.Conn, error) {
	l := listen(t)
	var servers sync.WaitGroup
	servers.Go(func() {
		for {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			servers.Go(func() { serve(nc) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		servers.Wait()
	})
	to := l.Addr().(*net.TCPAddr).AddrPort()
	return func(ctx context.Context, _ netip.Addr, _ netip.AddrPort) (net.Conn, error) {
		return dialTCP(ctx, netip.MustParseAddr("127.0.0.1"), to)
	}
}

func listen(t testing.TB) net.Listener {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// TestDialTrouble: a closed port is `connect`, an address that is not ours is `bind` (F29, F32).
func TestDialTrouble(t *testing.T) {
	l := listen(t)
	closed := l.Addr().(*net.TCPAddr).AddrPort()
	l.Close()
	for source, want := range map[string]string{"127.0.0.1": "connect/error 451 4.4.1", "192.0.2.77": "bind/error 451 4.3.5", "::1": "connect/error 451 4.4.1"} {
		r := &recorder{ended: make(chan struct{})}
		New(Options{}).Open(t.Context(), Dial{Name: "me.test", Source: netip.MustParseAddr(source), Targets: []Target{{Addr: closed}}}, r)
		<-r.ended
		if len(r.events) != 1 || r.events[0] != "failed "+want {
			t.Errorf("from %s: %v", source, r.events)
		}
		if r.failed.From != source || r.failed.To != "127.0.0.1" {
			t.Errorf("from %s to %s", r.failed.From, r.failed.To)
		}
	}
}

// TestPortsPerTarget: with the port left to connect, one source address has a port range for each target.
func TestPortsPerTarget(t *testing.T) {
	for source, target := range map[string]string{"127.0.0.2": "127.0.0.1:0", "::1": "[::1]:0"} {
		l, err := net.Listen("tcp", target)
		if err != nil && source == "::1" {
			continue // a host without IPv6
		}
		if err != nil {
			t.Fatal(err)
		}
		checkPort(t, source, l)
		l.Close()
	}
}

func checkPort(t *testing.T, source string, l net.Listener) {
	d, err := dialTCP(t.Context(), netip.MustParseAddr(source), l.Addr().(*net.TCPAddr).AddrPort())
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if a := netip.MustParseAddrPort(d.LocalAddr().String()); a.Addr().String() != source || a.Port() == 0 {
		t.Errorf("local address %v", a)
	}
	raw, err := d.(*net.TCPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	_ = raw.Control(func(fd uintptr) {
		if v, err := unix.GetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT); err != nil || v != 1 {
			t.Errorf("IP_BIND_ADDRESS_NO_PORT %d %v", v, err)
		}
		if v, err := unix.GetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_NODELAY); err != nil || v != 1 {
			t.Errorf("TCP_NODELAY %d %v", v, err)
		}
	})
}

// TestFarewell: a peer that says why and resets the connection in the middle of the content is heard (F17).
func TestFarewell(t *testing.T) {
	for _, c := range []struct{ last, want string }{
		{"552 5.3.4 too big\r\n", "done 1 message/error (final) 552 5.3.4 too big"},
		{"250 2.0.0 queued\r\n", "done 1 message/lost 451 4.4.2"}, // of what?
		{"", "done 1 message/lost 451 4.4.2"},
	} {
		connect := sockets(t, func(nc net.Conn) {
			defer nc.Close()
			in := bufio.NewReader(nc)
			for _, reply := range []string{"220 mx.test\r\n", "250-mx.test\r\n250 PIPELINING\r\n", "250 ok\r\n", "250 ok\r\n", "354 go\r\n"} {
				_, _ = io.WriteString(nc, reply)
				_, _ = in.ReadString('\n')
			}
			_, _ = io.WriteString(nc, c.last)
		})
		r := &recorder{ended: make(chan struct{}), jobs: []*Job{makeJob(1, "size=16000000"), makeJob(2, "")}, ahead: true}
		New(Options{Connect: connect}).Open(t.Context(), Dial{Name: "me.test", Targets: someTargets(1)}, r)
		<-r.ended
		if want := []string{"opened", c.want, "back 2 gone", "closed after 1"}; !slices.Equal(r.events, want) {
			t.Errorf("heard %q, want %q", r.events, want)
		}
	}
}
