package main

import "posthoorn/internal/localqueue"

// gather is how many are taken at a time.
const gather = 100

// fromStore parks what stands in a named queue. The body is written anew, as by one who has to change it.
func fromStore(queue string, prefetch int, store *localqueue.Store, t *tally) {
	credit, done := make(chan struct{}, prefetch), make(chan struct{})
	durable := func(err error) { // in the goroutine of the committer
		must(err)
		<-credit
		if t.count(1); t.all() {
			close(done)
		}
	}
	taken := make([]localqueue.Taken, 0, gather)
	for left := t.n; left > 0; left -= len(taken) {
		if taken = store.Take(queue, gather, taken[:0]); len(taken) == 0 {
			<-store.Ready(queue)
		}
		for _, m := range taken {
			credit <- struct{}{}
			b := new(localqueue.Batch)
			b.Move(queue, m.Seq, localqueue.Waiting{Place: place, Body: m.Body})
			store.Commit(b, durable)
		}
	}
	<-done
}
