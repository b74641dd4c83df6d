package outbox

import (
	"encoding/hex"
	"net/netip"
	"strconv"
	"time"

	"posthoorn/internal/broker"
	"posthoorn/internal/deliver"
	"posthoorn/internal/localqueue"
	"posthoorn/internal/mail"
	"posthoorn/internal/prepare"
	"posthoorn/internal/schedule"
	"posthoorn/internal/settle"
)

// item is one message in memory, from the moment that it is taken until it is settled.
//
// It has one owner at a time, who alone may read and write it, m, content and job included:
//
//   - who took it: the goroutine of the consumer, the feeder, the clerk, or an operator's action; until loop.add, or settle
//   - the loop, from loop.add on: while the plan holds it or it is set aside
//   - its connection, from the moment that Give takes its job until it says Done or Back. The loop still finds it in its books then,
//     and may look at nothing but what is shared (Plan.Waits tells)
//   - the clerk, or a goroutine for slow stores, from the moment that it is handed over
//   - the callbacks of the settler, after settle; then nobody
//
// Shared, since they never change once the loop has it: id, identity, waiting, from, site, host, and of m the tags. A link remembers the
// item that it was given last, whoever has that now.
type item struct {
	id       uint64
	identity settle.Identity
	waiting  uint64           // ID in the local queue, 0 for a delivery of the broker
	from     localqueue.Place // where it waited
	place    localqueue.Place // where it is to wait
	due      time.Time        // since when, or until when, it waited there
	m        *mail.Message
	body     []byte // as delivered, for a message that cannot be read
	size     int64
	taken    time.Time // from the queue
	priority uint8

	sources []netip.Addr // that its sender allows, …
	key     string       // … and the name of that set in the local queue
	pinned  netip.Addr   // of these the one that a greylisting server knows
	site    string
	pool    *schedule.Pool
	fed     *schedule.Pool // that the plan asked for, of what comes from the local queue
	class   schedule.Class
	rules   *rules          // that said so
	host    *mail.Smarthost // the message's or the file's; nil: the recipient's own servers

	// Guarded by hand.mu; only deliveries of the broker use them.
	ticket  broker.Ticket
	stale   bool // the broker delivers it again
	done    bool // the outcome is durable: what is left is the ack
	staleAt time.Time
	held    []broker.Delivery // equal bodies that came while the ticket lives
	inLane  bool              // the plan has it and no connection does

	content *prepare.Content // of a message that is not plain, once a connection was to get it
	job     deliver.Job

	finished bool         // its result is final
	forced   *mail.Result // that of an operator
}

// messageID is stable for message and attempt, so that a result published again can be recognised.
func (it *item) messageID(attempt int) string {
	return hex.EncodeToString(it.identity[:]) + "-" + strconv.Itoa(attempt)
}
