package sqldb

import (
	"errors"
	"testing"
)

func TestTransaction(t *testing.T) {
	onEach(t, func(t *testing.T, e engine) {
		d, _ := e.opened(t)
		must(t, d.Ensure(t.Context(), []Table{limitsTable}))
		var ids []int64
		must(t, d.Write(t.Context(), func(tx *Tx) error {
			for _, domain := range []string{"a", "b", "c"} {
				id, err := tx.Insert("limits", map[string]any{"domain": domain, "most": 1})
				if err != nil {
					return err
				}
				ids = append(ids, id)
			}
			if err := tx.Update("limits", ids[1], map[string]any{"domain": `it's "b"`, "most": nil}); err != nil {
				return err
			}
			if err := tx.Update("limits", ids[2], nil); err != nil {
				return err
			}
			return tx.Delete("limits", ids[0])
		}))
		equal(t, ids, []int64{1, 2, 3})
		equal(t, read(t, d, limitsTable), []Row{
			{"id": "2", "domain": `it's "b"`, "order": "0"}, {"id": "3", "domain": "c", "most": "1", "order": "0"},
		})

		// A row comes back under its id, and the next one has another.
		must(t, d.Write(t.Context(), func(tx *Tx) error {
			if _, err := tx.Insert("limits", map[string]any{"id": int64(1), "domain": "again"}); err != nil {
				return err
			}
			id, err := tx.Insert("limits", map[string]any{"domain": "d"})
			equal(t, id, int64(4))
			return err
		}))
		must(t, d.Write(t.Context(), func(tx *Tx) error {
			row, ok, err := tx.Row(limitsTable, 1)
			equal(t, row["domain"], "again")
			equal(t, ok, true)
			if err != nil {
				return err
			}
			if _, ok, err = tx.Row(limitsTable, 99); ok || err != nil {
				t.Errorf("row 99: %v %v", ok, err)
			}
			for _, c := range []struct {
				before int64
				most   int
				want   string
			}{{0, 10, "4321"}, {0, 2, "43"}, {3, 1, "2"}, {1, 5, ""}} {
				rows, err := tx.Last(limitsTable, c.before, c.most)
				if err != nil {
					return err
				}
				have := ""
				for _, row := range rows {
					have += row["id"]
				}
				equal(t, have, c.want)
			}
			rows, err := tx.Where(limitsTable, "most", 1)
			if err != nil {
				return err
			}
			equal(t, rows, []Row{{"id": "3", "domain": "c", "most": "1", "order": "0"}})
			return tx.DeleteUpTo("limits", 2)
		}))
		equal(t, len(read(t, d, limitsTable)), 2)

		// An error, and all stays as it was.
		bad := errors.New("no")
		err := d.Write(t.Context(), func(tx *Tx) error {
			must(t, tx.Delete("limits", 3))
			rows, err := tx.Rows(limitsTable)
			equal(t, len(rows), 1)
			return errors.Join(bad, err)
		})
		if !errors.Is(err, bad) {
			t.Errorf("error %v", err)
		}
		failed(t, e, d.Write(t.Context(), func(tx *Tx) error { return tx.Update("limits", 3, map[string]any{"domain": "\x00"}) }), "column domain: the text")
		equal(t, len(read(t, d, limitsTable)), 2)
	})
}
