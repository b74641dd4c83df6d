package console

import (
	"bytes"
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func writePages(t *testing.T) (dir string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "www")
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	_, _ = z.Write([]byte("script"))
	_ = z.Close()
	for name, text := range map[string]string{
		"index.html": "page", "static/main-AbCdEf12.js": "script", "static/main-AbCdEf12.js.gz": zipped.String(), "plain.css": "style",
		".hidden.txt": "no", "static/.hidden.js": "no", "odd.exe": "no", "../secret.txt": "no",
	} {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("../secret.txt", filepath.Join(dir, "link.txt")); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestPages(t *testing.T) {
	dir := writePages(t)
	r := start(t, func(o *Options, _ *Parts) { o.Dir = dir })
	b := r.browser()
	b.client.Transport = nil // it must not undo the compression by itself
	for path, want := range map[string]int{
		"/": 200, "/index.html": 200, "/static/main-AbCdEf12.js": 200, "/plain.css": 200,
		"/.hidden.txt": 404, "/static/.hidden.js": 404, "/odd.exe": 404, "/link.txt": 404, "/static": 404, "/static/": 404, "/none.js": 404,
		"/..%2fsecret.txt": 404, "/static/..%2f..%2fsecret.txt": 404, "/static/%2e%2e/%2e%2e/secret.txt": 404, "/%00.txt": 404, "/a\\..\\..\\secret.txt": 404,
	} {
		got := b.do("GET", path, nil)
		for got.status == 301 || got.status == 307 {
			got = b.do("GET", got.header.Get("Location"), nil)
		}
		if got.wants(t, want, "%s", path); strings.Contains(got.body, "no") && got.status == 200 {
			t.Errorf("%s: %q", path, got.body)
		}
	}
	for path, want := range map[string]string{"/": "no-cache", "/plain.css": "no-cache", "/static/main-AbCdEf12.js": "public, max-age=31536000, immutable"} {
		if got := b.do("GET", path, nil).header.Get("Cache-Control"); got != want {
			t.Errorf("%s: Cache-Control %q", path, got)
		}
	}
	zipped := b.do("GET", "/static/main-AbCdEf12.js", nil, "Accept-Encoding", "br, gzip;q=0.5")
	if zipped.header.Get("Content-Encoding") != "gzip" || zipped.header.Get("Content-Type") != "text/javascript; charset=utf-8" {
		t.Errorf("gzip: %v", zipped.header)
	}
	if z, err := gzip.NewReader(strings.NewReader(zipped.body)); err != nil {
		t.Error(err)
	} else if text, _ := io.ReadAll(z); string(text) != "script" {
		t.Errorf("gzip: %q", text)
	}
	for _, accept := range []string{"gzip;q=0", "br", "identity", "gzip;q=0.0"} {
		if got := b.do("GET", "/static/main-AbCdEf12.js", nil, "Accept-Encoding", accept); got.body != "script" {
			t.Errorf("%s: %q", accept, got.body)
		}
	}
}

func TestCacheControl(t *testing.T) {
	dir := writePages(t)
	r := start(t, func(o *Options, _ *Parts) { o.Dir, o.CacheControl = dir, "max-age=5" })
	if got := r.browser().do("GET", "/", nil).header.Get("Cache-Control"); got != "max-age=5" {
		t.Errorf("Cache-Control: %q", got)
	}
}

func TestNoSuchDirectory(t *testing.T) {
	if _, err := New(Options{Address: "127.0.0.1:0", Dir: "/nowhere"}); err == nil || !strings.Contains(err.Error(), "www-dir") {
		t.Errorf("%v", err)
	}
}

func TestNoPages(t *testing.T) {
	r := start(t, func(o *Options, _ *Parts) { o.Dir = t.TempDir() })
	if got := r.browser().do("GET", "/", nil); got.status != 404 || !strings.Contains(got.body, "www-dir") {
		t.Errorf("%d %q", got.status, got.body)
	}
}
