package app

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"posthoorn/internal/app/config"
)

// TestLogDirectoriesToHandOver: the user gets what the start makes, never a directory that was there.
func TestLogDirectoriesToHandOver(t *testing.T) {
	root := t.TempDir()
	there := filepath.Join(root, "there")
	if err := os.Mkdir(there, 0o755); err != nil {
		t.Fatal(err)
	}
	d := &Daemon{cfg: &config.Config{}}
	d.cfg.Logs.Error = filepath.Join(there, "errors.log")
	d.cfg.Logs.Send.File = filepath.Join(root, "new", "deep", "attempts.log")
	d.cfg.Logs.Application = []string{"stdout", "syslog", "/dev/null"}
	if want := []string{d.cfg.Logs.Send.File, d.cfg.Logs.Error}; !slices.Equal(d.logFiles(), want) {
		t.Errorf("files: %q, want %q", d.logFiles(), want)
	}
	want := []string{filepath.Join(root, "new", "deep"), filepath.Join(root, "new")}
	if got := d.missingLogDirectories(); !slices.Equal(got, want) {
		t.Errorf("directories: %q, want %q", got, want)
	}
}

// TestMayRotate: root may write everywhere, so the test has a directory that is none.
func TestMayRotate(t *testing.T) {
	d := &Daemon{cfg: &config.Config{}}
	d.cfg.Logs.Error = filepath.Join(t.TempDir(), "errors.log")
	if err := d.mayRotate("posthoorn"); err != nil {
		t.Error(err)
	}
	d.cfg.Logs.Send.File = filepath.Join(d.cfg.Logs.Error, "attempts.log")
	if err := d.mayRotate("posthoorn"); exitOf(err) != config.ExitConfig {
		t.Errorf("%v", err)
	}
}

// TestTrialIsApart: the commands that a trial prints read the default file too, and must not reach the broker that it names.
func TestTrialIsApart(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	file, err := trialFolder("var")
	if err != nil {
		t.Fatal(err)
	}
	usual := filepath.Join(dir, "usual.txt")
	text := "rabbitmq-address: amqp://production/\ndatabase-address: mysql://production/settings\nrabbitmq-outbox: mail\nlock: /run/posthoorn.pid\nstate-directory: /var/lib/posthoorn\n"
	if err := os.WriteFile(usual, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	cfg, err := config.Load(&config.Command{ConfigFile: file}, config.Source{Default: usual, CheckTemplate: checkTemplate})
	if err != nil {
		t.Fatal(err)
	}
	home := filepath.Join(dir, "var")
	if g := &cfg.General; !cfg.RabbitMQ.Embedded || cfg.RabbitMQ.Outbox != "outbox" || g.StateDirectory != home || filepath.Dir(g.ControlSocket) != home {
		t.Errorf("embedded %v, outbox %q, state %q, socket %q", cfg.RabbitMQ.Embedded, cfg.RabbitMQ.Outbox, g.StateDirectory, g.ControlSocket)
	}
	if a := cfg.Database.Address; a.Scheme != "sqlite" || a.Path != filepath.Join(home, "settings.db") {
		t.Errorf("database %s", a)
	}
	if len(cfg.Warnings) > 0 {
		t.Errorf("a trial begins with warnings: %v", cfg.Warnings)
	}
}
