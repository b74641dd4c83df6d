package amqp

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

func TestBackoff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b backoff
		for want := backoffMin; want < 4*backoffMax; want *= 2 {
			begin := time.Now()
			if err := b.wait(context.Background()); err != nil {
				t.Fatal(err)
			}
			if took, limit := time.Since(begin), min(want, backoffMax); took < limit/2 || took > limit {
				t.Errorf("waited %v, want between half and all of %v", took, limit)
			}
		}
		b.worked(time.Now().Add(-time.Minute))
		begin := time.Now()
		_ = b.wait(context.Background())
		if time.Since(begin) > backoffMin {
			t.Error("a long connection does not begin the waits anew")
		}
	})
}
