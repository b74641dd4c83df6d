package outbox

import (
	"context"
	"time"
)

// Turns is nil when the loop has come round once more: the engine does its work.
func (e *Engine) Turns(ctx context.Context) error { return e.inLoop(ctx, func(time.Time) {}) }

// Held says why nothing more is taken from the outbox; empty: it is.
func (e *Engine) Held() string { return e.brake.reason() }
