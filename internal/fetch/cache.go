package fetch

import (
	"container/list"
	"errors"
	"sync"
	"time"
)

// overhead is what an entry takes besides its texts.
const overhead = 512

// cache keeps results in memory, those that were used last, up to so many bytes.
type cache struct {
	mu    sync.Mutex
	room  int64
	byURL map[string]*list.Element
	order *list.List // of *entry, the last used in front
}

type entry struct {
	key
	result
}

func (e *entry) size() int64 {
	r := &e.resource
	return int64(len(r.Body)+2*len(e.url)+len(r.FinalURL)+len(r.Type)+len(r.Name)) + overhead
}

func newCache(size int64) *cache {
	return &cache{room: max(size, 0), byURL: map[string]*list.Element{}, order: list.New()}
}

// get gives the result of a download if it is known. What was too large for a smaller limit is not known.
func (c *cache) get(k key, now time.Time) (result, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	at := c.byURL[k.url]
	if at == nil {
		return result{}, false
	}
	e := at.Value.(*entry)
	if !now.Before(e.expires) {
		c.drop(at)
		return result{}, false
	}
	if errors.Is(e.err, ErrTooLarge) && k.limit > e.limit {
		return result{}, false
	}
	c.order.MoveToFront(at)
	return e.result, true
}

// put remembers a result until it expires.
func (c *cache) put(k key, r result, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if at := c.byURL[k.url]; at != nil {
		c.drop(at)
	}
	if !now.Before(r.expires) {
		return
	}
	e := &entry{k, r}
	c.byURL[k.url] = c.order.PushFront(e)
	for c.room -= e.size(); c.room < 0 && c.order.Len() > 0; {
		c.drop(c.order.Back())
	}
}

func (c *cache) drop(at *list.Element) {
	e := c.order.Remove(at).(*entry)
	delete(c.byURL, e.url)
	c.room += e.size()
}
