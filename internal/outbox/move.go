package outbox

import (
	"context"
	"net/netip"
	"slices"
	"time"

	"posthoorn/internal/localqueue"
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
	a := &action{e: e, progress: progress, before: m.remember}
	return a.overhaul(ctx, destination, m.decide)
}

// mover moves mail to one address.
type mover struct {
	e   *Engine
	ip  netip.Addr
	ips []byte               // the property
	due map[uint64]time.Time // of what was taken out of the local queue
}

func (m *mover) remember(ws []localqueue.Waiting) {
	m.due = make(map[uint64]time.Time, len(ws))
	for i := range ws {
		m.due[ws[i].ID] = ws[i].Due
	}
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
	if it.waiting == 0 {
		m.e.metrics.parked.Inc()
	}
	due, known := m.due[it.waiting]
	if !known {
		due = time.Now()
	}
	return parkWork(it, due), nil
}
