package e2e

import (
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
