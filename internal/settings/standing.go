package settings

import (
	"context"
	"fmt"
	"slices"

	"posthoorn/internal/mail"
)

// State is where a row stands that is not simply stored and in force.
type State string

// The states.
const (
	InMemory State = "memory"  // in force, not stored: it ends with the program
	Pending  State = "pending" // stored, not in force yet
	Unread   State = "unread"  // in force as it was read last; the database cannot be read now
)

const (
	inMemoryAlone = "in force, and held in memory alone: it ends with the program"
	readLast      = "in force as it was read last: the database cannot be read now"
)

// Behind says why what was changed last, rows that were removed included, may not be in force; empty: all is.
func (e *Editor) Behind() string {
	o := e.cache.outage.Load()
	if o == nil {
		return ""
	}
	return fmt.Sprintf("since %s UTC the settings cannot be read, and what is changed is not in force: %v", o.since.UTC().Format(mail.TimeLayout), o.err)
}

// Warning is for who has made a change: why the row that it left may not do what it seems to. Change 0 is a pause that is held in
// memory alone. Empty: there is nothing to say, or it cannot be read.
func (e *Editor) Warning(ctx context.Context, change int64) (text string) {
	if change == 0 {
		return inMemoryAlone
	}
	if e.db == nil {
		return ""
	}
	_ = e.db.Write(ctx, func(tx Tx) error {
		row, ok, err := tx.Row(auditTable(), change)
		if c := changeOf(row); ok && c.after != nil {
			text = e.cache.options.warning(c.Table, c.after, e.now())
		}
		return err
	})
	return text
}

// stored are the rows of a table as the database has them.
func (e *Editor) stored(t *TableInfo, rows []Row) []EditRow {
	list := make([]EditRow, 0, len(rows))
	problems := newContents(map[string][]Row{t.Name: rows}, e.cache.options.Server).problems(t.Name)
	inForce := e.cache.read(t.Name)
	for _, row := range rows {
		r := EditRow{ID: idOf(row["id"]), Cells: t.open(row), Has: t.has(row), Problem: problems[row["id"]]}
		switch {
		case r.Problem != "":
		case !inForce[t.table.sum(row)] && !(t.Name == tablePaused && e.cache.standsIn(pauseOf(row))):
			r.State, r.Warning = Pending, e.waits()
		default:
			r.Warning = e.cache.options.warning(t.Name, row, e.now())
		}
		list = append(list, r)
	}
	return list
}

// waits says when a row that is stored will be in force.
func (e *Editor) waits() string {
	if e.cache.Outdated() {
		return "stored, and not in force yet: it will be when the settings can be read again"
	}
	return fmt.Sprintf("stored, and not in force yet: the settings are read every %v, and by posthoorn reload", e.cache.options.TTL)
}

// read are the rows of a table as they were read last.
func (c *Cache) read(table string) map[uint64]bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.sums.set(table)
}

// standsIn says that a pause is held in memory for a row that was written and could not be read back.
func (c *Cache) standsIn(p Pause) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.writes.rows[p.hold()] > 0 && slices.ContainsFunc(c.memory, func(q Pause) bool { return q.Equal(p) && q.Expire.Equal(p.Expire) })
}
