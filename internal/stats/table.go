package stats

import "container/list"

// table has something for each of the names that were used last.
type table[K comparable, V any] struct {
	most  int
	make  func() V
	keep  func(K) K // a copy of a name that holds nothing else in memory
	rows  map[K]*list.Element
	order *list.List // of *entry[K, V], the one used last in front
}

type entry[K comparable, V any] struct {
	name   K
	value  V
	second int64 // when it was used last
}

func newTable[K comparable, V any](most int, make func() V, keep func(K) K) *table[K, V] {
	return &table[K, V]{most: most, make: make, keep: keep, rows: map[K]*list.Element{}, order: list.New()}
}

// get is what belongs to a name. A new one takes the place of the one that was not used for longest.
func (t *table[K, V]) get(name K, second int64) V {
	if e := t.rows[name]; e != nil {
		r := e.Value.(*entry[K, V])
		if r.second != second {
			r.second = second
			t.order.MoveToFront(e)
		}
		return r.value
	}
	if len(t.rows) >= t.most {
		oldest := t.order.Back()
		delete(t.rows, oldest.Value.(*entry[K, V]).name)
		t.order.Remove(oldest)
	}
	r := &entry[K, V]{t.keep(name), t.make(), second}
	t.rows[r.name] = t.order.PushFront(r)
	return r.value
}

// find is what belongs to a name, if there is anything.
func (t *table[K, V]) find(name K) (value V) {
	if e := t.rows[name]; e != nil {
		return e.Value.(*entry[K, V]).value
	}
	return value
}
