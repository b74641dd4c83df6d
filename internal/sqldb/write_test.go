package sqldb

import (
	"fmt"
	"strings"
	"sync"
	"testing"
)

func TestInsertAndDelete(t *testing.T) {
	onEach(t, func(t *testing.T, e engine) {
		d, _ := e.opened(t)
		must(t, d.Ensure(t.Context(), []Table{limitsTable}))
		odd := `'"\` + "`;--\r\n$1 ? ü 😀 %s \x7f"
		for _, cells := range []map[string]any{
			{"domain": odd, "most": 5, "order": int64(-6), "other": nil, "expire": "2026-01-02 03:04:05"},
			{"domain": 12, "most": "7", "other": nil, "expire": nil},
			{"domain": ""},
		} {
			must(t, d.Insert(t.Context(), "limits", cells))
		}
		equal(t, read(t, d, limitsTable), []Row{
			{"id": "1", "domain": odd, "most": "5", "order": "-6", "expire": "2026-01-02 03:04:05"},
			{"id": "2", "domain": "12", "most": "7", "order": "0"},
			{"id": "3", "domain": "", "most": "-1", "order": "0"},
		})

		many := []int64{3, 77, -1}
		for i := range int64(1200) {
			many = append(many, 1000+i)
		}
		must(t, d.Delete(t.Context(), "limits", append(many, 1)))
		must(t, d.Delete(t.Context(), "limits", nil))
		must(t, d.Insert(t.Context(), "limits", map[string]any{"domain": "new"}))
		rows := read(t, d, limitsTable)
		equal(t, len(rows), 2)
		equal(t, rows[0]["id"]+" "+rows[1]["id"], "2 4") // 3 is not given again
	})
}

func TestWhatCannotBeStored(t *testing.T) {
	onEach(t, func(t *testing.T, e engine) {
		d, _ := e.opened(t)
		must(t, d.Ensure(t.Context(), both))
		for value, says := range map[any]string{"a\x00b": "table limits, column domain: the text", "\xff": "not UTF-8", 1.5: "a float64 cannot be stored", true: "a bool cannot"} {
			failed(t, e, d.Insert(t.Context(), "limits", map[string]any{"domain": value}), says)
		}
		failed(t, e, d.Insert(t.Context(), "limits", map[string]any{"nowhere": "x"}), "nowhere")
		failed(t, e, d.Insert(t.Context(), `limits"; DROP TABLE limits`, map[string]any{"domain": "x"}), "limits")
		failed(t, e, d.Insert(t.Context(), "limits", map[string]any{"domain`\") VALUES (1); --": "x"}), "domain")
		if !strings.HasPrefix(t.Name(), "TestWhatCannotBeStored/SQLite") { // which takes any text
			failed(t, e, d.Insert(t.Context(), "limits", map[string]any{"domain": strings.Repeat("x", 101)}), "long")
		}
		failed(t, e, d.Replace(t.Context(), "hold", nil, nil), "nothing says which rows")
		failed(t, e, d.Replace(t.Context(), "hold", map[string]string{"outbox": "\x00"}, nil), "column outbox: the text")
		equal(t, len(read(t, d, limitsTable)), 0)
	})
}

func TestReplace(t *testing.T) {
	onEach(t, func(t *testing.T, e engine) {
		d, _ := e.opened(t)
		must(t, d.Ensure(t.Context(), both))
		e.raw(t, "INSERT INTO hold VALUES ('1', 'a'), ('2', 'a'), ('3', 'A'), ('4', 'a '), ('5', 'ä'), ('6', NULL), ('7', '');")
		must(t, d.Replace(t.Context(), "hold", map[string]string{"outbox": "a"}, []map[string]any{{"ip": "8", "outbox": "a"}}))
		must(t, d.Replace(t.Context(), "hold", map[string]string{"outbox": "ä"}, nil))
		must(t, d.Replace(t.Context(), "hold", map[string]string{"outbox": "", "ip": "7"}, []map[string]any{{"ip": "9", "outbox": ""}}))
		have := map[string]string{}
		for _, row := range read(t, d, holdTable) {
			have[row["ip"]] = row["outbox"]
		}
		equal(t, have, map[string]string{"3": "A", "4": "a ", "6": "", "8": "a", "9": ""})

		// One bad row, and all stays as it was.
		failed(t, e, d.Replace(t.Context(), "hold", map[string]string{"outbox": "a"}, []map[string]any{{"ip": "10"}, {"ip": "\x00"}}), "column ip: the text")
		failed(t, e, d.Replace(t.Context(), "hold", map[string]string{"outbox": "a"}, []map[string]any{{"ip": "10"}, {"nowhere": 1}}), "nowhere")
		equal(t, len(read(t, d, holdTable)), 5)
	})
}

// Many instances start at once with an empty table, and again later.
func TestReplaceOfManyInstances(t *testing.T) {
	onEach(t, func(t *testing.T, e engine) {
		first, _ := e.opened(t)
		must(t, first.Ensure(t.Context(), both))
		for range 3 {
			var all sync.WaitGroup
			for i := range 6 {
				d, _ := e.opened(t)
				outbox := fmt.Sprint("outbox", i/2) // two share one
				all.Go(func() {
					rows := []map[string]any{{"ip": "1", "outbox": outbox}, {"ip": "2", "outbox": outbox}, {"ip": "3", "outbox": outbox}}
					if err := d.Replace(t.Context(), "hold", map[string]string{"outbox": outbox}, rows); err != nil {
						t.Error(err)
					}
				})
			}
			all.Wait()
		}
		must(t, first.Replace(t.Context(), "hold", map[string]string{"outbox": "outbox0"}, nil))
		for _, row := range read(t, first, holdTable) {
			if row["outbox"] == "outbox0" {
				t.Errorf("row %v is left", row)
			}
		}
	})
}
