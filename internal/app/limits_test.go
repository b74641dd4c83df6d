package app

import "testing"

func TestTotalConnections(t *testing.T) {
	for _, c := range []struct{ total, out, incoming, want int }{
		{100, 0, 0, 90},
		{100, 0, 40, 60},
		{100, 20, 0, 20},
		{100, 20, 95, 20},
		{100, 0, 95, 25},
		{100, 0, 150, 25},
		{1, 0, 0, 1},
	} {
		l := &limits{total: c.total, out: c.out, incoming: func() int { return c.incoming }}
		if got := l.TotalConnections(); got != c.want {
			t.Errorf("%+v: %d", c, got)
		}
		if full := (&limits{total: c.total, incoming: func() int { return sessions(c.total) }}).TotalConnections(); sessions(c.total)+full > max(2, c.total) {
			t.Errorf("%d in and %d out are more than %d", sessions(c.total), full, c.total)
		}
	}
}
