package e2e

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	amqp "github.com/rabbitmq/amqp091-go"
)

// On RabbitMQ a result carries an id of message and attempt, so that one published again after a crash can be recognised; it is
// durable, and has no content-type (queues.md section 7).
func TestAMQPPropertiesOfResults(t *testing.T) {
	t.Parallel()
	onRabbit(t, setup{}, func(t *testing.T, r *rig) {
		r.publish(`{"id":1,"recipient":"defer.1@ids.test","mime":"x","retries":[1]}`)
		r.publish(`{"id":2,"recipient":"you@ids.test","mime":"x"}`)
		ids := map[string]map[string]bool{}
		for role, n := range map[string]int{"results": 2, "success": 2, "retry": 1} {
			for _, o := range r.take(role, n) {
				d := o.delivery
				if d.MessageId == "" || d.ContentType != "" || d.ContentEncoding != "" || d.DeliveryMode != amqp.Persistent || d.Redelivered {
					t.Errorf("in %s: %q, %q, %q, %d: %s", role, d.MessageId, d.ContentType, d.ContentEncoding, d.DeliveryMode, o.raw)
				}
				key := o.ID.String() + " after attempt " + string(rune('0'+len(o.Results)))
				if ids[key] == nil {
					ids[key] = map[string]bool{}
				}
				ids[key][d.MessageId] = true
			}
		}
		different := map[string]bool{}
		for key, set := range ids {
			if len(set) != 1 {
				t.Errorf("message %s has the ids %v", key, set)
			}
			for id := range set {
				different[id] = true
			}
		}
		if len(different) != 3 {
			t.Errorf("ids of three publishings: %v", ids)
		}
	})
}

// One queue that cannot be reached holds up its own result and nothing else; when it can be reached it gets it, and the message
// was sent once (queues.md section 2).
func TestUnreachableQueueOfTheMessage(t *testing.T) {
	t.Parallel()
	onRabbit(t, setup{}, func(t *testing.T, r *rig) {
		own := r.queues.of("own")
		ch := r.queues.(*remote).ch
		if _, err := ch.QueueDeclare(own, true, false, false, false, amqp.Table{"x-max-length": 1, "x-overflow": "reject-publish"}); err != nil {
			t.Fatal(err)
		}
		if err := ch.PublishWithContext(t.Context(), "", own, false, false, amqp.Publishing{Body: []byte("{}")}); err != nil {
			t.Fatal(err)
		}
		r.publish(`{"id":1,"recipient":"you@full.test","mime":"x","queues":{"results":%q}}`, own)
		r.publish(`{"id":2,"recipient":"other@full.test","mime":"x"}`)
		r.take("success", 2)
		r.take("results", 1)
		if _, err := ch.QueueDelete(own, false, false, false); err != nil {
			t.Fatal(err)
		}
		if o := r.takeFrom(own, 1)[0]; o.ID != "1" {
			t.Errorf("%s", o.raw)
		}
		r.received("you@full.test")
		r.empty("results", "retry", "failure")
		r.queuesEmpty("outbox")
	})
}

// A queue of the file that takes nothing holds back what belongs there; nothing is acknowledged, nothing is sent twice (F33).
func TestResultQueueIsFull(t *testing.T) {
	t.Parallel()
	onRabbit(t, setup{}, func(t *testing.T, r *rig) {
		broker, results := rabbit.Get(t), r.queues.of("results")
		broker.Ctl(t, "set_policy", "--apply-to", "queues", results, "^"+results+"$", `{"max-length":1,"overflow":"reject-publish"}`)
		r.load(10)
		eventually(t, "an alarm names the queue", func() bool { return strings.Contains(r.read("errors.log"), results) })
		r.take("success", 10)
		broker.Ctl(t, "clear_policy", results)
		r.everyone("results", 10)
		r.once(10)
		r.queuesEmpty("outbox")
	})
}

// Queues that somebody deletes are made again (F8).
func TestDeletedQueues(t *testing.T) {
	t.Parallel()
	onRabbit(t, setup{}, func(t *testing.T, r *rig) {
		ch := r.queues.(*remote).ch
		r.publish(`{"id":1,"recipient":"you@deleted.test","mime":"x"}`)
		r.succeed(1)
		for _, role := range []string{"results", "success", "outbox"} {
			if _, err := ch.QueueDelete(r.queues.of(role), false, false, false); err != nil {
				t.Fatal(err)
			}
		}
		r.publish(`{"id":2,"recipient":"you@deleted.test","mime":"x"}`)
		r.succeed(1)
	})
}

// Bodies may be gzipped, each for itself; what is published is gzipped only where the file says so (queues.md section 7).
func TestGzip(t *testing.T) {
	t.Parallel()
	onRabbit(t, setup{keys: map[string]string{"rabbitmq-encoding": "gzip"}}, func(t *testing.T, r *rig) {
		var packed bytes.Buffer
		z := gzip.NewWriter(&packed)
		if _, err := z.Write([]byte(`{"id":1,"recipient":"you@gzip.test","mime":"x"}`)); err != nil || z.Close() != nil {
			t.Fatal(err)
		}
		q := r.queues.(*remote)
		q.declare(t, q.of("outbox"))
		for _, p := range []amqp.Publishing{
			{ContentEncoding: "gzip", Body: packed.Bytes()},
			{ContentType: "application/json", Priority: 9, Type: "x", CorrelationId: "y", Body: []byte(`{"id":2,"recipient":"you@gzip.test","mime":"x"}`)},
			{ContentEncoding: "gzip", Body: []byte("no gzip")},
		} {
			if err := q.ch.PublishWithContext(t.Context(), "", q.of("outbox"), false, false, p); err != nil {
				t.Fatal(err)
			}
		}
		ids := map[json.Number]string{}
		eventually(t, "three results", func() bool {
			for _, p := range q.get(t, q.of("results")) {
				z, err := gzip.NewReader(bytes.NewReader(p.body))
				if err != nil || p.delivery.ContentEncoding != "gzip" {
					t.Fatalf("%v: %s", err, p.body)
				}
				if p.body, err = io.ReadAll(z); err != nil {
					t.Fatal(err)
				}
				o := parse(t, p)
				ids[o.ID] = o.last().State + "/" + o.last().Result
			}
			return len(ids) == 3
		})
		if ids["1"] != "message/accepted" || ids["2"] != "message/accepted" || ids[""] != "amqp/invalid" {
			t.Errorf("%v", ids)
		}
	})
}

// With an exchange everything goes through it, the queue's name as routing key; others may take a copy (queues.md section 4).
func TestExchange(t *testing.T) {
	t.Parallel()
	exchange := fmt.Sprintf("e2e-%d-exchange", os.Getpid())
	onRabbit(t, setup{keys: map[string]string{"rabbitmq-exchange": exchange}}, func(t *testing.T, r *rig) {
		q := r.queues.(*remote)
		r.publish(`{"id":1,"recipient":"you@exchange.test","mime":"x"}`)
		r.succeed(1)
		q.declare(t, q.of("copies"))
		if err := q.ch.QueueBind(q.of("copies"), q.of("results"), exchange, false, nil); err != nil {
			t.Fatal(err)
		}
		r.publish(`{"id":2,"recipient":"you@exchange.test","mime":"x"}`)
		r.succeed(1)
		if o := r.takeFrom(q.of("copies"), 1)[0]; o.ID != "2" {
			t.Errorf("%s", o.raw)
		}
	})
}
