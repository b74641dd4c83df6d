package outbox

import (
	"context"
	"net/netip"
	"slices"
	"time"

	"posthoorn/internal/mail"
	"posthoorn/internal/settle"
)

// Move has all that waits for a destination leave from one of our own addresses from now on: its property ips says so in all that
// is published of it later. What is in transaction goes on as it is. It returns how many were moved.
func (e *Engine) Move(ctx context.Context, destination string, ip netip.Addr, progress func(int)) (int, error) {
	if !slices.Contains(e.o.Own(), ip) {
		return 0, ErrNotOwn
	}
	m := &mover{e: e, ip: ip, ips: append(mail.AppendString([]byte{'['}, ip.String()), ']')}
	a := &action{e: e, progress: progress}
	return a.overhaul(ctx, destination, m.decide)
}

// mover moves mail to one address.
type mover struct {
	e   *Engine
	ip  netip.Addr
	ips []byte // the property
}

// decide lets a message wait for the address, until the same time. One that leaves from there alone already stays.
func (m *mover) decide(it *item) (w settle.Work, err error) {
	if it.m == nil {
		if it.m, err = mail.Parse(it.body, m.e.o.Rules); err != nil {
			return w, err
		}
	}
	if it.m.HasIPs && len(it.m.IPs) == 1 && it.m.IPs[0] == m.ip {
		return w, errUnchanged
	}
	it.m.IPs, it.m.HasIPs = []netip.Addr{m.ip}, true
	it.m.Set("ips", m.ips)
	if _, refused := m.e.route(it); refused != nil {
		return w, refused
	}
	if it.waiting != 0 {
		return parkWork(it, it.due), nil
	}
	m.e.metrics.parked.Inc()
	return parkWork(it, time.Now()), nil
}
