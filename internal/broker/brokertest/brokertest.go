// Package brokertest is the contract of package broker as a test suite. Every adapter runs it: Run calls one subtest for each
// promise, and more for what a Factory can break. It starts goroutines only while a subtest runs.
package brokertest

import (
	"testing"
	"time"

	"posthoorn/internal/broker"
)

// Patience is how long a test waits for what must come.
const Patience = 60 * time.Second

// Fault breaks what is below an adapter, brings it back and returns the adapter to go on with: b itself, or a new one when b died
// with what is below it. Whoever holds a consumer of b then has to consume anew. The suite closes what is returned.
type Fault func(t *testing.T, b broker.Broker) broker.Broker

// Factory makes adapters. Fields that are nil or zero say that the adapter has no such thing; their subtests do not exist then.
type Factory struct {
	// New opens an adapter. All adapters of one Run see the same queues; the suite closes them. One publisher, so that order counts.
	New func(t *testing.T) broker.Broker
	// Prioritised is New for an adapter whose queues honour priorities.
	Prioritised func(t *testing.T) broker.Broker
	// Count is how many messages of a queue are ready.
	Count func(t *testing.T, b broker.Broker, queue string) int

	Cut     Fault // all connections break
	Restart Fault // what is below is stopped in good order and started again
	Crash   Fault // what is below is killed

	// Block makes what is below refuse to take anything without breaking a connection; Unblock ends that.
	Block, Unblock func(t *testing.T)
	// Unreachable is the name of a queue that cannot be published to.
	Unreachable func(t *testing.T) string
	// OneChannel: the consumers of one Consume are one channel with the credit of all.
	OneChannel bool
	// TooBig is the size of a body that is over the limit. Large is one that is not, and stands for large mail.
	TooBig, Large int
}

// Run runs the suite.
func Run(t *testing.T, f Factory) {
	for name, test := range map[string]func(*testing.T, Factory){
		"RoundTrip": roundTrip, "Order": order, "Group": group, "Empty": empty, "UnknownQueue": unknownQueue, "Declare": declare,
		"Large": large, "ManySenders": manySenders, "Credit": credit, "Nack": nack, "ForeignTickets": foreignTickets,
		"TwoConsumers": twoConsumers, "PauseResume": pauseResume, "PauseCredit": pauseCredit, "Flush": flush,
		"CloseGivesBack": closeGivesBack, "ContextEnds": contextEnds, "SendAfterClose": sendAfterClose,
		"CloseWhileSending": closeWhileSending,
	} {
		t.Run(name, func(t *testing.T) { test(t, f) })
	}
	runOptional(t, f)
	runFaults(t, f)
}

func runFaults(t *testing.T, f Factory) {
	// A restart takes seconds, a cut does not.
	for _, fault := range []faultCase{{"Cut", f.Cut, 4}, {"Restart", f.Restart, 1}, {"Crash", f.Crash, 1}} {
		if fault.happen == nil {
			continue
		}
		t.Run(fault.name, func(t *testing.T) {
			t.Run("Survives", func(t *testing.T) { survives(t, f, fault) })
			t.Run("WhilePublishing", func(t *testing.T) { whilePublishing(t, f, fault) })
			t.Run("WhileConsuming", func(t *testing.T) { whileConsuming(t, f, fault) })
		})
	}
}

// faultCase is a fault and how often it happens in one test.
type faultCase struct {
	name   string
	happen Fault
	times  int
}

func runOptional(t *testing.T, f Factory) {
	optional := func(name string, has bool, test func(*testing.T, Factory)) {
		if has {
			t.Run(name, func(t *testing.T) { test(t, f) })
		}
	}
	optional("Priority", f.Prioritised != nil, priority)
	optional("Unreachable", f.Unreachable != nil, unreachable)
	optional("TooBig", f.TooBig > 0, tooBig)
	optional("Blocked", f.Block != nil, blocked)
	optional("CloseWhileBlocked", f.Block != nil, closeWhileBlocked)
}
