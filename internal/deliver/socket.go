package deliver

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"syscall"

	"golang.org/x/sys/unix"

	"posthoorn/internal/mail"
)

// dialTCP connects from source, if that is given, to a target.
func dialTCP(ctx context.Context, source netip.Addr, to netip.AddrPort) (net.Conn, error) {
	d := net.Dialer{}
	if source.IsValid() {
		d.LocalAddr = net.TCPAddrFromAddrPort(netip.AddrPortFrom(source, 0))
		d.Control = bindLate
	}
	return d.DialContext(ctx, "tcp", to.String())
}

// bindLate leaves the choice of the port to connect, so that ports are bounded for each target and not for each source.
func bindLate(_, _ string, raw syscall.RawConn) error {
	var opt error
	err := raw.Control(func(fd uintptr) {
		opt = unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1)
	})
	if errors.Is(opt, unix.ENOPROTOOPT) { // an old kernel: it works without
		opt = nil
	}
	return errors.Join(err, opt)
}

// dialTrouble is what a failed dial means: our own lack of an address, port or handle is `bind`, all else `connect`.
func (c *Conn) dialTrouble(err error) *mail.Result {
	var call *os.SyscallError
	if errors.As(err, &call) && (call.Syscall == "bind" || call.Syscall == "socket") || errors.Is(err, unix.EADDRNOTAVAIL) {
		return c.local(mail.StateBind, mail.Failed, 451, "4.3.5")
	}
	kind := mail.Failed
	if errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, unix.ETIMEDOUT) {
		kind = mail.Timeout
	}
	return c.local(mail.StateConnect, kind, 451, "4.4.1")
}
