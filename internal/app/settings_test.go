package app

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"posthoorn/internal/app/config"
	"posthoorn/internal/settings"
	"posthoorn/internal/settings/sqldb"
)

// everything says whether all mail is paused.
func everything(d *Daemon) bool {
	_, paused := d.settings.Current().Paused(d.addresses.own()[0], "any.test", nil, time.Now())
	return paused
}

// The default database is made beside the queue, for its owner alone; what is written into it counts after a reload.
func TestDefaultDatabase(t *testing.T) {
	d, _ := trialOf(t)
	file := d.cfg.Database.Address.Path
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("%v %v", info, err)
	}
	store := storeAt(t, file)
	if err := store.Insert(t.Context(), "paused", map[string]any{"localip": "", "target": "", "tag": ""}); err != nil {
		t.Fatal(err)
	}
	if everything(d) {
		t.Error("paused before the reload")
	}
	if err := d.Reload(t.Context()); err != nil || !everything(d) {
		t.Errorf("not paused after the reload: %v", err)
	}
}

func storeAt(t *testing.T, file string) *sqldb.Store {
	t.Helper()
	store, err := sqldb.Open("sqlite://"+file, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	return store
}

// A default database that cannot be made is done without.
func TestDefaultDatabaseCannotBeMade(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "settings.db"), 0o700); err != nil {
		t.Fatal(err)
	}
	d, _ := trialOf(t, "state-directory: "+dir)
	if err := d.Reload(t.Context()); err != nil {
		t.Error(err)
	}
	if p, err := d.settings.Pause(t.Context(), settings.Pause{}); err != nil || !p.Memory || !everything(d) {
		t.Errorf("a pause without a database: %+v %v", p, err)
	}
}

// A database that is named and away does not stop the start; its tables are made when it is there.
func TestDatabaseIsAwayAtTheStart(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "later")
	file := filepath.Join(dir, "named.db")
	d, _ := trialOf(t, "database-address: sqlite://"+file)
	if err := d.Reload(t.Context()); err == nil {
		t.Error("read from where nothing is")
	}
	if p, err := d.settings.Pause(t.Context(), settings.Pause{}); err != nil || !p.Memory || !everything(d) {
		t.Errorf("a pause without the database: %+v %v", p, err)
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := d.Reload(t.Context()); err != nil {
		t.Error(err)
	}
	if p, err := d.settings.Pause(t.Context(), settings.Pause{Domain: "x.test"}); err != nil || p.Memory || p.ID == 0 {
		t.Errorf("a pause in a database that came back: %+v %v", p, err)
	}
}

// A server that is away is one error, though its tables are neither checked nor read.
func TestDatabaseErrorIsOneLine(t *testing.T) {
	d, _ := trialOf(t, "database-address: postgresql://u:p@127.0.0.1:1/d")
	if err := d.Reload(t.Context()); err == nil || strings.Count(err.Error(), "postgresql://u@127.0.0.1:1/d") != 1 || strings.Contains(err.Error(), "\n") {
		t.Errorf("%v", err)
	}
}

// Our addresses stand in the table ips, with the queue for mail that should leave from them.
func TestOwnAddressesAreTold(t *testing.T) {
	d, _ := trialOf(t)
	rows, err := storeAt(t, d.cfg.Database.Address.Path).Load(t.Context(), settings.Tables()[2:3])
	if err != nil {
		t.Fatal(err)
	}
	list, _, _, outbox := d.ips()
	if len(rows["ips"]) != len(list) {
		t.Errorf("%d rows for %d addresses", len(rows["ips"]), len(list))
	}
	for _, r := range rows["ips"] {
		if r["outbox"] != outbox {
			t.Errorf("%v", r)
		}
	}
}

// --repair-database and --purge-database work without a daemon; the second asks.
func TestSchemaSwitches(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "settings.db")
	run := func(want int, args ...string) string {
		t.Helper()
		var out bytes.Buffer
		args = append(args, "--state-directory", dir, "--config-file", "/dev/null")
		p := Program{Args: args, Stdin: strings.NewReader("y\n"), Stdout: &out, Stderr: &out}
		if code := Run(t.Context(), p); code != want {
			t.Fatalf("%v: exit %d, want %d: %s", args, code, want, &out)
		}
		return out.String()
	}
	count := func() int {
		rows, err := storeAt(t, file).Load(t.Context(), settings.Tables()[:1])
		if err != nil {
			t.Fatal(err)
		}
		return len(rows["capacity"])
	}
	run(config.ExitOK, "--repair-database", "--user", "nobody")
	if info, err := os.Stat(file); err != nil || os.Geteuid() == 0 && info.Sys().(*syscall.Stat_t).Uid == 0 {
		t.Errorf("the user of the daemon cannot open the file: %+v %v", info, err)
	}
	if err := storeAt(t, file).Insert(t.Context(), "capacity", map[string]any{"domain": "a.test"}); err != nil {
		t.Fatal(err)
	}
	run(config.ExitOK, "--repair-database")
	run(config.ExitUsage, "--purge-database")
	if n := count(); n != 1 {
		t.Errorf("%d rows, want the one", n)
	}
	run(config.ExitOK, "--purge-database", "--yes")
	if n := count(); n != 0 {
		t.Errorf("%d rows after the purge", n)
	}
	run(config.ExitConfig, "--repair-database", "--database-address", "")
	run(config.ExitConfig, "--repair-database", "--database-address", "sqlite:///dev/null/settings.db")
	if err := os.WriteFile(file, bytes.Repeat([]byte("no database"), 500), 0o600); err != nil {
		t.Fatal(err)
	}
	run(config.ExitUnavailable, "--repair-database")
}

// --paused begins with a pause that is nowhere but in this process.
func TestStartPaused(t *testing.T) {
	d, _ := trialWith(t, &config.Command{Paused: true})
	all := d.settings.Current().Pauses()
	if !everything(d) || len(all) != 1 || !all[0].Memory {
		t.Errorf("%+v", all)
	}
	if n, err := d.settings.Resume(t.Context(), settings.Pause{}); n != 1 || err != nil || everything(d) {
		t.Errorf("%d %v", n, err)
	}
}
