package sqldb

import (
	"context"

	"posthoorn/internal/settings"
	"posthoorn/internal/sqldb"
)

var _ settings.Database = (*Store)(nil)

// Write runs work in one transaction: all of it is done, or nothing. It may run more than once.
func (s *Store) Write(ctx context.Context, work func(settings.Tx) error) error {
	return s.db.Write(ctx, func(t *sqldb.Tx) error { return work(tx{t}) })
}

// tx is a transaction in the words of the settings.
type tx struct{ *sqldb.Tx }

func (t tx) Row(table settings.Table, id int64) (settings.Row, bool, error) {
	row, ok, err := t.Tx.Row(translate([]settings.Table{table})[0], id)
	return settings.Row(row), ok, err
}

func (t tx) Last(table settings.Table, before int64, most int) ([]settings.Row, error) {
	return rowsOf(t.Tx.Last(translate([]settings.Table{table})[0], before, most))
}

func (t tx) Where(table settings.Table, column string, number int64) ([]settings.Row, error) {
	return rowsOf(t.Tx.Where(translate([]settings.Table{table})[0], column, number))
}

func rowsOf(found []sqldb.Row, err error) ([]settings.Row, error) {
	rows := make([]settings.Row, len(found))
	for i, row := range found {
		rows[i] = settings.Row(row)
	}
	return rows, err
}
