package journal

import (
	"compress/gzip"
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var when = time.Date(2018, 8, 29, 9, 20, 16, 0, time.FixedZone("", 7200))

var (
	email     = []byte("{\"envelope\":\"a@example.com\",\r\n\"recipient\":\"b@example.org\",\"tags\":[\"a\",\"b\"]}")
	result    = []byte(`{"state":"message","result":"accepted","from":"192.0.2.1","to":"192.0.2.9","code":250,"status":"2.0.0","description":"Ok"}`)
	published = []byte(`{"envelope":"a@example.com","recipient":"b@example.org","message-id":"<m1>","connection":{"remote-ip":"192.0.2.7","local-ip":"192.0.2.1"}}`)
)

func open(t *testing.T, o Options) *Journal {
	t.Helper()
	j, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { shut(t, j) })
	return j
}

func shut(t *testing.T, j *Journal) {
	t.Helper()
	if err := j.Close(context.Background()); err != nil {
		t.Error(err)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasSuffix(path, gzipped) {
		return string(b)
	}
	r, err := gzip.NewReader(strings.NewReader(string(b)))
	if err != nil {
		t.Fatal(err)
	}
	b, err = io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, e := range entries {
		all = append(all, e.Name())
	}
	slices.Sort(all)
	return all
}

func textKind(dir, name string) Kind { return Kind{Text: File{Path: filepath.Join(dir, name)}} }

// logAll logs one event of each kind.
func logAll(j *Journal) {
	j.Send(Delivery{Time: when, Attempt: 1, Email: email, Result: result})
	j.Received(Reception{Time: when, JSON: published, Report: true})
	j.Download(Download{Time: when, URL: "https://example.org/a b.png"})
	j.Request(Request{Time: when, IP: "192.0.2.7", Request: "GET /settings"})
}

func TestDefaultLines(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "made", "here")
	j := open(t, Options{
		Send: textKind(dir, "send"), Received: textKind(dir, "received"),
		Download: textKind(dir, "download"), WWW: textKind(dir, "www"),
	})
	logAll(j)
	shut(t, j)
	for name, want := range map[string]string{
		"send":     `[2018-08-29 07:20:16] message:accepted 1 <a@example.com> <b@example.org> [192.0.2.1] [192.0.2.9] [ "a", "b" ] 250 2.0.0 Ok`,
		"received": `[2018-08-29 07:20:16] <m1> <a@example.com> <b@example.org> [192.0.2.7] [192.0.2.1]`,
		"download": `2018-08-29 07:20:16, 1535527216, https://example.org/a b.png`,
		"www":      `2018-08-29 07:20:16, 192.0.2.7, GET /settings`,
	} {
		if got := read(t, filepath.Join(dir, name)); got != want+"\n" {
			t.Errorf("%s is\n%swant\n%s", name, got, want)
		}
	}
	if info, _ := os.Stat(filepath.Join(dir, "send")); info.Mode().Perm()&^0o640 != 0 {
		t.Errorf("mode is %v", info.Mode())
	}
}

func TestMissingProperties(t *testing.T) {
	dir := t.TempDir()
	j := open(t, Options{Send: textKind(dir, "send"), Received: Kind{Format: "{$time} {$report} {$json.nothing}", Text: File{Path: filepath.Join(dir, "received")}}})
	j.Send(Delivery{Time: when, Attempt: 2, Email: []byte(`{"recipient":"b@example.org"}`), Result: []byte(`{"state":"dns","result":"error"}`)})
	j.Received(Reception{Time: when})
	shut(t, j)
	if got, want := read(t, filepath.Join(dir, "send")), "[2018-08-29 07:20:16] dns:error 2 <> <b@example.org> [] []    \n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := read(t, filepath.Join(dir, "received")), "1535527216 false \n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestBinaryLines(t *testing.T) {
	dir := t.TempDir()
	bin := func(name string) Kind { return Kind{Binary: File{Path: filepath.Join(dir, name)}} }
	j := open(t, Options{Send: bin("send"), Received: bin("received"), Download: bin("download"), WWW: bin("www")})
	if !j.SendOn() || !j.ReceivedOn() {
		t.Error("binary logs are off")
	}
	logAll(j)
	large := []byte(`{"a":"` + strings.Repeat("x", maxDocument) + `"}`)
	j.Send(Delivery{Time: when, Attempt: 3, Email: large, Result: []byte("{\"half\":")})
	shut(t, j)
	for name, want := range map[string]string{
		"send": `{"time":"2018-08-29 07:20:16","attempt":1,"email":{"envelope":"a@example.com",  "recipient":"b@example.org","tags":["a","b"]},"result":` + string(result) + "}\n" +
			`{"time":"2018-08-29 07:20:16","attempt":3,"email-size":1048584,"result-size":8}`,
		"received": `{"time":"2018-08-29 07:20:16","report":true,"json":` + string(published) + `}`,
		"download": `{"time":"2018-08-29 07:20:16","url":"https://example.org/a b.png"}`,
		"www":      `{"time":"2018-08-29 07:20:16","ip":"192.0.2.7","request":"GET /settings"}`,
	} {
		if got := read(t, filepath.Join(dir, name)); got != want+"\n" {
			t.Errorf("%s is\n%swant\n%s", name, got, want)
		}
	}
}

func TestOff(t *testing.T) {
	j := open(t, Options{})
	if j.SendOn() || j.ReceivedOn() || slog.New(j.Handler()).Enabled(context.Background(), slog.LevelError) {
		t.Error("something is on")
	}
	logAll(j)
	slog.New(j.Handler()).Error("nobody hears it")
}

// hostile is T28: whatever a client or a server sends, one event is one line.
var hostile = []string{
	"a\nb", "a\r\nb", "a\rb", "a\x00b", "a\x1b[2Jb", "a\tb", "a\vb\fb", "a\u0085b", "a\u2028b\u2029b", "a\x7fb", "a\u009bb",
	"a\xff\xfeb", "\n\n\n", "x\n[2018-08-29 07:20:16] message:accepted 1 <forged@example.com>", "{$date}{if 1}", "%s%n", `"},{"`,
	strings.Repeat("long\n", 100_000), strings.Repeat("é", 5000), "\xf0\x9f", strings.Repeat("\xff", 9000),
}

func TestOneEventIsOneLine(t *testing.T) {
	dir := t.TempDir()
	kind := func(name, format string) Kind {
		return Kind{Format: format, Text: File{Path: filepath.Join(dir, name)}, Binary: File{Path: filepath.Join(dir, name+".bin")}}
	}
	j := open(t, Options{
		Send: kind("send", "{$email.recipient}\n{$email}{$result.description}{$email.recipient|base64_decode}"), Received: kind("received", "{$json.x}|{$json}"),
		Download: kind("download", ""), WWW: kind("www", "\r{$ip}\n{$request}"),
		Application: []string{filepath.Join(dir, "app")}, ErrorLog: filepath.Join(dir, "error"),
	})
	log := slog.New(j.Handler())
	for _, s := range hostile {
		raw := append(append([]byte(`{"recipient":"`), s...), `","x":"a\nb"}`...)
		escaped := newRecord(nil, when)
		escaped.text("description", s)
		j.Send(Delivery{Time: when, Email: raw, Result: escaped.end()})
		j.Send(Delivery{Time: when, Email: escaped.end(), Result: raw})
		j.Received(Reception{Time: when, JSON: raw})
		j.Received(Reception{Time: when, JSON: escaped.end()})
		j.Download(Download{Time: when, URL: s})
		j.Request(Request{Time: when, IP: s, Request: s})
		log.Error(s, s, s, "error", errors.New(s), SourceKey, s, slog.Group(s, "k", s))
		log.With(s, s).WithGroup(s).Error("x", "y", s)
	}
	shut(t, j)
	events := map[string]int{"send": 2, "received": 2, "app": 2, "error": 2, "download": 1, "www": 1, "send.bin": 2, "received.bin": 2, "download.bin": 1, "www.bin": 1}
	for name, each := range events {
		content := read(t, filepath.Join(dir, name))
		checkLines(t, name, content, each*len(hostile))
	}
}

func checkLines(t *testing.T, name, content string, want int) {
	t.Helper()
	n := 0
	for line := range strings.Lines(content) {
		n++
		line = strings.TrimSuffix(line, "\n")
		if strings.ContainsFunc(line, isControl) && !strings.HasSuffix(name, ".bin") {
			t.Errorf("%s has a control character: %.200q", name, line)
		}
		if len(line) > maxLine+4*maxValue && !strings.HasSuffix(name, ".bin") {
			t.Errorf("%s has a line of %d bytes", name, len(line))
		}
	}
	if n != want {
		t.Errorf("%s has %d lines, want %d", name, n, want)
	}
}

func TestLongValueLeavesTheRestOfTheLine(t *testing.T) {
	dir := t.TempDir()
	j := open(t, Options{WWW: textKind(dir, "www")})
	j.Request(Request{Time: when, IP: strings.Repeat("é", maxValue), Request: "GET /"})
	shut(t, j)
	got := read(t, filepath.Join(dir, "www"))
	if !strings.HasSuffix(got, "é..., GET /\n") || len(got) > maxValue+100 {
		t.Errorf("got %d bytes, ending with %q", len(got), got[len(got)-20:])
	}
}

func TestFailingTemplate(t *testing.T) {
	dir := t.TempDir()
	registry := prometheus.NewRegistry()
	j := open(t, Options{WWW: Kind{Format: "{$ip} {1 / $zero} {$request}", Text: File{Path: filepath.Join(dir, "www")}}, Registerer: registry})
	j.Request(Request{Time: when, IP: "192.0.2.7"})
	shut(t, j)
	if got := read(t, filepath.Join(dir, "www")); got != "192.0.2.7 \n" {
		t.Errorf("got %q", got)
	}
	if n := counted(t, registry, "posthoorn_journal_lines_unformatted_total", "www"); n != 1 {
		t.Errorf("%v lines are counted", n)
	}
}

func counted(t *testing.T, g prometheus.Gatherer, name, log string) float64 {
	t.Helper()
	families, err := g.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if f.GetName() == name && m.GetLabel()[0].GetValue() == log {
				return m.GetCounter().GetValue()
			}
		}
	}
	return 0
}

func TestOpenErrors(t *testing.T) {
	dir := t.TempDir()
	plain := filepath.Join(dir, "plain")
	if err := os.WriteFile(plain, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	rotated := File{Path: filepath.Join(dir, "both"), Rotate: true}
	for name, o := range map[string]Options{
		"send-log-format: line 1 col 4": {Send: Kind{Format: "{if}"}},
		"send log":                      {Send: textKind(dir, ".")},
		"received-bin log":              {Received: Kind{Binary: File{Path: filepath.Join(plain, "x")}}},
		"application log":               {Application: []string{filepath.Join(dir, "fine"), dir}},
		"error log":                     {ErrorLog: dir},
		"rotated in another way":        {Send: Kind{Text: rotated}, Download: textKind(dir, "both")},
	} {
		if _, err := Open(o); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: error is %v", name, err)
		}
	}
}

func TestSharedFile(t *testing.T) {
	dir := t.TempDir()
	one := textKind(dir, "all")
	j := open(t, Options{Send: one, Received: one, Download: one, WWW: one, Application: []string{filepath.Join(dir, "x", "..", "all")}, ErrorLog: filepath.Join(dir, "all")})
	logAll(j)
	slog.New(j.Handler()).Warn("also here")
	shut(t, j)
	checkLines(t, "all", read(t, filepath.Join(dir, "all")), 5)
}

func BenchmarkSend(b *testing.B) {
	j, err := Open(Options{Send: Kind{Text: File{Path: filepath.Join(b.TempDir(), "send"), Rotate: true, History: 1}}})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		j.Send(Delivery{Time: when, Attempt: 1, Email: email, Result: result})
	}
	j.Close(context.Background())
}
