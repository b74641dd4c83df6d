package outbox

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"posthoorn/internal/broker"
)

// lame is a consumer whose first calls fail, each after a while.
type lame struct {
	broker.Consumer
	fails int
	calls []string
}

func (l *lame) call(what string) error {
	time.Sleep(time.Second)
	if l.fails--; l.fails >= 0 {
		l.calls = append(l.calls, what+" failed")
		return errors.New("no answer")
	}
	l.calls = append(l.calls, what)
	return nil
}

func (l *lame) Pause(context.Context) error  { return l.call("pause") }
func (l *lame) Resume(context.Context) error { return l.call("resume") }

func braked(t *testing.T, fails int, test func(b *brake, l *lame)) {
	synctest.Test(t, func(t *testing.T) {
		l := &lame{fails: fails}
		e := &Engine{brake: newBrake(), log: slog.New(slog.DiscardHandler)}
		e.consumer.Store(&consumerBox{l})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { e.runBrake(ctx); close(ended) }()
		test(e.brake, l)
		time.Sleep(time.Minute)
		cancel()
		<-ended
	})
}

func TestBrakeFollows(t *testing.T) {
	braked(t, 0, func(b *brake, l *lame) {
		b.press(brakeBytes)
		time.Sleep(10 * time.Second)
		b.press(brakeRoom)
		time.Sleep(10 * time.Second)
		b.release(brakeBytes)
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if !slices.Equal(l.calls, []string{"pause"}) {
			t.Errorf("calls: %v", l.calls)
		}
		b.release(brakeRoom)
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if !slices.Equal(l.calls, []string{"pause", "resume"}) {
			t.Errorf("calls: %v", l.calls)
		}
	})
}

func TestWishThatChangesDuringAFailedPause(t *testing.T) {
	var l *lame
	braked(t, 1, func(b *brake, fake *lame) {
		l = fake
		b.press(brakeBytes)
		time.Sleep(500 * time.Millisecond) // the pause hangs
		b.release(brakeBytes)
		b.press(brakeRoom)
		b.release(brakeRoom)
	})
	if n := len(l.calls); n == 0 || l.calls[n-1] != "resume" {
		t.Errorf("the consumer stays in doubt: %v", l.calls)
	}
}
