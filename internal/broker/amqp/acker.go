package amqp

import (
	"context"
	"time"
)

// settle finishes a ticket and sees to it that the broker hears of it in time.
func (in *intake) settle(epoch, tag uint64, state uint8) {
	waiting := in.tickets.finish(epoch, tag, state)
	switch {
	case waiting == 0:
		in.b.metrics.stale.Inc()
		return
	case waiting >= min(ackBatch, max(1, in.credit/10)):
		poke(in.now)
	case waiting == 1:
		poke(in.soon)
	}
	if state == tagAcked {
		in.b.metrics.acks.Inc()
	} else {
		in.b.metrics.nacks.Inc()
	}
}

func poke(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// acker sends what is finished, some time after the first or when there is enough.
func (in *intake) acker(ctx context.Context) {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		select {
		case <-in.soon:
			timer.Reset(ackDelay)
			select {
			case <-timer.C:
			case <-in.now:
			case <-ctx.Done():
				return
			}
		case <-in.now:
		case <-ctx.Done():
			return
		}
		if s := in.stream.Load(); s != nil {
			_ = in.tell(s) // an error here is the end of the stream, which receive sees
		}
	}
}

// tell brings the broker up to date. The wire gathers the frames into few writes.
func (in *intake) tell(s *stream) error {
	in.telling.Lock()
	defer in.telling.Unlock()
	b := in.tickets.take(s.epoch)
	for _, tag := range b.back {
		if err := s.ch.Nack(tag, false, true); err != nil {
			return err
		}
	}
	if b.upto > 0 {
		if err := s.ch.Ack(b.upto, true); err != nil {
			return err
		}
	}
	for _, tag := range b.single {
		if err := s.ch.Ack(tag, false); err != nil {
			return err
		}
	}
	if in.tickets.wants() {
		poke(s.grow)
	}
	return nil
}
