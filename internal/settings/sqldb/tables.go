package sqldb

import (
	"posthoorn/internal/settings"
	"posthoorn/internal/sqldb"
)

func ours() []sqldb.Table { return translate(settings.Tables()) }

// translate says the tables of the settings in the words of the package below, which knows nothing of settings.
func translate(tables []settings.Table) []sqldb.Table {
	all := make([]sqldb.Table, len(tables))
	for i, t := range tables {
		all[i] = sqldb.Table{Name: t.Name, Columns: make([]sqldb.Column, len(t.Columns))}
		for j, c := range t.Columns {
			all[i].Columns[j] = sqldb.Column{
				Name: c.Name, Kind: kinds[c.Kind], Size: c.Size, Default: c.Default, HasDefault: c.HasDefault, Primary: c.Primary,
			}
		}
	}
	return all
}

var kinds = map[settings.Kind]sqldb.Kind{
	settings.Int: sqldb.Int, settings.Text: sqldb.Text, settings.LongText: sqldb.LongText, settings.Time: sqldb.Time,
}
