package settings

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"posthoorn/internal/mail"
)

// Pause puts a pause in force and returns it with its id. The row is written for this instance (server-id), not for a cluster.
// Without a store, or if it cannot be reached, or if the pause asks for it (Memory), it is held in memory: it must work on a bad
// day. It is then never written, and lasts until it ends, until Resume or until the program stops. An error is one of the pause: a
// domain and a remote address together, a bad domain or tag, an end that has passed.
func (c *Cache) Pause(ctx context.Context, p Pause) (Pause, error) {
	return c.pause(ctx, p, plainRows{c.options.Store})
}

// pauseRows writes rows of the table of pauses.
type pauseRows interface {
	insert(ctx context.Context, cells map[string]any) error
	delete(ctx context.Context, ids []int64) error
}

// plainRows are those that nobody keeps a record of.
type plainRows struct{ Store }

func (r plainRows) insert(ctx context.Context, cells map[string]any) error {
	return r.Insert(ctx, tablePaused, cells)
}

func (r plainRows) delete(ctx context.Context, ids []int64) error {
	return r.Delete(ctx, tablePaused, ids)
}

func (c *Cache) pause(ctx context.Context, p Pause, rows pauseRows) (Pause, error) {
	p, err := p.checked()
	if err != nil {
		return Pause{}, err
	}
	if p.over(c.options.Now()) {
		return Pause{}, errors.New("the pause would have ended already")
	}
	if p.Memory || c.options.Store == nil {
		return c.hold(p), nil
	}
	if err := c.write(ctx, p, rows); err != nil {
		c.log.Warn("a pause is held in memory alone", "error", err)
		return c.hold(p), nil
	}
	if q, ok := c.newest(p); ok {
		return q, nil
	}
	return c.hold(p), nil // somebody has removed the row, or its table is not as it should be
}

// write puts the row of a pause into the database and reads it back. After an error it may be there all the same.
func (c *Cache) write(ctx context.Context, p Pause, rows pauseRows) error {
	limited, cancel := context.WithTimeout(ctx, writeTime)
	defer cancel()
	err := rows.insert(limited, c.row(p))
	c.wrote(p)
	if err != nil {
		return err
	}
	return c.Reload(limited)
}

// wrote notes that the row of a pause may stand in the database.
func (c *Cache) wrote(p Pause) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.writes.row(p.hold())
}

// removed takes a row out of force that was deleted, while the settings cannot be read anew.
func (c *Cache) removed(id int64) {
	c.mu.Lock()
	c.writes.delete([]int64{id})
	c.mu.Unlock()
	c.forget()
}

// newest is the last row that is such a pause.
func (c *Cache) newest(p Pause) (Pause, bool) {
	all := slices.DeleteFunc(c.Current().Pauses(), func(q Pause) bool { return q.Memory || !q.Equal(p) || !q.Expire.Equal(p.Expire) })
	if len(all) == 0 {
		return Pause{}, false
	}
	return slices.MaxFunc(all, func(a, b Pause) int { return cmp.Compare(a.ID, b.ID) }), true
}

// hold keeps a pause in memory, in place of an equal one.
func (c *Cache) hold(p Pause) Pause {
	c.mu.Lock()
	defer c.mu.Unlock()
	p.Memory, p.ID, p.Since = true, 0, c.options.Now()
	c.memory = append(slices.DeleteFunc(c.memory, p.Equal), p)
	c.swap()
	return p
}

// Resume removes the rows and the pauses in memory that stop the same as p: an empty one removes the pause of everything and no
// other. It says how many there were. An error: rows that the last snapshot has, or that Pause has tried to write since, may still
// be in the database; the pauses in memory are gone all the same.
func (c *Cache) Resume(ctx context.Context, p Pause) (int, error) {
	return c.resume(ctx, p, plainRows{c.options.Store})
}

func (c *Cache) resume(ctx context.Context, p Pause, rows pauseRows) (int, error) {
	p, err := p.checked()
	if err != nil {
		return 0, err
	}
	n := c.release(p)
	if c.options.Store == nil {
		return n, nil
	}
	limited, cancel := context.WithTimeout(ctx, 2*writeTime)
	defer cancel()
	if err := c.Reload(limited); err != nil {
		switch {
		case len(c.ids(p)) > 0:
			return n, fmt.Errorf("the pause stands in the database: %w", err)
		case c.unread(p):
			return n, fmt.Errorf("the pause may stand in the database, resume again when it can be reached: %w", err)
		}
		return n, nil // nothing that is in force here, or will be
	}
	ids := c.ids(p)
	if len(ids) > 0 {
		if err := rows.delete(limited, ids); err != nil {
			return n, fmt.Errorf("the pause stands in the database: %w", err)
		}
		n += len(ids)
		c.mu.Lock()
		c.writes.delete(ids)
		c.mu.Unlock()
		if c.Reload(limited) != nil {
			c.forget()
		}
	}
	c.sweep(limited)
	return n, nil
}

// release removes pauses in memory.
func (c *Cache) release(p Pause) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	before := len(c.memory)
	if c.memory = slices.DeleteFunc(c.memory, p.Equal); len(c.memory) == before {
		return 0
	}
	n := before - len(c.memory)
	c.swap()
	return n
}

// ids are the rows in force that stop the same as p.
func (c *Cache) ids(p Pause) (ids []int64) {
	for _, q := range c.Current().Pauses() {
		if !q.Memory && q.Equal(p) {
			ids = append(ids, q.ID)
		}
	}
	return ids
}

// unread says that a row may stand in the database which no snapshot has had.
func (c *Cache) unread(p Pause) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.writes.rows[p.hold()] > 0
}

// forget takes the rows that were deleted out of the snapshot, as they cannot be read anew.
func (c *Cache) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	left := *c.contents
	c.loaded = !c.writes.strip(&left) && c.loaded
	c.contents = &left
	c.swap()
}

// grace is how long the row of a pause stays after its end: clocks of instances that share a database differ.
const grace = time.Hour

// sweep deletes the rows of pauses that have ended. If that fails the next reload tries again.
func (c *Cache) sweep(ctx context.Context) {
	limit := c.options.Now().Add(-grace)
	c.mu.Lock()
	var ids []int64
	for _, p := range c.contents.paused {
		if p.over(limit) {
			ids = append(ids, p.ID)
		}
	}
	c.mu.Unlock()
	if len(ids) == 0 {
		return
	}
	if err := c.options.Store.Delete(ctx, tablePaused, ids); err != nil {
		c.log.Debug("the database keeps pauses that have ended", "error", err)
	}
}

// row is the pause as cells of the table.
func (c *Cache) row(p Pause) map[string]any {
	target := p.Domain
	if p.Remote.IsValid() {
		target = p.Remote.String()
	}
	cells := map[string]any{
		"localip": addrText(p.Source), "target": target, "tag": p.Tag, "cluster": 0, "server": c.options.Server, "expire": nil,
	}
	if !p.Expire.IsZero() {
		cells["expire"] = p.Expire.UTC().Format(mail.TimeLayout)
	}
	return cells
}

// checked puts a pause into the form of a snapshot, so that it can be compared and written. The end is rounded up to seconds.
func (p Pause) checked() (_ Pause, err error) {
	if p.Domain = named(p.Domain); p.Domain != "" {
		if p.Domain, err = parseDomain(p.Domain); err != nil {
			return p, fmt.Errorf("the destination %w", err)
		}
	}
	p.Tag, p.Source, p.Remote = named(p.Tag), p.Source.Unmap(), p.Remote.Unmap()
	switch {
	case p.Domain != "" && p.Remote.IsValid():
		return p, errors.New("a pause is of a domain or of a remote address, not of both")
	case !printable(p.Tag):
		return p, errors.New("the tag is no text of at most 255 printable characters")
	case p.Source.Zone() != "" || p.Remote.Zone() != "":
		return p, errors.New("an address has a zone")
	case p.Expire.Year() > 9998:
		return p, errors.New("the pause would end after the year 9998")
	case !p.Expire.IsZero():
		p.Expire = p.Expire.UTC().Add(time.Second - 1).Truncate(time.Second)
	}
	return p, nil
}

// named is a part of a pause as in the tables: * is all, and white space around it does not count.
func named(s string) string {
	if s = strings.TrimSpace(s); s == "*" {
		return ""
	}
	return s
}

func addrText(a netip.Addr) string {
	if !a.IsValid() {
		return ""
	}
	return a.String()
}
