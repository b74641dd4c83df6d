package settings

import (
	"context"
	"time"
)

// Run reloads every TTL, and soon after a reload that failed, and swaps whenever a pause or a delegate ends. It returns when ctx is
// done.
func (c *Cache) Run(ctx context.Context) {
	next := c.options.Now()
	if c.isLoaded() {
		next = next.Add(c.options.TTL)
	}
	for {
		if again := c.options.Now().Add(retry); c.Outdated() && again.Before(next) {
			next = again
		}
		if !c.sleep(ctx, next) {
			return
		}
		c.mu.Lock()
		c.expire()
		c.mu.Unlock()
		if !c.options.Now().Before(next) {
			c.refresh(ctx)
			next = c.options.Now().Add(c.options.TTL)
		}
	}
}

// isLoaded says that there is nothing to read at once.
func (c *Cache) isLoaded() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.loaded || c.Outdated() || c.options.Store == nil
}

// Loaded says that the settings have been read, or that there is no database that they could be read from.
func (c *Cache) Loaded() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.loaded || c.options.Store == nil
}

// Outdated says that the last attempt to read the settings failed: those in force may be older than the database.
func (c *Cache) Outdated() bool { return c.outage.Load() != nil }

// sleep waits until something may have to be done, and says whether the program goes on.
func (c *Cache) sleep(ctx context.Context, reload time.Time) bool {
	timer := time.NewTimer(c.pauseUntil(reload))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-c.changed:
	case <-timer.C:
	}
	return true
}

// pauseUntil is how long Run may sleep.
func (c *Cache) pauseUntil(reload time.Time) time.Duration {
	now := c.options.Now()
	d := min(reload.Sub(now), watchTime)
	if end := c.Current().NextExpiry(now); !end.IsZero() {
		d = min(d, end.Sub(now))
	}
	return d
}

// refresh reloads and removes the pauses that have ended.
func (c *Cache) refresh(ctx context.Context) {
	if c.Reload(ctx) == nil {
		c.sweep(ctx)
	}
}
