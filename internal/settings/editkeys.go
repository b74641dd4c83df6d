package settings

import "context"

// InsertKey adds a DKIM key with its patterns, whose key_id it gives, in one step.
func (e *Editor) InsertKey(ctx context.Context, who string, key Cells, patterns []Cells) (id, change int64, err error) {
	t, cells, err := e.given(tableKeys, key)
	if err != nil {
		return 0, 0, err
	}
	if err := e.check(ctx, &t, 0, t.with(nil, cells)); err != nil {
		return 0, 0, err
	}
	signs, rows, err := e.newPatterns(patterns)
	if err != nil {
		return 0, 0, err
	}
	c, err := e.apply(ctx, who, func(tx Tx) ([]Change, error) {
		lead, err := added(tx, &t, cells)
		list := []Change{lead}
		for i := 0; err == nil && i < len(rows); i++ {
			rows[i][keyColumn] = lead.Row
			var c Change
			c, err = added(tx, &signs, rows[i])
			list = append(list, c)
		}
		return list, err
	})
	return c.Row, c.ID, err
}

func (e *Editor) newPatterns(given []Cells) (t TableInfo, rows []Cells, err error) {
	t, _ = editable(tableSigns)
	for _, one := range given {
		cells, err := t.read(one)
		if err == nil {
			err = e.judge(&t, put(nil, 0, t.with(nil, cells)), 0)
		}
		if err != nil {
			return t, nil, err
		}
		rows = append(rows, cells)
	}
	return t, rows, nil
}
