package settle

import (
	"strconv"
	"testing"
	"time"
)

func TestUnreachableIsBounded(t *testing.T) {
	var u unreachable
	now := time.Now()
	for i := range 10 * maxUnreachable {
		u.fails(strconv.Itoa(i), now, time.Minute)
	}
	if n := len(u.queues); n == 0 || n > maxUnreachable {
		t.Errorf("%d queues are remembered, at most %d wanted", n, maxUnreachable)
	}
}
