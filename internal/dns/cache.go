package dns

import (
	"container/list"
	"sync"
	"time"
)

// cache remembers answers until they expire, the least recently used ones go first when its memory is full.
type cache struct {
	mu    sync.Mutex
	max   int
	size  int
	items map[key]*list.Element
	order *list.List // of *cached, most recently used first
}

type cached struct {
	key    key
	answer answer
}

func newCache(bytes int) *cache {
	return &cache{max: bytes, items: make(map[key]*list.Element), order: list.New()}
}

func (c *cache) get(k key, now time.Time) (answer, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.items[k]
	if e == nil {
		return answer{}, false
	}
	it := e.Value.(*cached)
	if !now.Before(it.answer.expires) {
		c.drop(e)
		return answer{}, false
	}
	c.order.MoveToFront(e)
	return it.answer, true
}

// bytes is what there is in it.
func (c *cache) bytes() float64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return float64(c.size)
}

func (c *cache) put(k key, a answer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e := c.items[k]; e != nil {
		c.drop(e)
	}
	c.items[k] = c.order.PushFront(&cached{k, a})
	c.size += a.size()
	for c.size > c.max {
		c.drop(c.order.Back())
	}
}

func (c *cache) drop(e *list.Element) {
	it := c.order.Remove(e).(*cached)
	delete(c.items, it.key)
	c.size -= it.answer.size()
}
