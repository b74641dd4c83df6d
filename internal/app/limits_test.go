package app

import "testing"

func TestTotalConnections(t *testing.T) {
	for _, c := range []struct{ total, out, incoming, want int }{
		{100, 0, 0, 90},
		{100, 0, 40, 60},
		{100, 20, 0, 20},
		{100, 20, 95, 5},
		{100, 0, 150, 1},
		{1, 0, 0, 1},
	} {
		l := &limits{total: c.total, out: c.out, incoming: func() int { return c.incoming }}
		if got := l.TotalConnections(); got != c.want {
			t.Errorf("%+v: %d", c, got)
		}
	}
}
