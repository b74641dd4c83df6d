package testbed_test

import (
	"strings"
	"testing"
	"time"

	"posthoorn/internal/testbed"
)

func TestRabbitMQ(t *testing.T) {
	begin := time.Now()
	r := testbed.StartRabbitMQ(t)
	t.Logf("started in %v", time.Since(begin))
	r.Ctl(t, "add_vhost", "kept")
	r.Restart(t)
	if out := r.Ctl(t, "list_vhosts"); !strings.Contains(out, "kept") {
		t.Errorf("vhost lost by a restart: %s", out)
	}
	r.Kill()
	r.Start(t)
	r.Block(t)
	if out := r.Ctl(t, "eval", "rabbit_alarm:get_alarms()."); !strings.Contains(out, "memory") {
		t.Errorf("no memory alarm: %s", out)
	}
	r.Unblock(t)
}
