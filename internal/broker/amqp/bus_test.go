package amqp_test

import (
	"testing"

	"posthoorn/internal/broker/amqp"
	"posthoorn/internal/testbed"
)

// member is one instance on a bus.
type member struct {
	*amqp.Bus
	up    chan struct{}
	heard chan string
}

func join(t *testing.T, address, exchange string) member {
	t.Helper()
	m := member{up: make(chan struct{}, 100), heard: make(chan string, 100)}
	b, err := amqp.NewBus(amqp.BusOptions{Address: address, Exchange: exchange, Logger: logger(t),
		Hear: func(body []byte) { m.heard <- string(body) }, Up: func() { m.up <- struct{}{} }})
	must(t, err)
	t.Cleanup(func() { _ = b.Close() })
	m.Bus = b
	return m
}

func TestBus(t *testing.T) {
	r := rabbit.Get(t)
	p := testbed.StartProxy(t, r.Addr())
	exchange := name(t)
	one, two := join(t, r.URL(), exchange), join(t, r.URLVia(p.Addr()), exchange)
	<-one.up
	<-two.up
	must(t, one.Say(patience(t), []byte(`{"hello": true}`)))
	for _, m := range []member{one, two} {
		if got := <-m.heard; got != `{"hello": true}` {
			t.Errorf("heard %q", got)
		}
	}
	p.Cut()
	<-two.up
	must(t, two.Say(patience(t), []byte("again")))
	if got := <-one.heard; got != "again" {
		t.Errorf("heard %q", got)
	}
	must(t, two.Close())
	if err := two.Say(patience(t), []byte("x")); err == nil {
		t.Error("a closed bus takes a message")
	}
	must(t, one.Say(patience(t), []byte("alone")))
}
