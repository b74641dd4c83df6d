package template

import "sync"

// A Cache compiles every template once as long as it is in use: a mailing has the same template a
// million times. It is safe for concurrent use and must be made with [NewCache].
type Cache struct {
	mu         sync.Mutex
	size       int // bytes of the sources in young
	max        int
	young, old map[string]compiled // what was used since the last change of generation, and before
}

type compiled struct {
	t   *Template
	err error // a bad template stays bad, to know it is as useful
}

// NewCache makes a cache for sources of about so many bytes in all; the templates made of them take a
// few times as much. Sources larger than an eighth of that are compiled anew each time.
func NewCache(bytes int) *Cache {
	return &Cache{max: bytes / 2, young: map[string]compiled{}}
}

// entryCost is what an entry costs apart from its source.
const entryCost = 256

// Compile is [Compile] by way of the cache.
func (c *Cache) Compile(src string) (*Template, error) {
	if e, ok := c.find(src); ok {
		return e.t, e.err
	}
	t, err := Compile(src)
	if len(src) <= c.max/4 {
		c.mu.Lock()
		c.keep(src, compiled{t, err})
		c.mu.Unlock()
	}
	return t, err
}

func (c *Cache) find(src string) (compiled, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e, ok := c.young[src]; ok {
		return e, true
	}
	e, ok := c.old[src]
	if ok {
		c.keep(src, e)
	}
	return e, ok
}

// keep files an entry as young. When the young ones fill their half of the room they become the old
// ones, and the old ones that nobody wanted meanwhile go.
func (c *Cache) keep(src string, e compiled) {
	if _, ok := c.young[src]; ok {
		return
	}
	if c.size += len(src) + entryCost; c.size > c.max {
		c.old, c.young = c.young, map[string]compiled{}
		c.size = len(src) + entryCost
	}
	c.young[src] = e
}
