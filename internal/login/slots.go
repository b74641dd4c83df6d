package login

import "context"

// slots bounds how much is done at the same time.
type slots chan struct{}

// take waits for a slot. When it has one, the slot must be given back.
func (s slots) take(ctx context.Context) error {
	select {
	case s <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (s slots) giveBack() { <-s }
