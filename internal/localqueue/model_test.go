package localqueue

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// model says what a store must hold: every message by its number, where it is, and
// what is noted.
type model struct {
	messages map[uint64]modelMessage
	ledger   map[[16]byte]string
	meta     map[string]string
	next     uint64
}

type modelMessage struct {
	queue    string // or
	place    Place
	priority uint8
	due      int64 // the order of publishing in a queue
	deadline int64
	body     string
	msgID    string
	outcome  string
}

func (m *model) clone() *model {
	return &model{maps.Clone(m.messages), maps.Clone(m.ledger), maps.Clone(m.meta), m.next}
}

// apply does what a batch says; everything it names is there.
func (m *model) apply(b *Batch) {
	for i := range b.ops {
		m.do(&b.ops[i])
	}
}

func (m *model) do(o *op) {
	body := string(o.body)
	if o.body == nil {
		body = m.messages[o.id].body
	}
	waiting := modelMessage{place: o.place, priority: o.priority, due: o.due, deadline: o.deadline, body: body, outcome: string(o.outcome)}
	switch o.kind {
	case opPublish:
		m.messages[m.next] = modelMessage{queue: o.name, priority: o.priority, due: int64(m.next), body: body, msgID: o.msgID}
		m.next++
	case opRelease:
		m.messages[o.id] = modelMessage{queue: o.name, priority: o.priority, due: int64(m.next), body: body, msgID: o.msgID}
		m.next++
	case opWait:
		m.messages[m.next] = waiting
		m.next++
	case opMove, opReschedule:
		m.messages[o.id] = waiting
	case opAck, opRemove:
		delete(m.messages, o.id)
	case opNoteWaiting:
		w := m.messages[o.id]
		w.outcome = string(o.outcome)
		m.messages[o.id] = w
	case opNote:
		m.ledger[o.identity] = string(o.outcome)
	case opForget:
		delete(m.ledger, o.identity)
	case opMeta:
		m.meta[o.name] = string(o.outcome)
	}
}

// selected lists messages in the order in which a store gives them.
func (m *model) selected(want func(id uint64, w modelMessage) bool) []uint64 {
	var ids []uint64
	for id, w := range m.messages {
		if want(id, w) {
			ids = append(ids, id)
		}
	}
	slices.SortFunc(ids, func(a, b uint64) int {
		x, y := m.messages[a], m.messages[b]
		return cmp.Or(cmp.Compare(y.priority, x.priority), cmp.Compare(x.due, y.due), cmp.Compare(a, b))
	})
	return ids
}

func (m *model) dump() string {
	var out strings.Builder
	for _, id := range slices.Sorted(maps.Keys(m.messages)) {
		fmt.Fprintf(&out, "%d %+v\n", id, m.messages[id])
	}
	for _, id := range modelIdentities {
		fmt.Fprintf(&out, "ledger %d %q\n", id[0], m.ledger[id])
	}
	for _, k := range modelNames {
		fmt.Fprintf(&out, "meta %s %q\n", k, m.meta[k])
	}
	return out.String()
}

var (
	modelNames      = []string{"outbox", "results"}
	modelPlaces     = []Place{{Destination: "a"}, {Destination: "a", Sources: "1"}, {Destination: "a", Hold: "held"}, {Destination: "b"}}
	modelIdentities = [][16]byte{{1}, {2}, {3}, {4}, {5}}
)

// stored reads back what a store holds, in the form of a model.
func stored(t *testing.T, s *Store) *model {
	t.Helper()
	m := &model{messages: map[uint64]modelMessage{}, ledger: map[[16]byte]string{}, meta: map[string]string{}}
	add := func(id uint64, w modelMessage) {
		if _, twice := m.messages[id]; twice {
			t.Fatalf("%d is there twice", id)
		}
		m.messages[id] = w
	}
	for _, q := range modelNames {
		err := s.walk(s.queues[q], func(h *held) (bool, error) {
			body, err := s.body(h.at.id)
			add(h.at.id, modelMessage{queue: q, priority: h.lane.priority, due: h.at.due, body: string(body), msgID: h.msgID})
			return true, err
		})
		if err != nil {
			t.Fatal(err)
		}
		if v, ok := s.Meta(q); ok {
			m.meta[q] = string(v)
		}
	}
	for _, p := range modelPlaces {
		err := s.WalkPlace(p, func(w Waiting) bool {
			add(w.ID, modelMessage{place: p, priority: w.Priority, due: nanos(w.Due), deadline: nanos(w.Deadline), body: string(w.Body), outcome: string(w.Outcome)})
			return true
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, id := range modelIdentities {
		if v, _, err := s.lookup(id); err != nil {
			t.Fatal(err)
		} else if v != nil {
			m.ledger[id] = string(v)
		}
	}
	return m
}

// walker drives a store and its model through a random life.
type walker struct {
	t    *testing.T
	r    *rand.Rand
	fs   *vfs.MemFS
	s    *Store
	m    *model
	now  time.Time
	hand map[uint64]bool
}

func TestModel(t *testing.T) {
	for seed := range uint64(25) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) { modelRun(t, seed, 250) })
	}
}

func modelRun(t *testing.T, seed uint64, steps int) {
	w := &walker{
		t: t, r: rand.New(rand.NewPCG(seed, 1)), fs: vfs.NewCrashableMem(), now: noon, hand: map[uint64]bool{},
		m: &model{messages: map[uint64]modelMessage{}, ledger: map[[16]byte]string{}, meta: map[string]string{}},
	}
	w.open()
	for range steps {
		w.step()
		if t.Failed() {
			return
		}
	}
	w.compare(w.m)
	if err := w.s.Close(); err != nil {
		t.Fatal(err)
	}
}

func (w *walker) open() {
	s, err := Open("q", Options{FS: w.fs})
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { s.Close() })
	w.s, w.m.next = s, s.next
	clear(w.hand)
	w.counters()
}

// counters are kept apart from the messages, so they are compared with them.
func (w *walker) counters() {
	w.t.Helper()
	for _, p := range modelPlaces {
		if got, want := w.s.Count(p), len(w.m.selected(func(_ uint64, m modelMessage) bool { return m.queue == "" && m.place == p })); got != want {
			w.t.Fatalf("%v: counted %d, model %d", p, got, want)
		}
	}
	for _, q := range modelNames {
		ready, inHand := w.s.Len(q)
		if want := len(w.m.selected(func(_ uint64, m modelMessage) bool { return m.queue == q })); ready+inHand != want {
			w.t.Fatalf("%s: counted %d and %d, model %d", q, ready, inHand, want)
		}
	}
}

func (w *walker) step() {
	w.now = w.now.Add(time.Duration(w.r.IntN(20)))
	switch n := w.r.IntN(100); {
	case n < 40:
		b := w.batch()
		if err := w.s.Do(context.Background(), b); err != nil {
			w.t.Fatal(err)
		}
		w.m.apply(b)
	case n < 70:
		w.take()
	case n < 80:
		w.expired()
	case n < 88:
		w.giveBack()
	case n < 92:
		w.agenda()
	case n < 94:
		w.flush()
	case n < 96:
		w.refused()
	case n < 98:
		w.restart()
	default:
		w.powerCut()
	}
}

// batch is a random one that the store must accept.
func (w *walker) batch() *Batch {
	b := new(Batch)
	for range 1 + w.r.IntN(6) {
		w.addOp(b)
	}
	return b
}

func (w *walker) addOp(b *Batch) {
	body := fmt.Appendf(nil, "%d-%s", w.r.Uint32(), strings.Repeat("x", w.r.IntN(100)))
	message := Message{Body: body, Priority: uint8(w.r.IntN(3)), ID: fmt.Sprint(w.r.IntN(9))}
	waiting := w.waiting(body)
	name := modelNames[w.r.IntN(len(modelNames))]
	identity := modelIdentities[w.r.IntN(len(modelIdentities))]
	switch w.r.IntN(8) {
	case 0, 1:
		b.Publish(name, message)
	case 2, 3:
		b.Wait(waiting)
	case 4:
		b.SetMeta(name, body)
	case 5:
		b.Note(identity, body)
		if w.r.IntN(2) == 0 {
			b.Acked(identity)
		}
		if w.r.IntN(3) == 0 {
			b.Forget(identity)
		}
	default:
		w.addInHand(b, name, message, waiting)
	}
}

func (w *walker) waiting(body []byte) Waiting {
	x := Waiting{Place: modelPlaces[w.r.IntN(len(modelPlaces))], Due: w.now.Add(time.Duration(w.r.IntN(60) - 20)), Priority: uint8(w.r.IntN(2)), Body: body}
	if w.r.IntN(2) == 0 {
		x.Deadline = w.now.Add(time.Duration(w.r.IntN(300) - 20))
	}
	if w.r.IntN(8) == 0 {
		x.Outcome = []byte("with it")
	}
	return x
}

// addInHand ends, moves or notes something that is in hand.
func (w *walker) addInHand(b *Batch, name string, message Message, waiting Waiting) {
	if len(w.hand) == 0 {
		return
	}
	ids := slices.Sorted(maps.Keys(w.hand))
	id := ids[w.r.IntN(len(ids))]
	now := w.m.messages[id]
	if w.r.IntN(2) == 0 {
		message.Body, waiting.Body = nil, nil
	}
	if now.queue == "" && w.r.IntN(4) == 0 {
		b.NoteWaiting(id, []byte("noted"))
		return
	}
	delete(w.hand, id)
	choice := w.r.IntN(3)
	switch {
	case now.queue != "" && choice == 0:
		b.Move(now.queue, id, waiting)
	case now.queue != "":
		b.Ack(now.queue, id)
	case choice == 0:
		b.Reschedule(id, waiting)
	case choice == 1:
		b.Release(id, name, message)
	default:
		b.Remove(id)
	}
}

func (w *walker) take() {
	n := 1 + w.r.IntN(5)
	var got, want []uint64
	if w.r.IntN(2) == 0 {
		q := modelNames[w.r.IntN(len(modelNames))]
		want = w.m.selected(func(id uint64, m modelMessage) bool { return m.queue == q && !w.hand[id] })
		for _, m := range w.s.Take(q, n, nil) {
			got = append(got, m.Seq)
			w.same(m.Seq, string(m.Body), "")
		}
	} else {
		p := modelPlaces[w.r.IntN(len(modelPlaces))]
		want = w.m.selected(func(id uint64, m modelMessage) bool {
			return m.queue == "" && m.place == p && !w.hand[id] && m.due <= nanos(w.now)
		})
		for _, m := range w.s.TakeDue(p, w.now, n, 1<<40, nil) {
			got = append(got, m.ID)
			w.same(m.ID, string(m.Body), string(m.Outcome))
		}
	}
	w.took("take", got, want[:min(n, len(want))])
}

func (w *walker) expired() {
	n := 1 + w.r.IntN(5)
	want := w.m.selected(func(id uint64, m modelMessage) bool {
		return m.queue == "" && m.deadline != 0 && m.deadline <= nanos(w.now) && !w.hand[id]
	})
	slices.SortFunc(want, func(a, b uint64) int {
		return cmp.Or(cmp.Compare(w.m.messages[a].deadline, w.m.messages[b].deadline), cmp.Compare(a, b))
	})
	var got []uint64
	for _, m := range w.s.Expired(w.now, n, 1<<40, nil) {
		got = append(got, m.ID)
		w.same(m.ID, string(m.Body), string(m.Outcome))
	}
	w.took("expired", got, want[:min(n, len(want))])
}

func (w *walker) same(id uint64, body, outcome string) {
	if m := w.m.messages[id]; m.body != body || m.outcome != outcome {
		w.t.Errorf("%d: body %q, outcome %q, model %+v", id, body, outcome, m)
	}
}

func (w *walker) took(what string, got, want []uint64) {
	w.t.Helper()
	if !slices.Equal(got, want) {
		w.t.Errorf("%s: got %v, model %v", what, got, want)
	}
	for _, id := range got {
		w.hand[id] = true
	}
}

func (w *walker) giveBack() {
	for id := range w.hand {
		if w.r.IntN(3) > 0 {
			continue
		}
		if m := w.m.messages[id]; m.queue != "" {
			w.s.Back(m.queue, id)
		} else {
			w.s.BackWaiting(id)
		}
		delete(w.hand, id)
	}
}

// agenda checks that no place with something due is missed, and none for long.
func (w *walker) agenda() {
	shown := map[Place]bool{}
	w.s.Due(w.now, func(i PlaceInfo) bool { shown[i.Place] = true; return true })
	next, ok := w.s.NextDue(w.now)
	for _, p := range modelPlaces {
		first := int64(endOfTime)
		w.m.selected(func(id uint64, m modelMessage) bool {
			if m.queue == "" && m.place == p && !w.hand[id] {
				first = min(first, m.due)
			}
			return false
		})
		switch {
		case first <= nanos(w.now) && !shown[p]:
			w.t.Errorf("%v is due and not shown", p)
		case first != endOfTime && !shown[p] && (!ok || nanos(next) > first):
			w.t.Errorf("%v is next due at %d, said %v %v", p, first, next, ok)
		case shown[p] && first > nanos(w.now):
			if got := w.s.TakeDue(p, w.now, 1, 1<<40, nil); len(got) > 0 {
				w.t.Errorf("early: %+v", got)
			}
			if i := w.s.PlacesOf(p.Destination); slices.ContainsFunc(i, func(i PlaceInfo) bool {
				return i.Place == p && !i.NextDue.IsZero() && !i.NextDue.After(w.now)
			}) {
				w.t.Errorf("%v is still shown as due", p)
			}
		}
	}
}

// refused sends a batch that names something which is not in hand.
func (w *walker) refused() {
	hand := maps.Clone(w.hand)
	b := w.batch()
	w.hand = hand
	b.Remove(1 << 62)
	if err := w.s.Do(context.Background(), b); !errors.Is(err, ErrNotInHand) {
		w.t.Errorf("not refused: %v", err)
	}
}

func (w *walker) compare(want *model) {
	w.t.Helper()
	if got := stored(w.t, w.s).dump(); got != want.dump() {
		w.t.Fatalf("stored:\n%s\nmodel:\n%s", got, want.dump())
	}
	w.leftovers()
}

// leftovers counts the records of each kind: what was removed must not lie about, nor
// come back when the memtables are flushed and compacted.
func (w *walker) leftovers() {
	w.t.Helper()
	want := map[byte]int{keyBody: len(w.m.messages), keyEntry: len(w.m.messages), keyUnacked: len(w.s.ledger.unacked)}
	for _, m := range w.m.messages {
		if m.deadline != 0 {
			want[keyDeadline]++
		}
		if m.outcome != "" {
			want[keyOutcome]++
		}
	}
	for _, kind := range []byte{keyBody, keyEntry, keyDeadline, keyOutcome, keyUnacked} {
		got := 0
		if err := w.s.scan(kind, func(_, _ []byte) error { got++; return nil }); err != nil {
			w.t.Fatal(err)
		}
		if got != want[kind] {
			w.t.Fatalf("%d records of kind %c, want %d", got, kind, want[kind])
		}
	}
}

func (w *walker) flush() {
	if err := w.s.db.Flush(); err != nil {
		w.t.Fatal(err)
	}
	if w.r.IntN(3) == 0 {
		if err := w.s.db.Compact(context.Background(), []byte{0}, []byte{255}, false); err != nil {
			w.t.Fatal(err)
		}
	}
	w.leftovers()
}

func (w *walker) restart() {
	if err := w.s.Close(); err != nil {
		w.t.Fatal(err)
	}
	w.open()
	w.compare(w.m)
	w.outcomes()
}

// outcomes sometimes takes what has a noted outcome in hand, as a start does.
func (w *walker) outcomes() {
	if w.r.IntN(2) == 0 {
		return
	}
	want := w.m.selected(func(_ uint64, m modelMessage) bool { return m.outcome != "" })
	var got []uint64
	if err := w.s.OpenOutcomes(func(x Waiting) error { got = append(got, x.ID); return nil }); err != nil {
		w.t.Fatal(err)
	}
	slices.Sort(want)
	slices.Sort(got)
	w.took("outcomes", got, want)
}

// powerCut copies the disk while commits are under way. What is left must be what was
// there after some of them, in order, and after at least those that were answered.
func (w *walker) powerCut() {
	states := []*model{w.m.clone()}
	answers := make(chan error, 8)
	sure := 0
	for range w.r.IntN(8) {
		b := w.batch()
		b.SetMeta("last", nil) // synced, whatever else is in it
		next := states[len(states)-1].clone()
		next.apply(b)
		w.m = next // what a later batch builds on
		states = append(states, next)
		w.s.Commit(b, func(err error) { answers <- err })
	}
	for range w.r.IntN(len(states)) {
		if err := <-answers; err != nil {
			w.t.Fatal(err)
		}
		sure++
	}
	left := w.fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: w.r.IntN(3) * 50, RNG: rand.New(w.r)})
	if err := w.s.Close(); err != nil {
		w.t.Fatal(err)
	}
	w.fs = left
	s, err := Open("q", Options{FS: w.fs})
	if err != nil {
		w.t.Fatal(err)
	}
	got := stored(w.t, s).dump()
	i := slices.IndexFunc(states[sure:], func(m *model) bool { return m.dump() == got })
	if i < 0 {
		w.t.Fatalf("after %d of %d answers the disk holds\n%s\nmodel:\n%s", sure, len(states)-1, got, states[sure].dump())
	}
	w.m = states[sure+i]
	if err := s.Close(); err != nil {
		w.t.Fatal(err)
	}
	w.open()
	w.outcomes()
}
