package login

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// write makes the file anew, as of a time in the past, so that its change shows.
func write(t *testing.T, path, text string, age time.Duration) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	at := time.Now().Add(-age)
	if err := os.Chtimes(path, at, at); err != nil {
		t.Fatal(err)
	}
}

func open(t *testing.T, text string) (f *File, path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "logins")
	write(t, path, text, time.Hour)
	f, err := NewFile(path, quiet)
	if err != nil {
		t.Fatal(err)
	}
	return f, path
}

const (
	secret = "$6$abcdefgh$ltjgWl6579NluT/Vi1nwEvcil.G5Nbc4NiXZaNGStk8PSwGfQv72N2CKPPrVACtLtip/cZ/1GM/O6IND4WQhG."
	geheim = "$6$x$w37ixpiXQhfjGgn3UCvKLp/5EQmfHNe8ynDR/KQc3AXnn5RBRNR6ybjw1jDMINVcOYB8Qt/LDYSIuCGtkZLa3/"
)

func TestHashesOfOthers(t *testing.T) {
	f, err := NewFile("testdata/hashes.txt", slog.New(failing{t}))
	if err != nil {
		t.Fatal(err)
	}
	if len(f.list.names) != 8 {
		t.Fatal(f.list.names)
	}
	for _, user := range f.list.names {
		if !ask(t, f, user, "secret") || ask(t, f, user, "secreT") || ask(t, f, user, "secret\x00") || ask(t, f, user, strings.Repeat("x", 1000)) {
			t.Error(user)
		}
	}
	for _, c := range append(wrongForAll, [2]string{"nobody", "secret"}, [2]string{"# Made by libxcrypt", ""}) {
		if ask(t, f, c[0], c[1]) {
			t.Errorf("%q is right", c)
		}
	}
}

// failing is a log that nothing may be written to.
type failing struct{ t *testing.T }

func (f failing) Enabled(context.Context, slog.Level) bool { return true }
func (f failing) Handle(_ context.Context, r slog.Record) error {
	f.t.Error(r.Message)
	return nil
}
func (f failing) WithAttrs([]slog.Attr) slog.Handler { return f }
func (f failing) WithGroup(string) slog.Handler      { return f }

// TestBadLines: they are told by number, without what they hold, and the good ones count.
func TestBadLines(t *testing.T) {
	bad := []string{"nobody", ":" + secret, "a:", "a:secret", "a:$1$abcdefgh$cHJi5PXp/ki/ktXzqlk6I1", "a:$plaintext$secret", "a:!" + secret, "a:*",
		"a:$6$abcdefgh$", "a:$2b$05$abcdefghijklmnopqrstuu", "a:$y$$$", "a:$y$jzzzzzz$F5Jx5fExrKuPp53xLKQ..1$YKi9EckayXb2UWvkimn3WQCLFhiyd0zZvmBJiXdDcC8",
		"a:$argon2id$v=19$m=4294967295,t=3,p=4$c29tZXNhbHQxMjM0NTY3$RdescudvJCsgt3ub+b27JGSjRDX6SkJ0vF5mIQ",
		"a:" + strings.Replace(secret, "$6$", "$6$rounds=999999999$", 1), "a:$2b$31$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a",
		"a:$y$jcT$F5Jx5fExrKuPp53xLKQ..1$YKi9EckayXb2UWvkimn3WQCLFhiyd0zZvmBJiXdDcC8", "a:$2$", "a:$2b", "good:" + secret}
	for _, line := range bad {
		var log bytes.Buffer
		path := filepath.Join(t.TempDir(), "logins")
		write(t, path, "# logins\n\ngood:"+secret+":19000:0::\n  other:"+geheim+"\r\n"+line+"\n", time.Hour)
		f, err := NewFile(path, slog.New(slog.NewTextHandler(&log, nil)))
		if err != nil {
			t.Fatal(err)
		}
		if !ask(t, f, "good", "secret") || !ask(t, f, "other", "geheim") || ask(t, f, "a", "secret") || ask(t, f, "nobody", "") || ask(t, f, "", "secret") {
			t.Error(line)
		}
		if got := log.String(); strings.Count(got, "\n") != 1 || !strings.Contains(got, "line=5") || len(line) > 30 && strings.Contains(got, line[20:]) {
			t.Errorf("%s: %s", line, got)
		}
	}
}

func TestManyBadLinesAreCounted(t *testing.T) {
	var log bytes.Buffer
	path := filepath.Join(t.TempDir(), "logins")
	write(t, path, strings.Repeat("x\n", 1000), time.Hour)
	if _, err := NewFile(path, slog.New(slog.NewTextHandler(&log, nil))); err != nil {
		t.Fatal(err)
	}
	if got := log.String(); strings.Count(got, "\n") != 11 || !strings.Contains(got, "lines=990") {
		t.Error(got)
	}
}

func TestAChangedFileIsReadAgain(t *testing.T) {
	f, path := open(t, "shop:"+secret+"\n")
	if !ask(t, f, "shop", "secret") {
		t.Fatal("not right")
	}
	write(t, path, "shop:"+geheim+"\n", time.Minute)
	if ask(t, f, "shop", "secret") || !ask(t, f, "shop", "geheim") {
		t.Error("the old file counts")
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if ok, err := f.Check(t.Context(), "shop", "geheim"); ok || err == nil {
		t.Error("without a file", ok, err)
	}
	write(t, path, "shop:"+secret+"\n", time.Second)
	if !ask(t, f, "shop", "secret") {
		t.Error("the file is back")
	}
	write(t, path, strings.Repeat("#", maxFile+1), 0)
	if ok, err := f.Check(t.Context(), "shop", "secret"); ok || err == nil {
		t.Error("too large", ok, err)
	}
	write(t, path, "", 0)
	if ask(t, f, "shop", "secret") {
		t.Error("an empty file takes somebody")
	}
}

// TestAFileWrittenTwiceWithinMoments: neither its size nor its time show the second change.
func TestAFileWrittenTwiceWithinMoments(t *testing.T) {
	f, path := open(t, "shop:"+secret+"\n")
	ago := func(seconds int) time.Time { return time.Now().Add(-time.Duration(seconds) * time.Second) }
	at := ago(10)
	set := func(text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, at, at); err != nil {
			t.Fatal(err)
		}
	}
	set("shop:" + geheim + "\n")
	if !ask(t, f, "shop", "geheim") {
		t.Fatal("not read")
	}
	f.read = at.Add(time.Millisecond) // it was read right then
	set("shop:" + geheim[:len(geheim)-1] + "x\n")
	if ask(t, f, "shop", "geheim") {
		t.Error("the second change is not seen")
	}
}

func TestNoFile(t *testing.T) {
	if _, err := NewFile(filepath.Join(t.TempDir(), "none"), quiet); err == nil {
		t.Error("no error")
	}
}

// TestUnknownUsersCostWork: a hash of the file is computed for them too, always the same one.
func TestUnknownUsersCostWork(t *testing.T) {
	f, _ := open(t, "shop:"+secret+"\nother:"+geheim+"\n")
	seen := map[string]bool{}
	for _, user := range []string{"a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n", "o", "p"} {
		hash, known := f.pick(f.list, user)
		again, _ := f.pick(f.list, user)
		if known || hash != again || hash != secret && hash != geheim {
			t.Errorf("%s: %v %s %s", user, known, hash, again)
		}
		seen[hash] = true
	}
	if len(seen) != 2 {
		t.Error("all have the same hash")
	}
	if hash, known := f.pick(f.list, "shop"); !known || hash != secret {
		t.Error(hash, known)
	}
}

// TestChecksAreBounded: when all processors are busy a check waits, but not for ever.
func TestChecksAreBounded(t *testing.T) {
	f, _ := open(t, "shop:"+secret+"\n")
	for range cap(f.slots) {
		f.slots <- struct{}{}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if ok, err := f.Check(ctx, "shop", "secret"); ok || err == nil {
		t.Error(ok, err)
	}
}

func FuzzHash(f *testing.F) {
	h, err := newHashes()
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{secret, "$2b$05$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a",
		"$y$j75$F5Jx5fExrKuPp53xLKQ..1$l5YiXCKNY/N9ezall4xjJAFS/wg.kWVcFXfOzyxVn1.",
		"$argon2id$v=19$m=1024,t=2,p=1$c29tZXNhbHQ$L+Zv6RUcZHNM8MRv8NxKmDbA+W2z7wbsR1KkBvCYVuU"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if d, err := h.parse(text); err == nil && len(d.Key()) == 0 {
			t.Error("a hash without a key")
		}
	})
}
