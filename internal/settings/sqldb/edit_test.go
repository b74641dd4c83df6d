package sqldb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"posthoorn/internal/settings"
)

// editor is one over a database with tables, and the cache that it changes.
func editor(t *testing.T, address string) (*settings.Editor, *settings.Cache, *Store) {
	t.Helper()
	s, _ := open(t, address)
	must(t, s.Validate(t.Context()))
	cache := settings.NewCache(settings.CacheOptions{Store: s, Server: 7, Logger: slog.New(slog.DiscardHandler)})
	must(t, cache.Reload(t.Context()))
	return settings.NewEditor(cache, s), cache, s
}

func sqlite(t *testing.T) string { return "sqlite://" + filepath.Join(t.TempDir(), "settings.db") }

func limitOf(c *settings.Cache, domain string) int {
	return c.Current().Limits(netip.Addr{}, []string{domain}, nil).Domain.Messages
}

func TestEditAndUndo(t *testing.T) {
	onEach(t, func(t *testing.T, address string) {
		e, cache, s := editor(t, address)
		ctx := t.Context()
		row, made, err := e.Insert(ctx, "ann", "capacity", settings.Cells{"domain": "Gmail.com", "domain_maxmessages": 60.0})
		must(t, err)
		if got := limitOf(cache, "gmail.com"); got != 60 {
			t.Fatalf("limit %d after the insertion", got)
		}
		changed, err := e.Update(ctx, "bob", "capacity", row, settings.Cells{"domain_maxmessages": "120", "name": `it's "ours"`})
		must(t, err)
		if got := limitOf(cache, "gmail.com"); got != 120 {
			t.Fatalf("limit %d after the update", got)
		}
		before := load(t, s)["capacity"]
		removed, err := e.Delete(ctx, "eve", "capacity", row)
		must(t, err)
		if got := limitOf(cache, "gmail.com"); got != 0 {
			t.Fatalf("limit %d after the deletion", got)
		}

		// What was done last is undone first; the row has its id again.
		if _, err := e.Undo(ctx, "ann", changed); !errors.Is(err, settings.ErrChanged) {
			t.Errorf("undo of a change of a row that is gone: %v", err)
		}
		_, err = e.Undo(ctx, "ann", removed)
		must(t, err)
		if after := load(t, s)["capacity"]; !reflect.DeepEqual(after, before) {
			t.Errorf("have %v\nwant %v", after, before)
		}
		if _, err := e.Undo(ctx, "ann", removed); !errors.Is(err, settings.ErrChanged) {
			t.Errorf("undo of what is undone: %v", err)
		}
		_, err = e.Undo(ctx, "ann", changed)
		must(t, err)
		if got := limitOf(cache, "gmail.com"); got != 60 {
			t.Errorf("limit %d after the update is undone", got)
		}
		last, err := e.Undo(ctx, "ann", made)
		must(t, err)
		if rows := load(t, s)["capacity"]; len(rows) != 0 {
			t.Errorf("rows %v", rows)
		}
		_, err = e.Undo(ctx, "ann", last) // and so can the undo be
		must(t, err)
		if got := limitOf(cache, "gmail.com"); got != 60 {
			t.Errorf("limit %d after the undo is undone", got)
		}

		list, err := e.Changes(ctx, 0, 100)
		must(t, err)
		var told []string
		for _, c := range list {
			told = append(told, fmt.Sprintf("%d %s %s %d %v of %d", c.ID, c.Who, c.Action, c.Row, c.Undone, c.UndoOf))
		}
		want := "7 ann insert 1 false of 6|6 ann delete 1 true of 1|5 ann update 1 false of 2|4 ann insert 1 false of 3|" +
			"3 eve delete 1 true of 0|2 bob update 1 true of 0|1 ann insert 1 true of 0"
		if got := strings.Join(told, "|"); got != want {
			t.Errorf("changes\n%s\nwant\n%s", got, want)
		}
		if c := list[5]; c.Before["domain_maxmessages"] != int64(60) || c.After["domain_maxmessages"] != int64(120) || c.After["name"] != `it's "ours"` || c.Time.IsZero() {
			t.Errorf("change %+v", c)
		}
		if page, err := e.Changes(ctx, 3, 1); err != nil || len(page) != 1 || page[0].ID != 2 {
			t.Errorf("a page: %v %v", page, err)
		}
	})
}

func TestWhatIsRefused(t *testing.T) {
	e, _, s := editor(t, sqlite(t))
	insert := func(table string, cells settings.Cells) error {
		_, _, err := e.Insert(t.Context(), "ann", table, cells)
		return err
	}
	must(t, insert("mtanames", settings.Cells{"ip": "192.0.2.1", "name": "mx.test"}))
	for _, c := range []struct {
		table string
		cells settings.Cells
		field string
		words string
	}{
		{"capacity", settings.Cells{}, "", "no cell"},
		{"capacity", settings.Cells{"domain": "not a domain"}, "domain", "no domain"},
		{"capacity", settings.Cells{"localip": "1.2.3"}, "localip", "no IP address"},
		{"capacity", settings.Cells{"domain_maxmessages": -2}, "domain_maxmessages", "between"},
		{"capacity", settings.Cells{"domain_maxmessages": 1.5}, "domain_maxmessages", "whole"},
		{"capacity", settings.Cells{"domain_maxmessages": []any{}}, "domain_maxmessages", "whole"},
		{"capacity", settings.Cells{"nowhere": 1}, "nowhere", "no such column"},
		{"capacity", settings.Cells{"id": 5}, "id", "no such column"},
		{"capacity", settings.Cells{"name": strings.Repeat("ü", 256)}, "name", "longer than 255"},
		{"capacity", settings.Cells{"name": "a\x00"}, "name", "can be kept"},
		{"capacity", settings.Cells{"name": 5}, "name", "no text"},
		{"flood_responses", settings.Cells{"type": "regex", "pattern": "(a"}, "", "does not compile"},
		{"flood_responses", settings.Cells{"type": "perl", "pattern": "a"}, "type", "none of"},
		{"paused", settings.Cells{"expire": "tomorrow"}, "expire", "no time"},
		{"delegates", settings.Cells{"domain": "a.test"}, "delegate", "no address"},
		{"mtanames", settings.Cells{"ip": "192.0.2.1", "name": "other.test"}, "ip", "another row"},
		{"blacklist", settings.Cells{"iprange": "10.0.0.0/33"}, "iprange", ""},
		{"tokens", settings.Cells{"name": "x", "token": "short"}, "", "16 characters"},
		{"locals", settings.Cells{"type": "exact", "address": "nobody"}, "address", "one address"},
	} {
		err := insert(c.table, c.cells)
		refused, ok := errors.AsType[*settings.CellError](err)
		if !ok || refused.Column != c.field || !strings.Contains(refused.Reason, c.words) {
			t.Errorf("%s %.60v: %v", c.table, c.cells, err)
		}
	}
	for _, table := range []string{"audit", "ips", "x", ""} {
		if err := insert(table, nil); !errors.Is(err, settings.ErrNoTable) {
			t.Errorf("table %q: %v", table, err)
		}
	}
	if _, err := e.Update(t.Context(), "ann", "capacity", 99, nil); !errors.Is(err, settings.ErrNoRow) {
		t.Error("update of nothing:", err)
	}
	if _, err := e.Delete(t.Context(), "ann", "capacity", 99); !errors.Is(err, settings.ErrNoRow) {
		t.Error("deletion of nothing:", err)
	}
	if _, err := e.Undo(t.Context(), "ann", 99); !errors.Is(err, settings.ErrNoChange) {
		t.Error("undo of nothing:", err)
	}
	all := load(t, s)
	if len(all["mtanames"]) != 1 || len(all["audit"]) != 1 {
		t.Errorf("rows of what was refused: %v", all)
	}
}

func TestSecretsStayBehind(t *testing.T) {
	e, cache, _ := editor(t, sqlite(t))
	const token = "a-token-that-nobody-sees"
	row, _, err := e.Insert(t.Context(), "ann", "tokens", settings.Cells{"name": "backup", "token": token})
	must(t, err)
	if name, ok := cache.Current().TokenName(token); !ok || name != "backup" {
		t.Errorf("token %q %v", name, ok)
	}
	_, _, err = e.Insert(t.Context(), "ann", "tokens", settings.Cells{"name": "other", "token": settings.HashToken("another-token-of-some-length")})
	must(t, err)
	if name, ok := cache.Current().TokenName("another-token-of-some-length"); !ok || name != "other" {
		t.Errorf("hashed token %q %v", name, ok)
	}
	if _, ok := cache.Current().TokenName(settings.HashToken("another-token-of-some-length")); ok {
		t.Error("the hash itself opens the door")
	}
	rows, err := e.Rows(t.Context(), "tokens")
	must(t, err)
	changes, err := e.Changes(t.Context(), 0, 10)
	must(t, err)
	if text := fmt.Sprintf("%+v %+v", rows, changes[0].After); strings.Contains(text, token) || strings.Contains(text, "sha256") {
		t.Errorf("a secret is told: %s", text)
	}
	if len(rows) != 2 || len(rows[0].Has) != 1 || rows[0].Cells["name"] != "backup" || rows[0].Cells["token"] != nil {
		t.Errorf("rows %+v", rows)
	}
	_, err = e.Delete(t.Context(), "ann", "tokens", row)
	must(t, err)
	if _, ok := cache.Current().TokenName(token); ok {
		t.Error("a token that was removed")
	}
}

func TestRowsTellTheirProblem(t *testing.T) {
	e, _, s := editor(t, sqlite(t))
	must(t, s.Insert(t.Context(), "capacity", settings.Cells{"domain": "not a domain"}))
	must(t, s.Insert(t.Context(), "capacity", settings.Cells{"domain": "a.test", "domain_maxmessages": 5}))
	rows, err := e.Rows(t.Context(), "capacity")
	must(t, err)
	if len(rows) != 2 || !strings.Contains(rows[0].Problem, "domain") || rows[1].Problem != "" || rows[1].Cells["domain_maxmessages"] != int64(5) {
		t.Errorf("rows %+v", rows)
	}
	_, err = e.Update(t.Context(), "ann", "capacity", 1, settings.Cells{"domain": "b.test"})
	must(t, err)
	if rows, err = e.Rows(t.Context(), "capacity"); err != nil || rows[0].Problem != "" {
		t.Errorf("rows %+v %v", rows, err)
	}
}

// A pause works without the database, and stays in memory.
func TestPauseOnABadDay(t *testing.T) {
	cache := settings.NewCache(settings.CacheOptions{Server: 7, Logger: slog.New(slog.DiscardHandler)})
	e := settings.NewEditor(cache, nil)
	if !errors.Is(e.Writable(t.Context()), settings.ErrNoDatabase) {
		t.Error("writable without a database")
	}
	row, change, err := e.Insert(t.Context(), "ann", "paused", settings.Cells{"target": "a.test"})
	must(t, err)
	pauses := cache.Current().Pauses()
	if len(pauses) != 1 || pauses[0].Domain != "a.test" || !pauses[0].Memory || row >= 0 || change != 0 {
		t.Fatalf("pauses %+v, row %d, change %d", pauses, row, change)
	}
	if _, _, err := e.Insert(t.Context(), "ann", "paused", settings.Cells{"target": "not a domain"}); err == nil {
		t.Error("a bad pause was taken")
	}
	if _, _, err := e.Insert(t.Context(), "ann", "capacity", settings.Cells{"domain": "a.test"}); !errors.Is(err, settings.ErrNoDatabase) {
		t.Error("limits without a database:", err)
	}
	rows, err := e.Rows(t.Context(), "paused")
	must(t, err)
	if len(rows) != 1 || rows[0].ID != row || rows[0].Cells["target"] != "a.test" || rows[0].State != settings.InMemory {
		t.Errorf("rows %+v", rows)
	}
	_, err = e.Delete(t.Context(), "ann", "paused", row)
	must(t, err)
	if len(cache.Current().Pauses()) != 0 {
		t.Error("the pause is still there")
	}
}

func TestPauseOfThisInstance(t *testing.T) {
	e, cache, s := editor(t, sqlite(t))
	_, _, err := e.Insert(t.Context(), "ann", "paused", settings.Cells{"target": "a.test"})
	must(t, err)
	if row := load(t, s)["paused"][0]; row["server"] != "7" || row["cluster"] != "0" {
		t.Errorf("row %v", row)
	}
	if p := cache.Current().Pauses(); len(p) != 1 || p[0].Memory {
		t.Errorf("pauses %+v", p)
	}
}

func TestPreview(t *testing.T) {
	e, _, s := editor(t, sqlite(t))
	must(t, s.Insert(t.Context(), "capacity", settings.Cells{"domain_maxmessages": 100}))
	must(t, s.Insert(t.Context(), "capacity", settings.Cells{"domain": "gmail.com", "domain_maxmessages": 60}))
	f, err := e.Preview(t.Context(), "capacity", 2, settings.Cells{"domain_maxmessages": 30}, false)
	must(t, err)
	if len(f.Limits) != 1 || f.Limits[0] != (settings.LimitChange{Name: "domain_maxmessages", Before: "60", After: "30"}) {
		t.Errorf("limits %+v", f.Limits)
	}
	if !f.Concerns("gmail.com") || !f.Concerns("gmail.com:587") || f.Concerns("a.test") {
		t.Error("what it concerns")
	}
	f, err = e.Preview(t.Context(), "capacity", 2, nil, true)
	must(t, err)
	if len(f.Limits) != 1 || f.Limits[0].After != "100" {
		t.Errorf("limits without the row: %+v", f.Limits)
	}
	for _, cells := range []settings.Cells{{"domain": "x y"}, {}} {
		f, err = e.Preview(t.Context(), "capacity", 0, cells, false)
		if err != nil || f.Problem == "" {
			t.Errorf("a bad row of %v: %+v %v", cells, f, err)
		}
	}
	for _, c := range []struct {
		table  string
		cells  settings.Cells
		remove bool
		want   string
	}{
		{"paused", settings.Cells{"target": "a.test", "localip": "192.0.2.1", "expire": "2031-05-04 09:00:00"}, false, "Deliveries to a.test from 192.0.2.1 stop until 2031-05-04 09:00:00 UTC. Mail waits, none is lost; its deadline keeps running."},
		{"delegates", settings.Cells{"delegate": "192.0.2.2"}, false, "Mail to all destinations leaves from 192.0.2.2 instead."},
		{"flood_responses", settings.Cells{"type": "substr", "pattern": "slow down", "pause": 60, "duration": 120}, false, "A failed answer that matches substr slow down stops mail between the two addresses for 60 seconds, then holds the limits of this row for 120 seconds."},
		{"locals", settings.Cells{"type": "exact", "address": "desk@a.test"}, false, "Mail for desk@a.test is taken from everybody, and goes to the queue for local mail."},
	} {
		f, err := e.Preview(t.Context(), c.table, 0, c.cells, c.remove)
		if err != nil || f.Text != c.want {
			t.Errorf("%s: %q %q %v", c.table, f.Text, f.Problem, err)
		}
	}
	if rows := load(t, s); len(rows["capacity"]) != 2 || len(rows["audit"]) != 0 {
		t.Errorf("a preview has written: %v", rows)
	}
}

func TestAuditIsBounded(t *testing.T) {
	e, _, s := editor(t, sqlite(t))
	must(t, s.Write(t.Context(), func(tx settings.Tx) error {
		_, err := tx.Insert("audit", settings.Cells{"who": "old"})
		if err == nil {
			_, err = tx.Insert("audit", settings.Cells{"id": int64(10_001), "who": "new"})
		}
		return err
	}))
	_, _, err := e.Insert(t.Context(), "ann", "capacity", settings.Cells{"domain": "a.test"})
	must(t, err)
	list, err := e.Changes(t.Context(), 0, 10)
	must(t, err)
	if len(list) != 2 || list[1].Who != "new" {
		t.Errorf("changes %+v", list)
	}
}

// away is a database that cannot be reached.
type away struct{ *Store }

func (away) Load(context.Context, []settings.Table) (map[string][]settings.Row, error) {
	return nil, errors.New("no route to host")
}

func (away) Write(context.Context, func(settings.Tx) error) error {
	return errors.New("no route to host")
}

// switched is a store that may be lost.
type switched struct{ settings.Store }

// While the database is away pauses are shown, made and ended.
func TestPausesWhileTheDatabaseIsAway(t *testing.T) {
	s, _ := open(t, sqlite(t))
	must(t, s.Validate(t.Context()))
	must(t, s.Insert(t.Context(), "paused", settings.Cells{"target": "b.test", "server": 7}))
	store := &switched{s}
	cache := settings.NewCache(settings.CacheOptions{Store: store, Server: 7, Logger: slog.New(slog.DiscardHandler)})
	must(t, cache.Reload(t.Context()))
	store.Store = away{s}
	e := settings.NewEditor(cache, away{s})

	f, err := e.Preview(t.Context(), "paused", 0, settings.Cells{"target": "a.test"}, false)
	if err != nil || !strings.HasPrefix(f.Text, "Deliveries to a.test stop") {
		t.Errorf("preview %+v, %v", f, err)
	}
	id, _, err := e.Insert(t.Context(), "ann", "paused", settings.Cells{"target": "a.test"})
	must(t, err)
	rows, err := e.Rows(t.Context(), "paused")
	must(t, err)
	if len(rows) != 2 || rows[0].ID != 1 || rows[0].Cells["target"] != "b.test" || rows[0].State != settings.Unread || rows[0].Warning == "" ||
		rows[1].ID != id || rows[1].State != settings.InMemory || rows[1].Warning == "" || rows[1].Who != "ann" || rows[1].Since.IsZero() ||
		rows[0].Problem+rows[1].Problem != "" {
		t.Errorf("rows %+v", rows)
	}
	if e.Behind() == "" || !cache.Outdated() {
		t.Error("nobody says that the settings cannot be read")
	}
	if f.Warning == "" || e.Warning(t.Context(), 0) == "" {
		t.Errorf("nobody says that the pause is held in memory alone: %+v", f)
	}
	f, err = e.Preview(t.Context(), "paused", id, nil, true)
	if err != nil || !strings.HasPrefix(f.Text, "Deliveries to a.test go on") || f.Concerns("b.test") {
		t.Errorf("preview of its end %+v, %v", f, err)
	}
	if _, err := e.Preview(t.Context(), "paused", id-1, nil, true); !errors.Is(err, settings.ErrNoRow) {
		t.Errorf("preview of the end of nothing: %v", err)
	}
	_, err = e.Delete(t.Context(), "ann", "paused", id)
	must(t, err)
	if got := cache.Current().Pauses(); len(got) != 1 || got[0].Memory {
		t.Errorf("pauses %+v", got)
	}
}

// A table that somebody else has made has its own defaults, and its own way to write what it is given.
func TestUndoInATableOfOthers(t *testing.T) {
	path := filepath.Join(t.TempDir(), "settings.db")
	pool, err := sql.Open("sqlite", "file:"+path)
	must(t, err)
	_, err = pool.ExecContext(t.Context(), "CREATE TABLE delegates (id INTEGER PRIMARY KEY, localip TEXT NOT NULL DEFAULT '', domain TEXT NOT NULL DEFAULT '', delegate TEXT, expire TEXT)")
	must(t, err)
	must(t, pool.Close())
	e, _, s := editor(t, "sqlite://"+path)
	_, made, err := e.Insert(t.Context(), "ann", "delegates", settings.Cells{"delegate": "192.0.2.2"})
	must(t, err)
	if _, err := e.Undo(t.Context(), "ann", made); err != nil {
		t.Errorf("undo: %v", err)
	}
	if rows := load(t, s)["delegates"]; len(rows) != 0 {
		t.Errorf("rows %v", rows)
	}
}

// Who is told in the audit trail has a name of any length.
func TestLongNamesInTheAudit(t *testing.T) {
	onEach(t, func(t *testing.T, address string) {
		e, _, _ := editor(t, address)
		_, _, err := e.Insert(t.Context(), strings.Repeat("é", 300)+"\xff", "capacity", settings.Cells{"domain": "a.test"})
		must(t, err)
		list, err := e.Changes(t.Context(), 0, 1)
		must(t, err)
		if list[0].Who != strings.Repeat("é", 255) {
			t.Errorf("who %q", list[0].Who)
		}
	})
}

// What was done with mail stands among the changes, and is final.
func TestNote(t *testing.T) {
	e, _, _ := editor(t, sqlite(t))
	must(t, e.Note(t.Context(), "ann", "fail", settings.Cells{"destination": "a.test", "messages": 7}))
	list, err := e.Changes(t.Context(), 0, 10)
	must(t, err)
	if c := list[0]; c.Who != "ann" || c.Action != "fail" || c.Table != settings.MailOrder || c.After["destination"] != "a.test" || c.After["messages"] != "7" {
		t.Errorf("change %+v", c)
	}
	if _, err := e.Undo(t.Context(), "ann", list[0].ID); !errors.Is(err, settings.ErrFinal) {
		t.Errorf("undo: %v", err)
	}
	must(t, settings.NewEditor(settings.NewCache(settings.CacheOptions{}), nil).Note(t.Context(), "ann", "fail", nil))
}

// A row that comes to speak of something else ends what it did before.
func TestPreviewOfARowThatMoves(t *testing.T) {
	e, _, s := editor(t, sqlite(t))
	must(t, s.Insert(t.Context(), "paused", settings.Cells{"target": "a.test", "server": 7}))
	must(t, s.Insert(t.Context(), "capacity", settings.Cells{"domain": "a.test", "domain_maxmessages": 60}))
	f, err := e.Preview(t.Context(), "paused", 1, settings.Cells{"target": "b.test"}, false)
	must(t, err)
	if want := "Deliveries to a.test go on, and what waits flows at once. Deliveries to b.test stop. Mail waits, none is lost; its deadline keeps running."; f.Text != want {
		t.Errorf("%q", f.Text)
	}
	if !f.Concerns("a.test") || !f.Concerns("b.test") || f.Concerns("c.test") {
		t.Error("what it concerns")
	}
	f, err = e.Preview(t.Context(), "paused", 1, settings.Cells{"expire": "2031-05-04 09:00:00"}, false)
	must(t, err)
	if !strings.HasPrefix(f.Text, "Deliveries to a.test stop until") {
		t.Errorf("%q", f.Text)
	}
	f, err = e.Preview(t.Context(), "capacity", 1, settings.Cells{"domain": "b.test"}, false)
	must(t, err)
	if !strings.HasPrefix(f.Text, "Limits of mail to a.test change") || !f.Concerns("a.test") || !f.Concerns("b.test") || len(f.Limits) != 1 {
		t.Errorf("%+v", f)
	}
}

// drop removes a table.
func drop(t *testing.T, s *Store, table string) {
	t.Helper()
	pool, err := sql.Open("sqlite", "file:"+strings.TrimPrefix(s.String(), "sqlite://"))
	must(t, err)
	_, err = pool.ExecContext(t.Context(), "DROP TABLE "+table)
	must(t, err)
	must(t, pool.Close())
}

// Where nothing can be noted nothing is changed, and people learn what is missing.
func TestNoTableForTheAudit(t *testing.T) {
	e, _, s := editor(t, sqlite(t))
	drop(t, s, "audit")
	_, _, err := e.Insert(t.Context(), "ann", "capacity", settings.Cells{"domain": "a.test"})
	if err == nil || !strings.Contains(err.Error(), "database-validate") {
		t.Error(err)
	}
	if rows, err := e.Rows(t.Context(), "capacity"); err != nil || len(rows) != 0 {
		t.Errorf("rows %v, %v", rows, err)
	}
}

// What names an address that is none of this host is taken, as the address may come later, and whoever writes it is warned.
func TestForeignAddresses(t *testing.T) {
	_, _, s := editor(t, sqlite(t))
	own := []netip.Addr{netip.MustParseAddr("192.0.2.1")}
	cache := settings.NewCache(settings.CacheOptions{Store: s, Logger: slog.New(slog.DiscardHandler), Own: func() []netip.Addr { return own }})
	e := settings.NewEditor(cache, s)
	for _, c := range []struct {
		table string
		cells settings.Cells
		want  string // in the warning; empty: there is none
	}{
		{"delegates", settings.Cells{"domain": "a.test", "delegate": "192.0.2.2"}, "192.0.2.2 is no address of this host: mail"},
		{"delegates", settings.Cells{"localip": "192.0.2.1", "delegate": "192.0.2.2"}, "192.0.2.2 is no address of this host: mail"},
		{"delegates", settings.Cells{"localip": "192.0.2.9", "delegate": "192.0.2.1"}, ""},
		{"capacity", settings.Cells{"localip": "192.0.2.9"}, "192.0.2.9 is no address of this host: the row"},
		{"capacity", settings.Cells{"localip": "192.0.2.1"}, ""}, {"capacity", settings.Cells{"domain": "a.test"}, ""},
		{"mtanames", settings.Cells{"ip": "192.0.2.9", "name": "mx.test"}, "192.0.2.9 is no address of this host: the row"},
		{"dns", settings.Cells{"domain": "a.test", "ip": "192.0.2.9"}, ""},
	} {
		is := func(what, got string) {
			t.Helper()
			if !strings.HasPrefix(got, c.want) || c.want == "" && got != "" {
				t.Errorf("%s %v: %s %q", c.table, c.cells, what, got)
			}
		}
		f, err := e.Preview(t.Context(), c.table, 0, c.cells, false)
		must(t, err)
		is("preview", f.Warning)
		row, made, err := e.Insert(t.Context(), "ann", c.table, c.cells)
		must(t, err)
		is("answer", e.Warning(t.Context(), made))
		rows, err := e.Rows(t.Context(), c.table)
		must(t, err)
		is("list", rows[len(rows)-1].Warning)
		f, err = e.Preview(t.Context(), c.table, row, nil, true)
		must(t, err)
		gone, err := e.Delete(t.Context(), "ann", c.table, row)
		must(t, err)
		if f.Warning+e.Warning(t.Context(), gone) != "" {
			t.Errorf("%s %v: a warning of its end", c.table, c.cells)
		}
		f, err = e.PreviewUndo(t.Context(), gone)
		must(t, err)
		is("preview of the undo", f.Warning)
	}
}
