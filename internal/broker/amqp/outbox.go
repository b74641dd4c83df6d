package amqp

import (
	"regexp"
	"strconv"

	amqp091 "github.com/rabbitmq/amqp091-go"
)

const (
	argDeliveryLimit = "x-delivery-limit"
	argDeadLetter    = "x-dead-letter-exchange"
	maxArguments     = 20 // that a broker's answers are followed through
)

// inequivalent is how RabbitMQ refuses a declare with other arguments: it names the first that differs and its true value.
var inequivalent = regexp.MustCompile(`inequivalent arg '([^']+)' for queue .* but current is (?:none|(?:the value )?'([^']*)'(?: of type '([^']*)')?)`)

// checkOutbox warns of an outbox that loses mail by itself: one that drops a message after some returns (queues.md section 5).
// Policies cannot be seen from here, so the words leave room for them.
func (t *topology) checkOutbox() error {
	args, err := t.probe(t.b.o.Outbox)
	if err != nil {
		return err
	}
	if warning := outboxWarning(args, t.link.major, t.b.o.Outbox); warning != "" {
		t.b.o.Logger.Warn(warning, "queue", t.b.o.Outbox)
	}
	return nil
}

func outboxWarning(args amqp091.Table, major int, outbox string) string {
	limit, limited := args[argDeliveryLimit].(int64)
	_, deadLettered := args[argDeadLetter]
	switch {
	case args[amqp091.QueueTypeArg] != amqp091.QueueTypeQuorum:
		return ""
	case limited && limit >= 0 && !deadLettered:
		return "the outbox drops a message that came back more often than its x-delivery-limit and has no dead-letter exchange: set one, or remove the limit"
	case !limited && major >= 4:
		return "the outbox drops a message after 20 returns unless a policy prevents it; to set one: rabbitmqctl set_policy posthoorn-outbox '^" +
			regexp.QuoteMeta(outbox) + "$' '{\"delivery-limit\": -1}' --apply-to quorum_queues"
	}
	return ""
}

// probe finds the arguments of a queue that exists. AMQP has no question for that, but a declare with other arguments changes
// nothing and is answered with the first difference; so each answer makes the next declare come closer.
func (t *topology) probe(queue string) (amqp091.Table, error) {
	durable, args := true, amqp091.Table{}
	for range maxArguments {
		err := t.on(func(ch *amqp091.Channel) error {
			_, err := ch.QueueDeclare(queue, durable, false, false, false, args)
			return err
		})
		if !isCode(err, amqp091.PreconditionFailed) {
			return args, answer("look at arguments", err)
		}
		m := inequivalent.FindStringSubmatch(err.Error())
		if m == nil {
			return args, nil
		}
		if m[1] == "durable" {
			durable = m[2] == "true"
			continue
		}
		if _, again := args[m[1]]; again {
			return args, nil
		}
		args[m[1]] = typed(m[2], m[3])
	}
	return args, nil
}

// typed is a value as RabbitMQ writes it, in the type that it names.
func typed(value, kind string) any {
	switch kind {
	case "longstr", "":
		return value
	case "bool":
		return value == "true"
	}
	n, err := strconv.ParseInt(value, 10, 64)
	if err != nil {
		return value
	}
	return n
}
