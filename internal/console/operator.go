package console

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"
	"unicode"

	"posthoorn/internal/outbox"
	"posthoorn/internal/settings"
	"posthoorn/internal/stats"
)

// Operator knows what there is for a destination, and does something about it. *outbox.Engine is one. Destinations are in its form;
// what works on many messages returns how many it has done, also with an error.
type Operator interface {
	Explain(ctx context.Context, destination string, source netip.Addr) (outbox.Explanation, error)
	Backlog(ctx context.Context) ([]outbox.BacklogLine, error)
	// Mail counts what an action would find for one destination.
	Mail(ctx context.Context, destination string) (outbox.BacklogLine, error)
	RetryNow(ctx context.Context, destination string, progress func(int)) (int, error)
	Fail(ctx context.Context, destination, reason string, progress func(int)) (int, error)
	Move(ctx context.Context, destination string, source netip.Addr, progress func(int)) (int, error)
}

// destination is the one in the path.
func (s *Server) destination(c *call) (string, error) {
	if s.p.Operator == nil {
		return "", notBuilt
	}
	return s.destinationOf("destination", c.PathValue("destination"))
}

func (s *Server) destinationOf(field, text string) (string, error) {
	if s.p.Destination == nil {
		return "", notBuilt
	}
	key, err := s.p.Destination(text)
	if err != nil {
		return "", badField(field, "%v", err)
	}
	return key, nil
}

type explainAnswer struct {
	Explanation outbox.Explanation `json:"explanation"`
	Counters    stats.Counts       `json:"counters"`
	Answers     []stats.Answer     `json:"answers"`
	Forced      []struct{}         `json:"forced"` // forced errors are not built
}

func (s *Server) explain(c *call) (any, error) {
	key, err := s.destination(c)
	if err != nil {
		return nil, err
	}
	source, err := c.source()
	if err != nil {
		return nil, err
	}
	a := explainAnswer{Answers: []stats.Answer{}, Forced: []struct{}{}}
	if a.Explanation, err = s.p.Operator.Explain(c.Context(), key, source); err != nil {
		return nil, err
	}
	if s.p.Stats != nil {
		a.Counters = s.p.Stats.Counts(stats.Selection{Domain: key}, time.Now())
		a.Answers = append(a.Answers, s.p.Stats.Answers(key)...)
	}
	return a, nil
}

type countAnswer struct {
	Count int `json:"count"`
}

func (s *Server) retryNow(c *call) (any, error) {
	key, err := s.destination(c)
	if err == nil {
		err = c.empty()
	}
	if err != nil {
		return nil, err
	}
	return s.acted(c, "retry", settings.Cells{"destination": key}, func() (int, error) { return s.p.Operator.RetryNow(c.Context(), key, nil) })
}

// maxReason is how long the text of forced failures may be: it stands in results and in the send log.
const maxReason = 500

func (s *Server) fail(c *call) (any, error) {
	key, err := s.destination(c)
	if err != nil {
		return nil, err
	}
	var in struct {
		Reason string `json:"reason"`
	}
	if err := c.body(&in); err != nil {
		return nil, err
	}
	if err := goodReason(in.Reason); err != nil {
		return nil, err
	}
	return s.acted(c, "fail", settings.Cells{"destination": key, "reason": in.Reason}, func() (int, error) { return s.p.Operator.Fail(c.Context(), key, in.Reason, nil) })
}

func goodReason(reason string) error {
	if strings.TrimSpace(reason) == "" || len(reason) > maxReason || strings.ContainsFunc(reason, unicode.IsControl) {
		return badField("reason", "say in one line of 1 to %d bytes why: it will be in the results", maxReason)
	}
	return nil
}

// goodAddress is the address to which mail is to move.
func (s *Server) goodAddress(text string) (netip.Addr, error) {
	ip, err := addressIn("ip", text)
	if err != nil {
		return ip, err
	}
	if own := s.p.Instance.Sources; own != nil && !slices.Contains(own(), ip) {
		return ip, badField("ip", "%s is no address of this host", ip)
	}
	return ip, nil
}

func (s *Server) move(c *call) (any, error) {
	key, err := s.destination(c)
	if err != nil {
		return nil, err
	}
	var in struct {
		IP string `json:"ip"`
	}
	if err := c.body(&in); err != nil {
		return nil, err
	}
	ip, err := s.goodAddress(in.IP)
	if err != nil {
		return nil, err
	}
	return s.acted(c, "move", settings.Cells{"destination": key, "ip": ip}, func() (int, error) { return s.p.Operator.Move(c.Context(), key, ip, nil) })
}

// acted carries out what cannot be undone, and notes who wanted it.
func (s *Server) acted(c *call, what settings.Action, facts settings.Cells, do func() (int, error)) (any, error) {
	n, err := do()
	s.log.Info("an order of the console", "order", string(what), "destination", facts["destination"], "messages", n, "by", c.caller.who(), "peer", c.peer, "error", err)
	s.note(c, what, facts, n)
	if err != nil {
		p := *problemOf(err)
		if n > 0 {
			p.text += fmt.Sprintf(" (done before that: %d messages)", n)
		}
		return nil, &p
	}
	return countAnswer{n}, nil
}

// note keeps an order among the changes, also one whose caller has gone.
func (s *Server) note(c *call, what settings.Action, facts settings.Cells, n int) {
	if s.p.Editor == nil || n == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.Context()), usualTime)
	defer cancel()
	facts["messages"] = n
	if err := s.p.Editor.Note(ctx, c.caller.who(), what, facts); err != nil {
		s.log.Warn("an order is not among the changes, only in this log", "error", err)
	}
}

type backlogAnswer struct {
	Lines []outbox.BacklogLine `json:"lines"`
}

func (s *Server) backlog(c *call) (any, error) {
	if s.p.Operator == nil {
		return nil, notBuilt
	}
	lines, err := s.p.Operator.Backlog(c.Context())
	if err != nil {
		return nil, err
	}
	if lines == nil {
		lines = []outbox.BacklogLine{}
	}
	return backlogAnswer{lines}, nil
}
