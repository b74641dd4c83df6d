package sqldb

import (
	"context"
	"fmt"
	"slices"
)

// Ensure makes missing tables and adds missing columns, and logs one line for each. It never drops or changes what is there. What it
// made stays when it fails later; instances may do it at the same time.
func (d *DB) Ensure(ctx context.Context, tables []Table) error { return d.ensure(ctx, tables, false) }

// Repair is Ensure, and logs a line for each column that is not ours (database.md section 1).
func (d *DB) Repair(ctx context.Context, tables []Table) error { return d.ensure(ctx, tables, true) }

func (d *DB) ensure(ctx context.Context, tables []Table, obsolete bool) error {
	return d.session(ctx, slow, "", func(ctx context.Context, s *session) error {
		for _, t := range tables {
			have, err := d.ensureTable(ctx, s, t)
			if err == nil {
				err = d.ensureIndexes(ctx, s, t)
			}
			if err != nil {
				return fmt.Errorf("table %s: %w", t.Name, err)
			}
			for _, column := range have {
				if obsolete && !t.has(column) {
					d.log.Warn("column is not ours; it stays", "table", t.Name, "column", column)
				}
			}
		}
		return nil
	})
}

// ensureTable returns the columns that were there before.
func (d *DB) ensureTable(ctx context.Context, s *session, t Table) ([]string, error) {
	have, err := s.columns(ctx, t.Name)
	if err != nil {
		return nil, err
	}
	if len(have) == 0 {
		err := d.change(ctx, s, t, "", t.create("CREATE TABLE IF NOT EXISTS", d.dialect))
		if err == nil {
			d.log.Info("table made", "table", t.Name)
		}
		return nil, err
	}
	for _, c := range t.Columns {
		if slices.Contains(have, c.Name) {
			continue
		}
		if err := d.change(ctx, s, t, c.Name, "ALTER TABLE "+d.dialect.quote(t.Name)+" ADD COLUMN "+d.dialect.define(c)); err != nil {
			return nil, fmt.Errorf("column %s: %w", c.Name, err)
		}
		d.log.Info("column added", "table", t.Name, "column", c.Name)
	}
	return have, nil
}

// ensureIndexes makes those of the columns that are Indexed.
func (d *DB) ensureIndexes(ctx context.Context, s *session, t Table) error {
	have, err := s.names(ctx, d.dialect.listIndexes(), t.Name)
	if err != nil {
		return err
	}
	for _, c := range t.Columns {
		name := t.Name + "_" + c.Name
		if !c.Indexed || slices.Contains(have, name) {
			continue
		}
		failed := s.change(ctx, "CREATE INDEX "+d.dialect.quote(name)+" ON "+d.dialect.quote(t.Name)+" ("+d.dialect.quote(c.Name)+")")
		if failed == nil {
			d.log.Info("index made", "table", t.Name, "column", c.Name)
			continue
		}
		// Another instance may have been quicker.
		if have, err = s.names(ctx, d.dialect.listIndexes(), t.Name); err != nil || !slices.Contains(have, name) {
			return fmt.Errorf("index of column %s: %w", c.Name, failed)
		}
	}
	return nil
}

// change runs a statement that makes a table or a column. It may fail because another instance was quicker; then all is well.
func (d *DB) change(ctx context.Context, s *session, t Table, column, statement string) error {
	err := s.change(ctx, statement)
	if err == nil {
		return nil
	}
	have, failed := s.columns(ctx, t.Name)
	if failed == nil && (column == "" && len(have) > 0 || slices.Contains(have, column)) {
		return nil
	}
	return err
}

// Purge drops the tables with all rows and makes them anew; SQLite and PostgreSQL do all of it or nothing.
func (d *DB) Purge(ctx context.Context, tables []Table) error {
	err := d.session(ctx, slow, d.dialect.beginWrite, func(ctx context.Context, s *session) error {
		for _, t := range tables {
			for _, statement := range []string{"DROP TABLE IF EXISTS " + d.dialect.quote(t.Name), t.create("CREATE TABLE", d.dialect)} {
				if err := s.change(ctx, statement); err != nil {
					return fmt.Errorf("table %s: %w", t.Name, err)
				}
			}
		}
		return nil
	})
	if err == nil {
		d.log.Warn("tables dropped and made anew", "tables", len(tables))
	}
	return err
}
