package sqldb

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"
)

// filesTable is one whose rows have a key.
var filesTable = Table{Name: "files", Columns: []Column{
	{Name: "name", Kind: Text, Key: true}, {Name: "value", Kind: Blob}, {Name: "word", Kind: Text, Size: 16}, {Name: "expire", Kind: Time, Indexed: true},
}}

var oddKeys = []string{
	"a", "A", "a ", " a", "../../etc/passwd", "/", "%", "_", "a'b", `a"b`, `a\b`, "a\nb", "?", "$1", "ключ", "é", "e\u0301", "𝄞", strings.Repeat("€", 255),
}

// allBytes is a value with every byte, and what needs escaping often.
func allBytes() []byte {
	var all []byte
	for i := range 256 {
		all = append(all, byte(i), '\'', '\\', 0)
	}
	return all
}

func find(t *testing.T, d *DB, key string) string {
	t.Helper()
	cells, ok, err := d.Find(t.Context(), filesTable, key)
	must(t, err)
	if !ok {
		return "none"
	}
	return fmt.Sprintf("%q", cells)
}

func TestKeyed(t *testing.T) {
	onEach(t, func(t *testing.T, e engine) {
		d, log := e.opened(t)
		must(t, d.Ensure(t.Context(), []Table{filesTable}))
		must(t, d.Ensure(t.Context(), []Table{filesTable}))
		equal(t, log.String(), "level=INFO msg=\"table made\" table=files\nlevel=INFO msg=\"index made\" table=files column=expire\n")
		value := allBytes()
		for i, key := range oddKeys {
			equal(t, find(t, d, key), "none")
			for _, word := range []any{"first", "second", nil} { // a row is changed, not added
				must(t, d.Put(t.Context(), filesTable, map[string]any{"name": key, "value": append([]byte{byte(i)}, value...), "word": word}))
			}
		}
		for i, key := range oddKeys {
			equal(t, find(t, d, key), fmt.Sprintf("%q", map[string][]byte{"value": append([]byte{byte(i)}, value...)}))
			must(t, d.Remove(t.Context(), filesTable, key))
			must(t, d.Remove(t.Context(), filesTable, key))
			equal(t, find(t, d, key), "none")
		}
		for _, key := range []string{"a\x00b", "\xff", strings.Repeat("x", 256)} {
			equal(t, find(t, d, key), "none")
			must(t, d.Remove(t.Context(), filesTable, key))
			if err := d.Put(t.Context(), filesTable, map[string]any{"name": key, "value": []byte("x")}); err == nil {
				t.Errorf("the key %.10q was taken", key)
			}
		}
	})
}

// A table that another program has made may compare texts without regard to case, and have texts for values.
func TestKeyedForeignTable(t *testing.T) {
	onEach(t, func(t *testing.T, e engine) {
		d, _ := e.opened(t)
		collate := e.word("CHARACTER SET latin1 COLLATE latin1_german1_ci", "", "COLLATE NOCASE")
		e.raw(t, "CREATE TABLE files (name varchar(255) "+collate+" PRIMARY KEY, value text, word varchar(16)); INSERT INTO files VALUES ('Abc', 'text', 'x');")
		must(t, d.Ensure(t.Context(), []Table{filesTable}))
		equal(t, find(t, d, "Abc"), `map["value":"text" "word":"x"]`)
		equal(t, find(t, d, "abc"), "none")
		must(t, d.Remove(t.Context(), filesTable, "abc"))
		equal(t, find(t, d, "Abc"), `map["value":"text" "word":"x"]`)
	})
}

func TestKeyedLarge(t *testing.T) {
	onEach(t, func(t *testing.T, e engine) {
		d, err := Open(e.address, Options{Logger: slog.New(slog.DiscardHandler), Largest: 20 << 20, Connections: 1})
		must(t, err)
		defer func() { _ = d.Close() }()
		must(t, d.Ensure(t.Context(), []Table{filesTable}))
		megabytes, isMariaDB := 3, e.word("yes", "", "") == "yes"
		if isMariaDB {
			megabytes = 10 // it takes 16 unless it is told otherwise: enough for these, but not if they were escaped
		}
		large := bytes.Repeat(allBytes(), megabytes<<10)
		must(t, d.Put(t.Context(), filesTable, map[string]any{"name": "large", "value": large}))
		cells, _, err := d.Find(t.Context(), filesTable, "large")
		must(t, err)
		if !bytes.Equal(cells["value"], large) {
			t.Errorf("%d bytes came back", len(cells["value"]))
		}

		if isMariaDB {
			err = d.Put(t.Context(), filesTable, map[string]any{"name": "larger", "value": bytes.Repeat(large, 2)})
			failed(t, e, err, "max_allowed_packet")
			equal(t, errors.Is(err, ErrTooLarge), true)
			equal(t, find(t, d, "larger"), "none")
		}

		small, _ := e.opened(t)
		_, _, err = small.Find(t.Context(), filesTable, "large")
		failed(t, e, err, fmt.Sprintf("column value has %d bytes of at most 1048576", len(large)))
		equal(t, errors.Is(err, ErrTooLarge), true)
		must(t, small.Remove(t.Context(), filesTable, "large"))
	})
}

func TestDeleteBefore(t *testing.T) {
	onEach(t, func(t *testing.T, e engine) {
		d, _ := e.opened(t)
		must(t, d.Ensure(t.Context(), []Table{filesTable}))
		now := time.Date(2026, 3, 29, 2, 30, 0, 0, time.UTC)
		for i := range 9 {
			row := map[string]any{"name": fmt.Sprint(i), "value": []byte("x"), "expire": now.Add(time.Duration(i-5) * time.Second).Format(TimeFormat)}
			if i == 8 {
				row["expire"] = nil
			}
			must(t, d.Put(t.Context(), filesTable, row))
		}
		for _, want := range []int{3, 2, 0} {
			n, err := d.DeleteBefore(t.Context(), filesTable, "expire", now, 3)
			must(t, err)
			equal(t, n, want)
		}
		for i := range 9 {
			equal(t, find(t, d, fmt.Sprint(i)) == "none", i < 5)
		}
	})
}

func TestKeyedAtTheSameTime(t *testing.T) {
	onEach(t, func(t *testing.T, e engine) {
		d, err := Open(e.address, Options{Logger: slog.New(slog.DiscardHandler), Connections: 4})
		must(t, err)
		defer func() { _ = d.Close() }()
		must(t, d.Ensure(t.Context(), []Table{filesTable}))
		var all sync.WaitGroup
		for i := range 8 {
			all.Go(func() {
				for n := range 2 { // the more, the longer one of them may be kept from SQLite's only lock, and then it gives up
					key, mine := fmt.Sprint("mine", i, n), fmt.Sprintf("map[\"value\":\"%d\"]", i)
					for _, name := range []string{key, "shared"} {
						if err := d.Put(t.Context(), filesTable, map[string]any{"name": name, "value": []byte(fmt.Sprint(i))}); err != nil {
							t.Error(err)
						}
					}
					if cells, ok, err := d.Find(t.Context(), filesTable, key); err != nil || !ok || fmt.Sprintf("%q", cells) != mine {
						t.Error(ok, err)
					}
					if err := d.Remove(t.Context(), filesTable, key); err != nil {
						t.Error(err)
					}
				}
			})
		}
		all.Wait()
	})
}

// soon waits until something is so. A server that is killed may answer for a moment.
func soon(t *testing.T, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !is(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it never came so")
		}
	}
}

func TestConnectionsStay(t *testing.T) {
	onEach(t, func(t *testing.T, e engine) {
		d, err := Open(e.address, Options{Logger: slog.New(slog.DiscardHandler), Connections: 2})
		must(t, err)
		defer func() { _ = d.Close() }()
		must(t, d.Ensure(t.Context(), []Table{filesTable}))
		must(t, d.Put(t.Context(), filesTable, map[string]any{"name": "a", "value": []byte("x")}))
		if isFile := e.word("", "", "sqlite") == "sqlite"; isFile != (e.open(t) == 0) {
			t.Errorf("%d connections are open", e.open(t))
		}
		for range 2 {
			back := e.lost(t)
			soon(t, func() bool { _, _, err := d.Find(t.Context(), filesTable, "a"); return err != nil })
			back()
			soon(t, func() bool { _, ok, err := d.Find(t.Context(), filesTable, "a"); return ok && err == nil })
		}
		if n := e.open(t); n > 2 {
			t.Errorf("%d connections are open", n)
		}
	})
}
