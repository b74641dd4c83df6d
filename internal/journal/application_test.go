package journal

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

type secret string

func (secret) LogValue() slog.Value { return slog.StringValue("***") }

func entry(level slog.Level, text string, attrs ...any) slog.Record {
	r := slog.NewRecord(time.Date(2019, 9, 23, 12, 46, 56, 0, time.UTC), level, text, 0)
	r.Add(attrs...)
	return r
}

func TestApplicationLines(t *testing.T) {
	dir := t.TempDir()
	j := open(t, Options{Application: []string{filepath.Join(dir, "app"), filepath.Join(dir, "second")}, ErrorLog: filepath.Join(dir, "error"), Level: slog.LevelDebug})
	plugin := j.Handler().WithAttrs([]slog.Attr{slog.String(SourceKey, "plugin")})
	deep := plugin.WithGroup("").WithGroup("g").WithAttrs([]slog.Attr{slog.Int("n", 1)})
	for _, c := range []struct {
		h slog.Handler
		r slog.Record
	}{
		{plugin, entry(slog.LevelError, "text")},
		{plugin, entry(slog.LevelWarn, "text")},
		{plugin, entry(slog.LevelInfo, "text")},
		{plugin, entry(slog.LevelDebug, "text")},
		{j.Handler(), entry(slog.LevelError+4, "no source", "error", errors.New("no route to host"), "password", secret("x"))},
		{deep, entry(slog.LevelInfo, "deep", "s", `a "b"`, slog.Group("h", "e", ""), slog.Group("", "i", 2*time.Second), "source", "x")},
		{j.Handler(), entry(slog.LevelInfo, "odd", "", "dropped", "nil", nil, "t", time.Unix(0, 0), "line", "a\nb", "=", "c=d", "é", "ü", SourceKey, "x]\n[y")},
	} {
		if err := c.h.Handle(context.Background(), c.r); err != nil {
			t.Error(err)
		}
	}
	shut(t, j)
	const severe = `[Critical] [2019-09-23 12:46:56] [plugin] text
[Warning]  [2019-09-23 12:46:56] [plugin] text
`
	const info = `[Info]     [2019-09-23 12:46:56] [plugin] text
`
	const last = `[Critical] [2019-09-23 12:46:56] [posthoorn] no source error="no route to host" password=***
`
	all := severe + info + info + last +
		`[Info]     [2019-09-23 12:46:56] [plugin] deep g.n=1 g.s="a \"b\"" g.h.e="" g.i=2s g.source=x
[Info]     [2019-09-23 12:46:56] [x] [y] odd nil=<nil> t="1970-01-01 00:00:00" line="a\nb" =="c=d" é=ü
`
	for name, want := range map[string]string{"app": all, "second": all, "error": severe + last} {
		if got := read(t, filepath.Join(dir, name)); got != want {
			t.Errorf("%s is\n%swant\n%s", name, got, want)
		}
	}
}

func TestLevels(t *testing.T) {
	dir := t.TempDir()
	enabled := func(o Options) string {
		h := open(t, o).Handler()
		var levels []string
		for _, l := range []slog.Level{slog.LevelDebug, slog.LevelInfo, slog.LevelWarn, slog.LevelError} {
			if h.Enabled(context.Background(), l) {
				levels = append(levels, l.String())
			}
		}
		return strings.Join(levels, " ")
	}
	app, errorLog := []string{filepath.Join(dir, "app")}, filepath.Join(dir, "error")
	for _, c := range []struct {
		o    Options
		want string
	}{
		{Options{Application: app}, "INFO WARN ERROR"},
		{Options{Application: app, Level: slog.LevelDebug}, "DEBUG INFO WARN ERROR"},
		{Options{ErrorLog: errorLog, Level: slog.LevelDebug}, "WARN ERROR"},
		{Options{Application: app, ErrorLog: errorLog, Level: slog.LevelError}, "ERROR"},
	} {
		if got := enabled(c.o); got != c.want {
			t.Errorf("%+v: %s, want %s", c.o, got, c.want)
		}
	}
}

func TestSyslog(t *testing.T) {
	server, err := net.ListenPacket("unixgram", filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	s, err := openSyslog("unixgram", server.LocalAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	lines := "[Critical] a\n[Warning]  b\n[Info]     c\n"
	if n, err := s.write([]byte(lines)); n != len(lines) || err != nil {
		t.Fatal(n, err)
	}
	server.SetReadDeadline(time.Now().Add(time.Minute))
	for _, want := range []struct{ priority, text string }{{"<18>", "[Critical] a\n"}, {"<20>", "[Warning]  b\n"}, {"<22>", "[Info]     c\n"}} {
		buf := make([]byte, 1000)
		n, _, err := server.ReadFrom(buf)
		if got := string(buf[:n]); err != nil || !strings.HasPrefix(got, want.priority) || !strings.HasSuffix(got, want.text) {
			t.Errorf("got %q, %v, want %v", got, err, want)
		}
	}
	server.Close()
	if n, err := s.write([]byte(lines)); n != 0 || err == nil {
		t.Errorf("to nobody: %d, %v", n, err)
	}
}

func TestStandardStreams(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	stdout, stderr := os.Stdout, os.Stderr
	os.Stdout, os.Stderr = w, w
	j, err := Open(Options{Application: []string{"stdout", "stderr", "stdout"}})
	os.Stdout, os.Stderr = stdout, stderr
	if err != nil {
		t.Fatal(err)
	}
	if err := j.Handler().Handle(context.Background(), entry(slog.LevelWarn, "text")); err != nil {
		t.Error(err)
	}
	if err := j.Reopen(context.Background()); err != nil {
		t.Error(err)
	}
	shut(t, j)
	w.Close()
	got, err := io.ReadAll(r)
	if want := strings.Repeat("[Warning]  [2019-09-23 12:46:56] [posthoorn] text\n", 2); string(got) != want || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
}
