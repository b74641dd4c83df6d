package amqp

import (
	"strings"
	"testing"

	amqp091 "github.com/rabbitmq/amqp091-go"
)

func TestOutboxWarning(t *testing.T) {
	quorum := func(more amqp091.Table) amqp091.Table {
		args := amqp091.Table{"x-queue-type": "quorum"}
		for k, v := range more {
			args[k] = v
		}
		return args
	}
	for name, c := range map[string]struct {
		args  amqp091.Table
		major int
		want  string // part of the warning; empty: none
	}{
		"classic":                    {nil, 4, ""},
		"quorum before 4.0":          {quorum(nil), 3, ""},
		"quorum from 4.0":            {quorum(nil), 4, "rabbitmqctl set_policy"},
		"switched off":               {quorum(amqp091.Table{"x-delivery-limit": int64(-1)}), 4, ""},
		"limit":                      {quorum(amqp091.Table{"x-delivery-limit": int64(5)}), 3, "dead-letter"},
		"limit with dead-lettering":  {quorum(amqp091.Table{"x-delivery-limit": int64(5), "x-dead-letter-exchange": "dlx"}), 4, ""},
		"dead-lettering, no limit 4": {quorum(amqp091.Table{"x-dead-letter-exchange": "dlx"}), 4, "rabbitmqctl"},
	} {
		got := outboxWarning(c.args, c.major, "out.box")
		if (got == "") != (c.want == "") || !strings.Contains(got, c.want) {
			t.Errorf("%s: %q", name, got)
		}
	}
	if w := outboxWarning(quorum(nil), 4, "out.box"); !strings.Contains(w, `'^out\.box$'`) {
		t.Errorf("the name is no pattern: %s", w)
	}
}
