package console

import (
	"net/http"
	"net/netip"
	"strings"
	"time"

	"posthoorn/internal/monitor"
)

// liveMessage is what a viewer of the overview gets every second.
type liveMessage struct {
	Overview overviewAnswer  `json:"overview"`
	Point    map[string]*int `json:"point"`
}

// live shows the overview as it changes.
func (s *Server) live(c *call) {
	sel, err := s.selection(c)
	if err == nil {
		_, err = s.overview(c.Context(), sel)
	}
	if err != nil {
		problemOf(err).send(c.w)
		return
	}
	s.watch(c, "live", func(k *socket) error {
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		asked := time.Now()
		for {
			overview, err := s.overview(k.ctx, sel)
			if err != nil {
				return err
			}
			if err := k.send(liveMessage{overview, s.point(sel)}); err != nil {
				return err
			}
			if time.Since(asked) >= socketPing {
				if err := s.mayStay(k); err != nil {
					return err
				}
				asked = time.Now()
			}
			select {
			case <-tick.C:
			case <-k.ctx.Done():
				return k.ctx.Err()
			}
		}
	})
}

type lineMessage struct {
	Time      time.Time         `json:"time"`
	Session   uint64            `json:"session"`
	Direction monitor.Direction `json:"direction"`
	Who       monitor.Who       `json:"who"`
	Text      string            `json:"text"`
	Local     string            `json:"local,omitempty"`
	Remote    string            `json:"remote,omitempty"`
	Domain    string            `json:"domain,omitempty"`
}

type droppedMessage struct {
	Dropped uint64 `json:"dropped"`
}

// smtp shows the SMTP traffic as it goes by.
func (s *Server) smtp(c *call) {
	f, err := filterOf(c)
	if err == nil && s.p.Monitor == nil {
		err = notBuilt
	}
	if err != nil {
		problemOf(err).send(c.w)
		return
	}
	v, ok := s.p.Monitor.Watch(f)
	if !ok {
		deny(http.StatusServiceUnavailable, "%d others look at the SMTP traffic already", monitor.MaxViewers).send(c.w)
		return
	}
	defer v.Close()
	s.watch(c, "monitor", func(k *socket) error { return s.showTraffic(k, v) })
}

func (s *Server) showTraffic(k *socket, v *monitor.Viewer) error {
	ping := time.NewTicker(socketPing)
	defer ping.Stop()
	count := time.NewTicker(time.Second)
	defer count.Stop()
	for {
		var err error
		select {
		case line := <-v.Lines():
			err = k.send(messageOf(&line))
		case <-count.C:
			if n := v.Dropped(); n > 0 {
				err = k.send(droppedMessage{n})
			}
		case <-ping.C:
			err = s.mayStay(k)
		case <-k.ctx.Done():
			err = k.ctx.Err()
		}
		if err != nil {
			return err
		}
	}
}

func messageOf(l *monitor.Line) lineMessage {
	return lineMessage{l.Time.UTC(), l.Session.ID, l.Session.Direction, l.Who, l.Text, addressOf(l.Session.Local), addressOf(l.Session.Remote), l.Session.Domain}
}

func addressOf(a netip.AddrPort) string {
	if !a.Addr().IsValid() {
		return ""
	}
	if a.Port() == 0 {
		return a.Addr().String()
	}
	return a.String()
}

func filterOf(c *call) (f monitor.Filter, err error) {
	f = monitor.Filter{Direction: monitor.Direction(c.param("direction")), Domain: c.param("domain"), Address: c.param("address")}
	switch f.Direction {
	case "", monitor.In, monitor.Out:
	default:
		return f, badField("direction", "is one of in and out, or nothing")
	}
	if len(f.Domain) > 255 || len(f.Address) > 320 || strings.ContainsAny(f.Domain+f.Address, "\r\n") {
		return f, badField("domain", "is too long")
	}
	f.IP, err = c.address("ip")
	return f, err
}
