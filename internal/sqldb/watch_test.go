package sqldb

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func TestPatience(t *testing.T) {
	wait := func(ctx context.Context, _ watch) error { <-ctx.Done(); return ctx.Err() }
	for name, c := range map[string]struct {
		work func(context.Context, watch) error
		want error
		took time.Duration
	}{
		"silent":   {wait, errSilent, silence},
		"changing": {func(ctx context.Context, w watch) error { w.change(); return wait(ctx, w) }, errSilent, toChange},
		"dripping": {func(ctx context.Context, w watch) error {
			for ctx.Err() == nil {
				w.alive()
				select {
				case <-ctx.Done():
				case <-time.After(silence - time.Second):
				}
			}
			return ctx.Err()
		}, errSlow, quick},
		"failed": {func(context.Context, watch) error { return errors.ErrUnsupported }, errors.ErrUnsupported, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				begin := time.Now()
				err := (&DB{name: "sqlite:///x"}).call(t.Context(), quick, c.work)
				if took := time.Since(begin); !errors.Is(err, c.want) || took != c.took {
					t.Errorf("have %v after %v", err, took)
				}
			})
		})
	}
}
