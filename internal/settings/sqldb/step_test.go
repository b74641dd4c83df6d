package sqldb

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"testing"
	"time"

	"posthoorn/internal/settings"
)

// later is an editor whose clock can be moved.
func later(t *testing.T, address string) (*settings.Editor, *settings.Cache, *Store, *time.Time) {
	t.Helper()
	s, _ := open(t, address)
	must(t, s.Validate(t.Context()))
	now := time.Now()
	cache := settings.NewCache(settings.CacheOptions{
		Store: s, Server: 7, Logger: slog.New(slog.DiscardHandler), Now: func() time.Time { return now },
	})
	must(t, cache.Reload(t.Context()))
	return settings.NewEditor(cache, s), cache, s, &now
}

// A key and its patterns are made, removed and brought back together.
func TestKeyAndPatternsAreOneStep(t *testing.T) {
	onEach(t, func(t *testing.T, address string) {
		e, cache, s := editor(t, address)
		ctx := t.Context()
		key, made, err := e.InsertKey(ctx, "ann", settings.Cells{"domain": "a.test", "selector": "s1", "privatekey": "PEM"},
			[]settings.Cells{{"type": "exact", "sign": "a.test"}, {"type": "exact", "sign": "b.test"}})
		must(t, err)
		_, _, err = e.Insert(ctx, "ann", "dkim_patterns", settings.Cells{"key_id": key, "type": "exact", "sign": "c.test"})
		must(t, err)
		_, _, err = e.Insert(ctx, "ann", "dkim_patterns", settings.Cells{"key_id": key + 1, "type": "exact", "sign": "other.test"})
		must(t, err)
		if keys := cache.Current().DKIM(); len(keys) != 1 || !keys[0].Signs("b.test") {
			t.Fatalf("keys %v", keys)
		}
		f, err := e.Preview(ctx, "dkim_keys", key, nil, true)
		must(t, err)
		if !strings.Contains(f.Text, "3 patterns are removed") || !strings.Contains(f.Text, "three days") {
			t.Errorf("preview %q", f.Text)
		}

		before := load(t, s)
		removed, err := e.Delete(ctx, "bob", "dkim_keys", key)
		must(t, err)
		after := load(t, s)
		if len(after["dkim_keys"]) != 0 || len(after["dkim_patterns"]) != 1 || after["dkim_patterns"][0]["sign"] != "other.test" {
			t.Errorf("rows %v %v", after["dkim_keys"], after["dkim_patterns"])
		}
		list, err := e.Changes(ctx, 0, 4)
		must(t, err)
		for i, c := range list {
			lead := i == 3
			if lead != (c.ID == removed) || lead != (c.PartOf == 0) || !lead && c.PartOf != removed || c.Action != settings.Deleted || c.Who != "bob" {
				t.Errorf("change %+v", c)
			}
		}

		if _, err := e.Undo(ctx, "ann", list[0].ID); err != nil { // of a part: the whole comes back
			t.Fatal(err)
		}
		back := load(t, s)
		for _, table := range []string{"dkim_keys", "dkim_patterns"} {
			if !reflect.DeepEqual(back[table], before[table]) {
				t.Errorf("%s\nhave %v\nwant %v", table, back[table], before[table])
			}
		}
		if _, err := e.Undo(ctx, "ann", removed); !errors.Is(err, settings.ErrChanged) {
			t.Errorf("undone twice: %v", err)
		}
		// Undoing the making takes the pattern that came later too.
		if _, err := e.Undo(ctx, "ann", made); err != nil {
			t.Fatal(err)
		}
		if rows := load(t, s); len(rows["dkim_keys"]) != 0 || len(rows["dkim_patterns"]) != 1 {
			t.Errorf("rows %v", rows)
		}
	})
}

// audit is all text of the audit trail.
func audit(t *testing.T, s *Store) string {
	t.Helper()
	return fmt.Sprint(load(t, s)["audit"])
}

// Secrets in the audit trail are those that an undo needs, and for three days.
func TestSecretsInTheAuditAreForgotten(t *testing.T) {
	onEach(t, func(t *testing.T, address string) {
		e, _, s, now := later(t, address)
		ctx := t.Context()
		key, _, err := e.Insert(ctx, "ann", "dkim_keys", settings.Cells{"domain": "a.test", "selector": "s1", "privatekey": "PEM one"})
		must(t, err)
		renamed, err := e.Update(ctx, "ann", "dkim_keys", key, settings.Cells{"selector": "s2"})
		must(t, err)
		if text := audit(t, s); strings.Contains(text, "PEM") {
			t.Errorf("a key that is in its table is in the audit too: %s", text)
		}
		if _, err := e.Undo(ctx, "ann", renamed); err != nil {
			t.Errorf("undo of what the key has no part in: %v", err)
		}
		replaced, err := e.Update(ctx, "ann", "dkim_keys", key, settings.Cells{"privatekey": "PEM two"})
		must(t, err)
		removed, err := e.Delete(ctx, "ann", "dkim_keys", key)
		must(t, err)
		must(t, e.Forget(ctx))
		if text := audit(t, s); !strings.Contains(text, "PEM one") || !strings.Contains(text, "PEM two") {
			t.Errorf("too early: %s", text)
		}
		_, err = e.Undo(ctx, "ann", removed)
		must(t, err)
		undone, err := e.Undo(ctx, "ann", replaced)
		must(t, err)
		if got, err := e.Secret(ctx, "dkim_keys", key, "privatekey"); got != "PEM one" {
			t.Errorf("the key is %q, %v", got, err)
		}
		removed, err = e.Delete(ctx, "ann", "dkim_keys", key)
		must(t, err)

		*now = now.Add(72*time.Hour + 2*time.Second)
		must(t, e.Forget(ctx))
		if text := audit(t, s); strings.Contains(text, "PEM") {
			t.Errorf("still there: %s", text)
		}
		for _, id := range []int64{removed, undone} {
			if _, err := e.Undo(ctx, "ann", id); !errors.Is(err, settings.ErrForgotten) && id == removed {
				t.Errorf("undo: %v", err)
			}
		}
		list, err := e.Changes(ctx, 0, 100)
		must(t, err)
		for _, c := range list {
			if (c.Final != "") != (c.ID == removed || c.ID == undone) {
				t.Errorf("change %+v", c)
			}
			if strings.Contains(fmt.Sprintf("%+v %+v", c.Before, c.After), "digest") {
				t.Errorf("a digest is shown: %+v", c)
			}
		}
	})
}

// Orders of the command line are changes like any other.
func TestPausesOfTheCommandLine(t *testing.T) {
	e, cache, s := editor(t, sqlite(t))
	ctx := t.Context()
	p, err := e.Pause(ctx, "command line (uid 0 / root)", settings.Pause{Domain: "a.test"})
	if err != nil || p.ID == 0 || p.Memory {
		t.Fatalf("%+v, %v", p, err)
	}
	_, err = e.Pause(ctx, "command line (uid 0 / root)", settings.Pause{Domain: "a.test"})
	must(t, err)
	if n, err := e.Resume(ctx, "command line (uid 5)", settings.Pause{Domain: "a.test"}); n != 2 || err != nil {
		t.Errorf("resumed %d, %v", n, err)
	}
	list, err := e.Changes(ctx, 0, 10)
	must(t, err)
	if len(list) != 4 || list[3].Who != "command line (uid 0 / root)" || list[3].Action != settings.Inserted || list[3].After["target"] != "a.test" ||
		list[1].Who != "command line (uid 5)" || list[1].Action != settings.Deleted || list[0].PartOf != list[1].ID {
		t.Fatalf("%+v", list)
	}
	_, err = e.Undo(ctx, "ann", list[1].ID)
	must(t, err)
	if got := cache.Current().Pauses(); len(got) != 2 {
		t.Errorf("pauses %+v", got)
	}

	// The end of a pause that no row had is noted, too.
	for range 2 {
		held, err := cache.Pause(ctx, settings.Pause{Tag: "news", Memory: true})
		must(t, err)
		if n, err := e.Resume(ctx, "ann", held); n != 1 || err != nil {
			t.Errorf("resumed %d, %v", n, err)
		}
		id, _, err := e.Insert(ctx, "ann", "paused", settings.Cells{"tag": "news"})
		must(t, err)
		_, err = e.Delete(ctx, "ann", "paused", id)
		must(t, err)
	}
	if list, err = e.Changes(ctx, 0, 6); err != nil || list[5].Table != settings.MailOrder || list[5].Action != "resume" || list[5].After["tag"] != "news" {
		t.Errorf("%+v, %v", list, err)
	}

	// An order works where nothing can be noted.
	drop(t, s, "audit")
	if n, err := e.Resume(ctx, "x", settings.Pause{Domain: "a.test"}); n != 2 || err != nil || len(cache.Current().Pauses()) != 0 {
		t.Errorf("resumed %d, %v", n, err)
	}
	if p, err := e.Pause(ctx, "x", settings.Pause{Domain: "b.test"}); err != nil || p.Memory {
		t.Errorf("%+v, %v", p, err)
	}
}

// An undo is a change, and says before what it will do.
func TestPreviewOfAnUndo(t *testing.T) {
	e, _, s := editor(t, sqlite(t))
	ctx := t.Context()
	preview := func(id int64) settings.Effect {
		t.Helper()
		f, err := e.PreviewUndo(ctx, id)
		must(t, err)
		return f
	}
	row, made, err := e.Insert(ctx, "ann", "capacity", settings.Cells{"domain": "a.test", "domain_maxmessages": 60})
	must(t, err)
	if f := preview(made); f.Problem != "" || !f.Concerns("a.test") || len(f.Limits) != 1 || f.Limits[0].Before != "60" {
		t.Errorf("of an insertion: %+v", f)
	}
	changed, err := e.Update(ctx, "ann", "capacity", row, settings.Cells{"domain_maxmessages": 70})
	must(t, err)
	if f := preview(changed); len(f.Limits) != 1 || f.Limits[0] != (settings.LimitChange{Name: "domain_maxmessages", Before: "70", After: "60"}) {
		t.Errorf("of an update: %+v", f)
	}
	if f := preview(made); f.Problem == "" {
		t.Errorf("of what has changed since: %+v", f)
	}
	removed, err := e.Delete(ctx, "ann", "capacity", row)
	must(t, err)
	if f := preview(removed); len(f.Limits) != 1 || f.Limits[0].After != "70" {
		t.Errorf("of a deletion: %+v", f)
	}
	key, _, err := e.InsertKey(ctx, "ann", settings.Cells{"domain": "a.test", "selector": "s1", "privatekey": "PEM"}, []settings.Cells{{"type": "exact", "sign": "a.test"}})
	must(t, err)
	gone, err := e.Delete(ctx, "ann", "dkim_keys", key)
	must(t, err)
	if f := preview(gone); !strings.Contains(f.Text, "signs mail") || !strings.Contains(f.Text, "too (1 more)") {
		t.Errorf("of a key: %+v", f)
	}
	must(t, e.Note(ctx, "ann", "fail", settings.Cells{"destination": "a.test"}))
	if f := preview(gone + 2); f.Problem != settings.ErrFinal.Error() {
		t.Errorf("of an action: %+v", f)
	}
	if _, err := e.PreviewUndo(ctx, 99); !errors.Is(err, settings.ErrNoChange) {
		t.Errorf("of nothing: %v", err)
	}
	if _, err = e.Undo(ctx, "ann", gone); err != nil {
		t.Error(err)
	}
	if text := audit(t, s); strings.Contains(text, "PEM") {
		t.Errorf("the key is where it was, and in the audit too: %s", text)
	}
}

// unread is a store that can be written and not read as a whole.
type unread struct {
	*Store
	off *bool
}

func (u unread) Load(ctx context.Context, tables []settings.Table) (map[string][]settings.Row, error) {
	if *u.off && len(tables) > 1 {
		return nil, errors.New("reads do not work")
	}
	return u.Store.Load(ctx, tables)
}

// halfBlind is an editor of settings that cannot be read again while off is set, and that is read once.
func halfBlind(t *testing.T) (s *Store, cache *settings.Cache, e *settings.Editor, off *bool) {
	s, _ = open(t, sqlite(t))
	must(t, s.Validate(t.Context()))
	off = new(bool)
	cache = settings.NewCache(settings.CacheOptions{Store: unread{s, off}, Server: 7, Logger: slog.New(slog.DiscardHandler)})
	must(t, cache.Reload(t.Context()))
	return s, cache, settings.NewEditor(cache, s), off
}

// A change whose settings cannot be read again is there all the same, and says so.
func TestStoredAndNotInForce(t *testing.T) {
	s, cache, e, off := halfBlind(t)
	ctx := t.Context()
	*off = true
	id, change, err := e.Insert(ctx, "ann", "capacity", settings.Cells{"domain": "a.test", "domain_maxmessages": 5})
	if !errors.Is(err, settings.ErrStored) || id == 0 || change == 0 || !cache.Outdated() {
		t.Fatalf("%d, %d, %v", id, change, err)
	}
	if _, err = e.Update(ctx, "ann", "capacity", id, settings.Cells{"domain_maxmessages": 6}); !errors.Is(err, settings.ErrStored) {
		t.Errorf("update: %v", err)
	}
	states(t, e, "capacity", "1 pending")
	if e.Behind() == "" {
		t.Error("nobody says that the settings cannot be read")
	}
	if last, err := e.Undo(ctx, "ann", change+1); !errors.Is(err, settings.ErrStored) || last != change+2 {
		t.Errorf("undo: %d, %v", last, err)
	}
	// A pause is in force at once, and once.
	id, change, err = e.Insert(ctx, "ann", "paused", settings.Cells{"target": "a.test"})
	if err != nil || id <= 0 || change == 0 || len(cache.Current().Pauses()) != 1 {
		t.Errorf("pause: %d, %d, %v", id, change, err)
	}
	states(t, e, "paused", "1 ")
	if text := e.Warning(ctx, change); text != "" {
		t.Errorf("a warning of it: %s", text)
	}
	*off = false
	must(t, cache.Reload(ctx))
	if got := cache.Current().Pauses(); len(got) != 1 || got[0].Memory || limitOf(cache, "a.test") != 5 {
		t.Errorf("then: %+v, limit %d", got, limitOf(cache, "a.test"))
	}
	states(t, e, "capacity", "1 ")
	states(t, e, "paused", "1 ")
	if text := e.Behind(); text != "" {
		t.Errorf("the settings are read: %s", text)
	}
	must(t, s.Insert(ctx, "capacity", settings.Cells{"domain": "b.test"}))
	states(t, e, "capacity", "1 |2 pending") // somebody else has written it
	*off = true
	if _, err := e.Delete(ctx, "ann", "paused", id); err != nil || len(cache.Current().Pauses()) != 0 {
		t.Errorf("end of the pause: %v, %+v", err, cache.Current().Pauses())
	}
}

// states are those of the rows of a table, by their ids.
func states(t *testing.T, e *settings.Editor, table, want string) {
	t.Helper()
	rows, err := e.Rows(t.Context(), table)
	must(t, err)
	var list []string
	for _, row := range rows {
		if list = append(list, fmt.Sprint(row.ID, " ", row.State)); (row.State == "") != (row.Warning == "") {
			t.Errorf("%s: a state and no words, or words without a state: %+v", table, row)
		}
	}
	if got := strings.Join(list, "|"); got != want {
		t.Errorf("%s: %q, want %q", table, got, want)
	}
}

// A pause that was stored and could not be read back is held in memory for its row, and goes with it.
func TestEndOfAPauseThatWasNotReadBack(t *testing.T) {
	for _, again := range []bool{false, true} {
		_, cache, e, off := halfBlind(t)
		*off = true
		id, _, err := e.Insert(t.Context(), "ann", "paused", settings.Cells{"target": "a.test"})
		must(t, err)
		*off = !again
		if _, err = e.Delete(t.Context(), "ann", "paused", id); err != nil || len(cache.Current().Pauses()) != 0 {
			t.Errorf("it can be read again: %v: %v, %+v", again, err, cache.Current().Pauses())
		}
		*off = false
		must(t, cache.Reload(t.Context()))
		if got := cache.Current().Pauses(); len(got) != 0 {
			t.Errorf("then: %+v", got)
		}
	}
}

// Who hangs up right after a change was written does not keep it from being in force.
func TestChangeOfSomebodyWhoHangsUp(t *testing.T) {
	s, _ := open(t, sqlite(t))
	must(t, s.Validate(t.Context()))
	ctx, hangUp := context.WithCancel(t.Context())
	cache := settings.NewCache(settings.CacheOptions{Store: s, Logger: slog.New(slog.DiscardHandler)})
	e := settings.NewEditor(cache, hangsUp{s, hangUp})
	_, _, err := e.Insert(ctx, "ann", "capacity", settings.Cells{"domain": "a.test", "domain_maxmessages": 5})
	if err != nil || limitOf(cache, "a.test") != 5 {
		t.Errorf("limit %d, %v", limitOf(cache, "a.test"), err)
	}
}

type hangsUp struct {
	*Store
	then func()
}

func (h hangsUp) Write(ctx context.Context, work func(settings.Tx) error) error {
	defer h.then()
	return h.Store.Write(ctx, work)
}

// counting counts the tables that are read.
type counting struct {
	*Store
	read []string
}

func (c *counting) Load(ctx context.Context, tables []settings.Table) (map[string][]settings.Row, error) {
	for _, t := range tables {
		c.read = append(c.read, t.Name)
	}
	return c.Store.Load(ctx, tables)
}

// A preview, and a list of rows, read the tables that they are about.
func TestPreviewReadsWhatItNeeds(t *testing.T) {
	s, _ := open(t, sqlite(t))
	must(t, s.Validate(t.Context()))
	store := &counting{Store: s}
	e := settings.NewEditor(settings.NewCache(settings.CacheOptions{Store: store, Logger: slog.New(slog.DiscardHandler)}), s)
	for _, table := range e.Tables() {
		store.read = nil
		_, err := e.Preview(t.Context(), table.Name, 0, settings.Cells{table.Columns[0].Name: nil}, false)
		must(t, err)
		_, err = e.Rows(t.Context(), table.Name)
		must(t, err)
		if got, want := strings.Join(store.read, " "), table.Name+" "+table.Name; got != want {
			t.Errorf("%s: %s were read", table.Name, got)
		}
	}
}
