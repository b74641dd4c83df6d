package inline

import (
	"container/list"
	"sync"
)

// cache keeps the sheets that were used last, up to so many bytes of CSS.
type cache struct {
	mu    sync.Mutex
	room  int
	sheet map[string]*list.Element
	order *list.List // of *cached, the last used in front
}

type cached struct {
	src   string
	sheet *sheet
}

func newCache(size int) *cache {
	return &cache{room: size, sheet: map[string]*list.Element{}, order: list.New()}
}

// get gives the sheet that says src, parsing it if it is not known. Two that ask at once may both parse.
func (c *cache) get(src []byte) *sheet {
	c.mu.Lock()
	if e, ok := c.sheet[string(src)]; ok {
		c.order.MoveToFront(e)
		c.mu.Unlock()
		return e.Value.(*cached).sheet
	}
	c.mu.Unlock()
	text := string(src)
	s := parseSheet(text)
	c.put(text, s)
	return s
}

func (c *cache) put(src string, s *sheet) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.sheet[src]; ok {
		return
	}
	c.sheet[src] = c.order.PushFront(&cached{src, s})
	for c.room -= len(src) + 1; c.room < 0 && c.order.Len() > 0; {
		last := c.order.Remove(c.order.Back()).(*cached)
		delete(c.sheet, last.src)
		c.room += len(last.src) + 1
	}
}
