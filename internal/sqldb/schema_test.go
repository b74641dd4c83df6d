package sqldb

import (
	"sync"
	"testing"
)

// limitsTable and holdTable are tables with columns of every kind, and names that are words of SQL.
var (
	limitsTable = Table{Name: "limits", Columns: []Column{
		{Name: "id", Primary: true}, {Name: "domain", Kind: Text, Size: 100}, {Name: "most", Default: -1, HasDefault: true},
		{Name: "order", Default: 0, HasDefault: true}, {Name: "other"}, {Name: "pattern", Kind: LongText}, {Name: "expire", Kind: Time},
	}}
	holdTable = Table{Name: "hold", Columns: []Column{{Name: "ip", Kind: Text, Size: 45}, {Name: "outbox", Kind: Text}}}
	both      = []Table{limitsTable, holdTable}
)

func TestEnsureMakesTables(t *testing.T) {
	onEach(t, func(t *testing.T, e engine) {
		d, log := e.opened(t)
		must(t, d.Ensure(t.Context(), both))
		equal(t, log.String(), "level=INFO msg=\"table made\" table=limits\nlevel=INFO msg=\"table made\" table=hold\n")
		log.Reset()
		must(t, d.Ensure(t.Context(), both))
		equal(t, log.String(), "")

		e.raw(t, "INSERT INTO limits (domain) VALUES ('a'); INSERT INTO limits (domain) VALUES ('b');")
		equal(t, read(t, d, limitsTable), []Row{
			{"id": "1", "domain": "a", "most": "-1", "order": "0"}, {"id": "2", "domain": "b", "most": "-1", "order": "0"},
		})
		equal(t, len(read(t, d, holdTable)), 0)
	})
}

func TestEnsureAddsColumnsAndKeepsAll(t *testing.T) {
	onEach(t, func(t *testing.T, e engine) {
		d, log := e.opened(t)
		e.raw(t, "CREATE TABLE limits (id int PRIMARY KEY, domain varchar(9), mine int); INSERT INTO limits VALUES (7, 'a', 1); CREATE TABLE hold (theirs int, ip varchar(45), outbox varchar(9));")
		must(t, d.Ensure(t.Context(), both))
		equal(t, log.String(), `level=INFO msg="column added" table=limits column=most
level=INFO msg="column added" table=limits column=order
level=INFO msg="column added" table=limits column=other
level=INFO msg="column added" table=limits column=pattern
level=INFO msg="column added" table=limits column=expire
`)
		equal(t, read(t, d, limitsTable), []Row{{"id": "7", "domain": "a", "most": "-1", "order": "0"}})

		log.Reset()
		must(t, d.Repair(t.Context(), both))
		equal(t, log.String(), `level=WARN msg="column is not ours; it stays" table=limits column=mine
level=WARN msg="column is not ours; it stays" table=hold column=theirs
`)
		e.raw(t, "UPDATE limits SET mine = 2; UPDATE hold SET theirs = 2;")
	})
}

func TestRepairMakesWhatIsMissing(t *testing.T) {
	onEach(t, func(t *testing.T, e engine) {
		d, _ := e.opened(t)
		must(t, d.Repair(t.Context(), both))
		equal(t, len(read(t, d, limitsTable)), 0)
	})
}

func TestEnsureOfManyInstances(t *testing.T) {
	onEach(t, func(t *testing.T, e engine) {
		e.raw(t, "CREATE TABLE hold (ip varchar(45));")
		var all sync.WaitGroup
		for range 6 {
			d, _ := e.opened(t)
			all.Go(func() {
				if err := d.Ensure(t.Context(), both); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		d, log := e.opened(t)
		must(t, d.Ensure(t.Context(), both))
		equal(t, log.String(), "")
	})
}

func TestPurge(t *testing.T) {
	onEach(t, func(t *testing.T, e engine) {
		d, log := e.opened(t)
		e.raw(t, "CREATE TABLE limits (mine int); INSERT INTO limits VALUES (1); CREATE TABLE theirs (n int); INSERT INTO theirs VALUES (5);")
		must(t, d.Purge(t.Context(), both))
		equal(t, log.String(), "level=WARN msg=\"tables dropped and made anew\" tables=2\n")
		log.Reset()
		must(t, d.Repair(t.Context(), both))
		equal(t, log.String(), "")
		equal(t, len(read(t, d, limitsTable)), 0)
		theirs := Table{Name: "theirs", Columns: []Column{{Name: "n"}}}
		equal(t, read(t, d, theirs), []Row{{"n": "5"}})
	})
}

// A view of that name can be read like a table, and is neither changed nor dropped.
func TestView(t *testing.T) {
	onEach(t, func(t *testing.T, e engine) {
		d, _ := e.opened(t)
		e.raw(t, "CREATE TABLE theirs (ip varchar(45), outbox varchar(9)); INSERT INTO theirs VALUES ('1', '2'); CREATE VIEW hold AS SELECT * FROM theirs;")
		must(t, d.Ensure(t.Context(), []Table{holdTable}))
		if d.Purge(t.Context(), []Table{holdTable}) == nil {
			t.Error("a view was purged")
		}
		equal(t, read(t, d, holdTable), []Row{{"ip": "1", "outbox": "2"}})
	})
}

// A table that somebody made without numbers gets them, save in SQLite, which cannot do that.
func TestEnsureAddsNumbers(t *testing.T) {
	onEach(t, func(t *testing.T, e engine) {
		d, _ := e.opened(t)
		e.raw(t, "CREATE TABLE limits (domain varchar(9)); INSERT INTO limits VALUES ('a');")
		err := d.Ensure(t.Context(), []Table{limitsTable})
		if e.word("", "", "SQLite") != "" {
			failed(t, e, err, "table limits: column id: ")
			return
		}
		must(t, err)
		must(t, d.Insert(t.Context(), "limits", map[string]any{"domain": "b"}))
		rows := read(t, d, limitsTable)
		equal(t, rows[0]["id"]+rows[0]["domain"]+rows[1]["id"]+rows[1]["domain"], "1a2b")
	})
}
