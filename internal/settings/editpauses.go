package settings

import (
	"context"
	"errors"
	"hash/fnv"
	"slices"
	"strings"

	"posthoorn/internal/mail"
)

// ownPause makes a pause one of this instance, unless it says something else.
func (e *Editor) ownPause(cells Cells) {
	if cells["cluster"] == nil {
		cells["cluster"] = int64(0)
	}
	if cells["server"] == nil {
		cells["server"] = int64(e.cache.options.Server)
	}
}

// pauseAnyway holds a pause in memory when the database cannot take it, or cannot be read: on a bad day it must work. Made is the
// change after ErrStored.
func (e *Editor) pauseAnyway(ctx context.Context, who string, t *TableInfo, row Row, made Change, failed error) (Change, error) {
	if _, refused := errors.AsType[*CellError](failed); refused || t.Name != tablePaused {
		return made, failed
	}
	if err := e.judge(t, put(nil, 0, row), 0); err != nil {
		return Change{}, err
	}
	p := pauseOf(row)
	p.Memory, p.Who = true, who
	stored := errors.Is(failed, ErrStored)
	if stored {
		e.cache.wrote(p)
	}
	p, err := e.cache.Pause(ctx, p)
	switch {
	case err != nil:
		return made, &CellError{"", err.Error()}
	case stored:
		return made, nil
	}
	e.log.Warn("a pause is held in memory alone", "by", who, "error", failed)
	return Change{Time: e.now(), Who: who, Table: tablePaused, Row: memoryID(p), Action: Inserted}, nil
}

// memoryRows are the pauses that are held in memory, and not for one of the rows that are stored.
func (e *Editor) memoryRows(t *TableInfo, stored []EditRow) (list []EditRow) {
	for _, p := range e.cache.Current().Pauses() {
		if p.Memory && !(len(stored) > 0 && e.cache.standsIn(p)) {
			list = append(list, EditRow{ID: memoryID(p), Cells: t.open(pauseRow(p)), State: InMemory, Warning: inMemoryAlone, Who: p.Who, Since: p.Since})
		}
	}
	return list
}

// knownPauses are those in force, while the database cannot be read.
func (e *Editor) knownPauses(t *TableInfo) []EditRow {
	list := []EditRow{}
	for _, p := range e.cache.Current().Pauses() {
		if !p.Memory {
			list = append(list, EditRow{ID: p.ID, Cells: t.open(pauseRow(p)), State: Unread, Warning: readLast})
		}
	}
	return append(list, e.memoryRows(t, nil)...)
}

// memoryPause is the row of a pause in memory.
func (e *Editor) memoryPause(id int64) (Row, bool) {
	for _, p := range e.cache.Current().Pauses() {
		if p.Memory && memoryID(p) == id {
			return pauseRow(p), true
		}
	}
	return nil, false
}

func pauseRow(p Pause) Row {
	row := Row{"localip": addrText(p.Source), "target": p.Domain, "tag": p.Tag}
	if p.Remote.IsValid() {
		row["target"] = p.Remote.String()
	}
	if !p.Expire.IsZero() {
		row["expire"] = p.Expire.UTC().Format(mail.TimeLayout)
	}
	return row
}

// memoryID is a number for a pause without a row, the same as long as it holds the same.
func memoryID(p Pause) int64 {
	h := fnv.New32a()
	for _, part := range []string{addrText(p.Source), p.Domain, addrText(p.Remote), p.Tag} {
		_, _ = h.Write([]byte(strings.ReplaceAll(part, "\x00", "") + "\x00"))
	}
	return -1 - int64(h.Sum32())
}

func (e *Editor) endMemoryPause(ctx context.Context, who string, id int64) error {
	for _, p := range e.cache.Current().Pauses() {
		if !p.Memory || memoryID(p) != id {
			continue
		}
		e.cache.release(p)
		e.noteResumed(ctx, who, p)
		return nil
	}
	return ErrNoRow
}

// Pause is that of the Cache, with a change that can be undone for the row.
func (e *Editor) Pause(ctx context.Context, who string, p Pause) (Pause, error) {
	p.Who = who
	return e.cache.pause(ctx, p, notedRows{e, who})
}

// Resume is that of the Cache, with changes that can be undone for the rows.
func (e *Editor) Resume(ctx context.Context, who string, p Pause) (int, error) {
	held := slices.ContainsFunc(e.cache.Current().Pauses(), func(q Pause) bool { return q.Memory && q.Equal(p) })
	n, err := e.cache.resume(ctx, p, notedRows{e, who})
	if held && n > 0 {
		e.noteResumed(ctx, who, p)
	}
	return n, err
}

// noteResumed keeps the end of a pause that no row had, which cannot be undone.
func (e *Editor) noteResumed(ctx context.Context, who string, p Pause) {
	e.log.Info("a pause in memory has ended", "by", who)
	facts := Cells{}
	for name, text := range pauseRow(p) {
		if text != "" {
			facts[name] = text
		}
	}
	if err := e.Note(ctx, who, "resume", facts); err != nil {
		e.log.Warn("the end of a pause is not among the changes, only in this log", "error", err)
	}
}

// notedRows writes rows of pauses, each with its change. An operator's order works on a bad day: where nothing can be noted it is
// carried out without.
type notedRows struct {
	e   *Editor
	who string
}

func (r notedRows) insert(ctx context.Context, cells map[string]any) error {
	t, _ := editable(tablePaused)
	_, err := r.e.commit(ctx, r.who, func(tx Tx) ([]Change, error) {
		c, err := added(tx, &t, cells)
		return []Change{c}, err
	})
	if r.plainly(err) {
		return plainRows{r.e.cache.options.Store}.insert(ctx, cells)
	}
	return err
}

func (r notedRows) delete(ctx context.Context, ids []int64) error {
	t, _ := editable(tablePaused)
	_, err := r.e.commit(ctx, r.who, func(tx Tx) (list []Change, err error) {
		for _, id := range ids {
			was, ok, err := tx.Row(t.table, id)
			if err != nil {
				return nil, err
			}
			if !ok {
				continue
			}
			done, err := remove(tx, &t, id, was)
			if err != nil {
				return nil, err
			}
			list = append(list, done...)
		}
		return list, nil
	})
	if r.plainly(err) {
		return plainRows{r.e.cache.options.Store}.delete(ctx, ids)
	}
	return err
}

// plainly says that a write failed for nothing but its record.
func (r notedRows) plainly(err error) bool {
	if !errors.Is(err, errNotNoted) {
		return false
	}
	r.e.log.Warn("an order stands in this log alone: the table audit cannot note it", "by", r.who, "error", err)
	return true
}
