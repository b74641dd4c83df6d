package control

import (
	"context"
	"time"
)

// Store is the embedded queue.
type Store interface {
	Queues() []QueueInfo
	// Take takes up to n messages in hand; nobody else gets them until Remove or Back.
	Take(queue string, n int) []Taken
	// Remove returns when the messages in hand are gone for good.
	Remove(ctx context.Context, queue string, seqs []uint64) error
	Back(queue string, seq uint64)
	// Walk shows all messages in their order, those in hand too, without taking them, until show says false.
	Walk(queue string, show func(Taken) bool) error
	Publish(ctx context.Context, queue string, bodies [][]byte) error
}

// Taken is a message of a Store. Seq grows with every message that is published.
type Taken struct {
	Seq  uint64
	Body []byte
}

// Embedded makes Queues of a store. Every pause is how often a reader that follows looks for more; 0: 200 ms.
func Embedded(s Store, pause time.Duration) Queues {
	if pause <= 0 {
		pause = 200 * time.Millisecond
	}
	return &embedded{s, pause}
}

type embedded struct {
	Store
	pause time.Duration
}

func (e *embedded) List(context.Context) ([]QueueInfo, error) { return e.Queues(), nil }

// readCount is how many messages are in hand for one reader.
const readCount = 100

func (e *embedded) Read(ctx context.Context, queue string, o ReadOptions, write func([][]byte) error) error {
	step := func() (bool, error) { return e.drain(ctx, queue, write) }
	if o.Keep {
		var last uint64
		step = func() (bool, error) { return false, e.show(ctx, queue, &last, write) }
	}
	for {
		began := time.Now()
		more, err := step()
		if err != nil || !more && !o.Follow {
			return err
		}
		if more {
			continue
		}
		// A queue that is kept is read as a whole each time: that may take a twentieth of the time.
		select {
		case <-time.After(max(e.pause, 20*time.Since(began))):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// drain hands out a batch and removes it; false: there was nothing.
func (e *embedded) drain(ctx context.Context, queue string, write func([][]byte) error) (bool, error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	taken := e.gather(queue)
	if len(taken) == 0 {
		return false, nil
	}
	return true, e.handOver(ctx, queue, taken, write)
}

// gather takes one message after the other, so that what is in memory is bounded whatever their sizes.
func (e *embedded) gather(queue string) (taken []Taken) {
	for size := 0; len(taken) < readCount && size < batchBytes; {
		next := e.Take(queue, 1)
		if len(next) == 0 {
			break
		}
		taken, size = append(taken, next...), size+len(next[0].Body)
	}
	return taken
}

func (e *embedded) handOver(ctx context.Context, queue string, taken []Taken, write func([][]byte) error) error {
	bodies, seqs := make([][]byte, len(taken)), make([]uint64, len(taken))
	for i, t := range taken {
		bodies[i], seqs[i] = t.Body, t.Seq
	}
	if err := write(bodies); err != nil {
		for _, seq := range seqs {
			e.Back(queue, seq)
		}
		return err
	}
	return e.Remove(context.WithoutCancel(ctx), queue, seqs)
}

// show hands out what is newer than last.
func (e *embedded) show(ctx context.Context, queue string, last *uint64, write func([][]byte) error) (err error) {
	var bodies [][]byte
	size, newest := 0, *last
	failed := e.Walk(queue, func(t Taken) bool {
		if t.Seq <= *last {
			return ctx.Err() == nil
		}
		newest = max(newest, t.Seq)
		bodies, size = append(bodies, t.Body), size+len(t.Body)
		if len(bodies) >= readCount || size >= batchBytes {
			err = write(bodies)
			bodies, size = nil, 0
		}
		return err == nil && ctx.Err() == nil
	})
	switch {
	case failed != nil:
		return failed
	case err == nil && ctx.Err() != nil:
		return ctx.Err()
	case err == nil && len(bodies) > 0:
		err = write(bodies)
	}
	*last = newest
	return err
}
