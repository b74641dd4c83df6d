package sqldb

import (
	"fmt"
	"strings"
	"sync"
	"testing"
)

func TestReadOddCells(t *testing.T) {
	onEach(t, func(t *testing.T, e engine) {
		d, _ := e.opened(t)
		must(t, d.Ensure(t.Context(), []Table{limitsTable}))
		long := strings.Repeat("ü", 5000)
		e.raw(t, fmt.Sprintf(`
			INSERT INTO limits (domain, most, other) VALUES (NULL, NULL, NULL);
			INSERT INTO limits (domain, most, other) VALUES ('', 0, -1);
			INSERT INTO limits (domain, most, other) VALUES ('bücher.例え', -2147483648, 2147483647);
			INSERT INTO limits (domain, pattern) VALUES ('''; DROP TABLE limits; --"', '%s');
			INSERT INTO limits (domain, pattern) VALUES (' 😀 ', 'two
lines');`, long))
		order := map[string]string{"order": "0", "most": "-1"}
		with := func(r Row) Row {
			for name, text := range order {
				if _, set := r[name]; !set {
					r[name] = text
				}
			}
			return r
		}
		first := with(Row{"id": "1", "most": ""})
		delete(first, "most")
		equal(t, read(t, d, limitsTable), []Row{
			first,
			with(Row{"id": "2", "domain": "", "most": "0", "other": "-1"}),
			with(Row{"id": "3", "domain": "bücher.例え", "most": "-2147483648", "other": "2147483647"}),
			with(Row{"id": "4", "domain": `'; DROP TABLE limits; --"`, "pattern": long}),
			with(Row{"id": "5", "domain": " 😀 ", "pattern": "two\nlines"}),
		})
	})
}

// Tables that somebody else made have other types; the order is that of the numbers all the same.
func TestReadOtherTypes(t *testing.T) {
	onEach(t, func(t *testing.T, e engine) {
		d, _ := e.opened(t)
		instant := e.word("timestamp", "timestamp with time zone", "whatever")
		e.raw(t, "CREATE TABLE limits (id bigint, domain "+e.word("varbinary(20)", "name", "blob")+", most varchar(20), other decimal(20), pattern float, expire "+instant+" NULL);")
		e.raw(t, "INSERT INTO limits VALUES (100000000000, 'b', 'text', 12345678901234, 0.5, NULL); INSERT INTO limits VALUES (9, 'a', '-1', -7, -1.5, "+
			e.word("FROM_UNIXTIME(1767323045)", "'2026-01-02 05:04:05+02'", "'2026-01-02T05:04:05+02:00'")+");")
		equal(t, read(t, d, limitsTable), []Row{
			{"id": "9", "domain": "a", "order": "0", "most": "-1", "other": "-7", "pattern": "-1.5", "expire": "2026-01-02 03:04:05"},
			{"id": "100000000000", "domain": "b", "order": "0", "most": "text", "other": "12345678901234", "pattern": "0.5"},
		})
	})
}

// A column that the table lacks reads as it would if Ensure had added it.
func TestReadLackingColumns(t *testing.T) {
	onEach(t, func(t *testing.T, e engine) {
		d, _ := e.opened(t)
		e.raw(t, "CREATE TABLE limits (id int, domain "+e.word("varchar(20)", "varchar(20)", "text")+"); INSERT INTO limits VALUES (1, 'a');")
		want := []Row{{"id": "1", "domain": "a", "most": "-1", "order": "0"}}
		equal(t, read(t, d, limitsTable), want)
		must(t, d.Ensure(t.Context(), []Table{limitsTable}))
		equal(t, read(t, d, limitsTable), want)
	})
}

// In SQLite a column holds whatever is written to it.
func TestReadAnyTypeInSQLite(t *testing.T) {
	e := fileEngine(t)
	d, _ := e.opened(t)
	must(t, d.Ensure(t.Context(), []Table{limitsTable}))
	e.raw(t, "INSERT INTO limits (domain, most, other, expire) VALUES (12, 'many', x'ff41', strftime('%s', '2026-01-02 03:04:05')); INSERT INTO limits (domain, most, other, expire) VALUES (x'6100', 1.5, 9223372036854775807, 20260102.25);")
	equal(t, read(t, d, limitsTable), []Row{
		{"id": "1", "domain": "12", "most": "many", "order": "0", "other": "\uFFFDA", "expire": "2026-01-02 03:04:05"},
		{"id": "2", "domain": "a", "most": "1.5", "order": "0", "other": "9223372036854775807", "expire": "20260102.25"},
	})
}

func TestReadTimes(t *testing.T) {
	onEach(t, func(t *testing.T, e engine) {
		d, _ := e.opened(t)
		must(t, d.Ensure(t.Context(), []Table{limitsTable}))
		written := []string{"2026-12-31 23:59:59", "2026-12-31 23:59:59.75", "2026-12-31", e.word("0000-00-00 00:00:00", "infinity", "")}
		for _, text := range written {
			e.raw(t, "INSERT INTO limits (expire) VALUES ('"+text+"');")
		}
		must(t, d.Insert(t.Context(), "limits", map[string]any{"expire": "2026-02-28 01:02:03"}))
		var have []string
		for _, row := range read(t, d, limitsTable) {
			have = append(have, row["expire"])
		}
		equal(t, have, []string{"2026-12-31 23:59:59", "2026-12-31 23:59:59", "2026-12-31 00:00:00", e.word("", "9999-12-31 23:59:59", ""), "2026-02-28 01:02:03"})
	})
}

func TestReadWhatIsNotThere(t *testing.T) {
	onEach(t, func(t *testing.T, e engine) {
		d, _ := e.opened(t)
		_, err := d.Read(t.Context(), []Table{limitsTable})
		failed(t, e, err, "table limits: it does not exist")
		e.raw(t, "CREATE TABLE limits (mine int);")
		_, err = d.Read(t.Context(), []Table{limitsTable})
		failed(t, e, err, "table limits: it has none of the columns")
		e.raw(t, "CREATE TABLE hold (mine int, ip varchar(9)); INSERT INTO hold VALUES (1, '::1');")
		equal(t, read(t, d, holdTable), []Row{{"ip": "::1"}})
	})
}

func TestReadIsBounded(t *testing.T) {
	onEach(t, func(t *testing.T, e engine) {
		d, _ := e.opened(t)
		must(t, d.Ensure(t.Context(), []Table{limitsTable}))
		for range 3 {
			must(t, d.Insert(t.Context(), "limits", map[string]any{"pattern": strings.Repeat("é", 50)}))
		}
		for _, c := range []struct {
			limits limits
			says   string
		}{
			{limits{rows: 3, cell: 100, bytes: 1000}, ""},
			{limits{rows: 2, cell: 100, bytes: 1000}, "table limits: it has more than 2 rows"},
			{limits{rows: 3, cell: 99, bytes: 1000}, "table limits: a cell of column pattern has more than 99 bytes"},
			{limits{rows: 3, cell: 49, bytes: 1000}, "table limits: a cell of column pattern has more than 49 bytes"},
			{limits{rows: 3, cell: 100, bytes: 299}, "table limits: the tables are too large"},
		} {
			d.limits = c.limits
			_, err := d.Read(t.Context(), []Table{limitsTable})
			failed(t, e, err, c.says)
		}
		must(t, d.Delete(t.Context(), "limits", []int64{1, 2}))
		d.limits = limits{rows: 3, cell: 100, bytes: 150}
		for range 2 { // each Read begins anew
			equal(t, len(read(t, d, limitsTable)), 1)
		}
	})
}

func TestReadLongCell(t *testing.T) {
	onEach(t, func(t *testing.T, e engine) {
		d, _ := e.opened(t)
		e.raw(t, "CREATE TABLE hold (ip "+e.word("longtext", "text", "text")+");")
		e.raw(t, "INSERT INTO hold VALUES ("+e.word("repeat('x', 1048576)", "repeat('x', 1048576)", "printf('%.1048576c', 'x')")+");")
		equal(t, len(read(t, d, holdTable)[0]["ip"]), 1<<20)
		e.raw(t, "UPDATE hold SET ip = "+e.word("repeat('x', 8388608)", "repeat('x', 50000000)", "printf('%.50000000c', 'x')")+";")
		_, err := d.Read(t.Context(), []Table{holdTable})
		failed(t, e, err, "a cell of column ip has more than 1048576 bytes")
	})
}

func TestReadManyRows(t *testing.T) {
	onEach(t, func(t *testing.T, e engine) {
		d, _ := e.opened(t)
		must(t, d.Ensure(t.Context(), []Table{limitsTable}))
		var b strings.Builder
		b.WriteString("INSERT INTO limits (domain, most, expire) VALUES ('0', 0, '2026-01-01 00:00:00')")
		for i := range 9999 {
			fmt.Fprintf(&b, ", ('%d', %d, '2026-01-01 00:00:00')", i+1, i+1)
		}
		e.raw(t, b.String()+";")
		rows := read(t, d, limitsTable)
		equal(t, len(rows), 10000)
		for i, row := range rows {
			if want := fmt.Sprint(i); row["domain"] != want || row["most"] != want || row["id"] != fmt.Sprint(i+1) {
				t.Fatalf("row %d: %v", i, row)
			}
		}
	})
}

// Another program moves a word from one table to the other all the time; every Read sees it in exactly one of them.
func TestReadSeesOneMoment(t *testing.T) {
	onEach(t, func(t *testing.T, e engine) {
		d, _ := e.opened(t)
		must(t, d.Ensure(t.Context(), both))
		e.raw(t, "INSERT INTO hold (ip) VALUES ('here');")
		there := "BEGIN; DELETE FROM hold; INSERT INTO limits (domain) VALUES ('here'); COMMIT;"
		back := "BEGIN; DELETE FROM limits; INSERT INTO hold (ip) VALUES ('here'); COMMIT;"
		ended := make(chan struct{})
		var others sync.WaitGroup
		others.Go(func() {
			defer close(ended)
			for range 8 {
				e.raw(t, strings.Repeat(there+back, 5))
			}
		})
		defer others.Wait()
		for i := 0; ; i++ {
			all, err := d.Read(t.Context(), both)
			must(t, err)
			if len(all["hold"])+len(all["limits"]) != 1 {
				t.Fatalf("read %d: %v", i, all)
			}
			select {
			case <-ended:
				return
			default:
			}
		}
	})
}
