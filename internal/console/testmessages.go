package console

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"posthoorn/internal/inject"
	"posthoorn/internal/mail"
)

// Door takes mail in. *inject.Door is one.
type Door interface {
	Forward(ctx context.Context, m *mail.Message, from inject.HTTP, received time.Time) error
}

const (
	mostTests   = 100       // that are remembered
	testAge     = time.Hour // for so long
	mostEvents  = 50        // of one
	mostSubject = 500       // bytes
	mostText    = 100 << 10
	testKey     = "console-test" // property of the message; it comes back in each result
)

// tests are the messages that were sent from here, and what became of them.
type tests struct {
	open atomic.Int32 // that may still have events

	mu    sync.Mutex
	all   map[string]*test
	order []string // oldest first
}

type test struct {
	begun       time.Time
	destination string
	events      []testEvent
	done        bool
}

type testEvent struct {
	Time   time.Time       `json:"time"`
	What   string          `json:"what"` // accepted, attempt, delivered, failed, retry or waiting
	Text   string          `json:"text"`
	Result json.RawMessage `json:"result,omitempty"`
}

type testRequest struct {
	Envelope  string `json:"envelope"`
	Recipient string `json:"recipient"`
	Subject   string `json:"subject"`
	Text      string `json:"text"`
	Source    string `json:"source"`
}

func (s *Server) sendTest(c *call) (any, error) {
	if s.p.Door == nil {
		return nil, notBuilt
	}
	var in testRequest
	if err := c.body(&in); err != nil {
		return nil, err
	}
	id := strings.ToLower(rand.Text())
	m, to, err := s.testMessage(&in, id)
	if err != nil {
		return nil, err
	}
	s.tests.begin(id, to.ASCIIDomain()) // before it can have a result
	peer, _ := netip.ParseAddrPort(c.RemoteAddr)
	from := inject.HTTP{Authentication: c.caller.who(), RemoteIP: peer.Addr().String(), RemotePort: int(peer.Port())}
	if err := s.p.Door.Forward(c.Context(), m, from, time.Now()); err != nil {
		s.tests.forget(id)
		return nil, deny(http.StatusServiceUnavailable, "the message was not taken: %v", err)
	}
	s.tests.add(id, testEvent{Time: time.Now().UTC(), What: "accepted", Text: "the message is in the queue"}, false)
	s.log.Info("a test message from the console", "to", in.Recipient, "by", c.caller.who(), "peer", c.peer)
	return created{map[string]string{"id": id}}, nil
}

// testMessage is the message as a program would publish it.
func (s *Server) testMessage(in *testRequest, id string) (*mail.Message, mail.Address, error) {
	to, err := mail.ParseAddress(in.Recipient, false)
	if err != nil {
		return nil, to, badField("recipient", "%v", err)
	}
	if in.Envelope != "" {
		if _, err := mail.ParseAddress(in.Envelope, false); err != nil {
			return nil, to, badField("envelope", "%v", err)
		}
	}
	switch {
	case len(in.Subject) > mostSubject:
		return nil, to, badField("subject", "is longer than %d bytes", mostSubject)
	case len(in.Text) > mostText:
		return nil, to, badField("text", "is longer than %d bytes", mostText)
	}
	o := map[string]any{"recipient": in.Recipient, "mime": s.testSource(in, id), testKey: id}
	if in.Envelope != "" {
		o["envelope"] = in.Envelope
	}
	if in.Source != "" {
		ip, err := s.own(in.Source)
		if err != nil {
			return nil, to, err
		}
		o["ips"] = []string{ip.String()}
	}
	body, err := json.Marshal(o)
	if err != nil {
		return nil, to, err
	}
	m, err := mail.Parse(body, mail.Rules{})
	if err != nil {
		return nil, to, badField("recipient", "%v", err)
	}
	return m, to, nil
}

// own is one of the addresses of this host.
func (s *Server) own(text string) (netip.Addr, error) {
	ip, err := netip.ParseAddr(text)
	if err != nil {
		return ip, badField("source", "%.60q is no IP address", text)
	}
	if s.p.Instance.Sources == nil || !slices.Contains(s.p.Instance.Sources(), ip.Unmap()) {
		return ip, badField("source", "%s is no address of this host", ip)
	}
	return ip.Unmap(), nil
}

func (t *tests) begin(id, destination string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.all == nil {
		t.all = map[string]*test{}
	}
	for len(t.order) > 0 && (len(t.order) >= mostTests || time.Since(t.all[t.order[0]].begun) > testAge) {
		t.drop(t.order[0])
	}
	t.all[id] = &test{begun: time.Now(), destination: destination}
	t.order = append(t.order, id)
	t.open.Add(1)
}

func (t *tests) drop(id string) {
	if !t.all[id].done {
		t.open.Add(-1)
	}
	delete(t.all, id)
	t.order = slices.DeleteFunc(t.order, func(o string) bool { return o == id })
}

func (t *tests) forget(id string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.all[id] != nil {
		t.drop(id)
	}
}

func (t *tests) add(id string, e testEvent, done bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	one := t.all[id]
	if one == nil || one.done {
		return
	}
	if len(one.events) < mostEvents {
		one.events = append(one.events, e)
		slices.SortStableFunc(one.events, func(a, b testEvent) int { return a.Time.Compare(b.Time) })
	}
	if done {
		one.done = true
		t.open.Add(-1)
	}
}

// Observe is told of every result, and whether it is the last one of its message. It costs one load while no test is under way.
func (s *Server) Observe(m *mail.Message, r *mail.Result, final bool) {
	if s.tests.open.Load() == 0 {
		return
	}
	var id string
	if property := m.Property(testKey); property == nil || json.Unmarshal(property, &id) != nil {
		return
	}
	e := testEvent{Time: r.Time.UTC(), Result: r.AppendJSON(nil)}
	switch {
	case r.OK():
		e.What, e.Text = "delivered", "the server has taken it"
	case final:
		e.What, e.Text = "failed", "it will not be tried again"
	default:
		e.What, e.Text = "retry", "it will be tried again"
	}
	s.tests.add(id, e, final)
}

type testAnswer struct {
	ID     string      `json:"id"`
	Events []testEvent `json:"events"`
	Done   bool        `json:"done"`
}

func (s *Server) getTest(c *call) (any, error) {
	if s.p.Door == nil {
		return nil, notBuilt
	}
	id := c.PathValue("id")
	s.tests.mu.Lock()
	one := s.tests.all[id]
	if one == nil {
		s.tests.mu.Unlock()
		return nil, deny(http.StatusNotFound, "no test message is known by this id; they are forgotten after an hour")
	}
	a := testAnswer{ID: id, Events: slices.Clone(one.events), Done: one.done}
	destination := one.destination
	s.tests.mu.Unlock()
	if !a.Done && s.p.Operator != nil {
		x, err := s.p.Operator.Explain(c.Context(), destination, netip.Addr{})
		if err == nil && x.Waits.For != "" {
			a.Events = append(a.Events, testEvent{Time: x.Time.UTC(), What: "waiting", Text: x.Waits.For})
		}
	}
	if a.Events == nil {
		a.Events = []testEvent{}
	}
	return a, nil
}
