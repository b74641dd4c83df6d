package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"posthoorn/internal/control"

	amqp "github.com/rabbitmq/amqp091-go"
)

// queues are those of a rig, seen by a program beside the daemon.
type queues interface {
	name(prefix string)
	of(role string) string
	get(t *testing.T, queue string) []published     // what is there now, taken
	put(t *testing.T, queue string, body ...[]byte) // as it is, JSON or not
	hasIDs() bool
}

// published is a message that the daemon has published.
type published struct {
	body     []byte
	delivery amqp.Delivery // on RabbitMQ
}

type prefixed string

func (p *prefixed) name(prefix string)    { *p = prefixed(prefix) }
func (p *prefixed) of(role string) string { return string(*p) + role }

// embedded are the queues of the daemon, read by the command.
type embedded struct{ r *rig }

// The names are plain ones: nobody shares them.
func (*embedded) name(string)           {}
func (*embedded) of(role string) string { return role }
func (*embedded) hasIDs() bool          { return false }

func (e *embedded) get(t *testing.T, queue string) (list []published) {
	t.Helper()
	args := []string{"queue", "read", queue}
	if queue == e.of("outbox") {
		args = append(args, "--force")
	}
	for line := range strings.Lines(e.r.command("", args...)) {
		list = append(list, published{body: []byte(strings.TrimSuffix(line, "\n"))})
	}
	return list
}

func (e *embedded) put(t *testing.T, queue string, body ...[]byte) {
	t.Helper()
	c := control.NewClient(filepath.Join(e.r.dir, "state", "posthoorn.control"))
	if err := c.Publish(context.Background(), queue, body); err != nil {
		t.Fatal(err)
	}
}

// remote are queues on RabbitMQ.
type remote struct {
	prefixed
	ch *amqp.Channel
}

func dialQueues(t *testing.T, url string) *remote {
	t.Helper()
	conn, err := amqp.Dial(url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	ch, err := conn.Channel()
	if err != nil {
		t.Fatal(err)
	}
	return &remote{ch: ch}
}

func (*remote) hasIDs() bool { return true }

func (q *remote) declare(t *testing.T, queue string) {
	t.Helper()
	if _, err := q.ch.QueueDeclare(queue, true, false, false, false, nil); err != nil {
		t.Fatal(err)
	}
}

func (q *remote) get(t *testing.T, queue string) (list []published) {
	t.Helper()
	q.declare(t, queue)
	for {
		d, ok, err := q.ch.Get(queue, true)
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			return list
		}
		list = append(list, published{body: d.Body, delivery: d})
	}
}

func (q *remote) put(t *testing.T, queue string, body ...[]byte) {
	t.Helper()
	q.declare(t, queue)
	for _, b := range body {
		if err := q.ch.PublishWithContext(context.Background(), "", queue, false, false, amqp.Publishing{Body: b}); err != nil {
			t.Fatal(err)
		}
	}
}

// publish puts a JSON object into the outbox with the command.
func (r *rig) publish(format string, args ...any) {
	r.t.Helper()
	r.command(fmt.Sprintf(format, args...)+"\n", "queue", "publish", r.queues.of("outbox"))
}

// take waits for n messages of a role's queue and takes them.
func (r *rig) take(role string, n int) []outcome {
	r.t.Helper()
	return r.takeFrom(r.queues.of(role), n)
}

func (r *rig) takeFrom(queue string, n int) (list []outcome) {
	r.t.Helper()
	eventually(r.t, fmt.Sprintf("%d messages in %s", n, queue), func() bool {
		for _, p := range r.queues.get(r.t, queue) {
			list = append(list, parse(r.t, p))
		}
		return len(list) >= n
	})
	if len(list) != n {
		r.t.Fatalf("%d messages in %s, want %d", len(list), queue, n)
	}
	return list
}

// one is the only message of a role's queue.
func (r *rig) one(role string) outcome {
	r.t.Helper()
	return r.take(role, 1)[0]
}

// empty wants that nothing is in these queues.
func (r *rig) empty(roles ...string) {
	r.t.Helper()
	for _, role := range roles {
		for _, p := range r.queues.get(r.t, r.queues.of(role)) {
			r.t.Errorf("in %s: %s", role, p.body)
		}
	}
}

// outcome is what a test looks at in a published message.
type outcome struct {
	raw      []byte
	delivery amqp.Delivery
	fields   map[string]json.RawMessage

	Envelope       string
	Recipient      string
	ID             json.Number
	Mime           *string
	Key            *string
	Body           string
	Delayed        string
	MaxDeliverTime string
	Seen           string
	Results        []attempt
}

// attempt is one entry of results.
type attempt struct {
	Attempt     int
	State       string
	Result      string
	Time        string
	From, To    string
	MTA         string
	Messages    int
	Code        int
	Status      string
	Description string
	DSN         *bool
	Sent        sent
}

type sent struct{ Connection, Data int }

func (a attempt) brief() string {
	return strings.TrimSpace(fmt.Sprintf("%s/%s %d %s %s", a.State, a.Result, a.Code, a.Status, a.Description))
}

func (o *outcome) last() attempt {
	if len(o.Results) == 0 {
		return attempt{}
	}
	return o.Results[len(o.Results)-1]
}

func parse(t *testing.T, p published) outcome {
	t.Helper()
	o := outcome{raw: p.body, delivery: p.delivery}
	for _, into := range []any{&o.fields, &o} {
		err := json.Unmarshal(p.body, into)
		if _, ok := errors.AsType[*json.UnmarshalTypeError](err); err != nil && !ok { // what is odd stays odd in a result
			t.Fatalf("%v: %s", err, p.body)
		}
	}
	return o
}

// moment reads a time of the JSON.
func moment(t *testing.T, text string) time.Time {
	t.Helper()
	m, err := time.ParseInLocation(time.DateTime, text, time.UTC)
	if err != nil {
		t.Fatal(err)
	}
	return m
}
