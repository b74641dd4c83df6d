package console

import (
	"embed"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path"
	"regexp"
	"strings"
	"time"
)

// embedded are the pages, as the build has made them; without a build there are none.
//
//go:embed all:assets
var embedded embed.FS

// openPages are those of a directory, or the embedded ones.
func openPages(dir string) (fs.FS, io.Closer, error) {
	if dir == "" {
		pages, err := fs.Sub(embedded, "assets")
		return pages, io.NopCloser(nil), err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, nil, err
	}
	return root.FS(), root, nil
}

// page serves a file of the pages.
func (s *Server) page(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		deny(http.StatusMethodNotAllowed, "%s is not possible here", r.Method).send(w)
		return
	}
	name := strings.TrimPrefix(r.URL.Path, "/")
	if name == "" {
		name = "index.html"
	}
	kind, ok := kinds[path.Ext(name)]
	if !ok || !fs.ValidPath(name) || strings.HasPrefix(name, ".") || strings.Contains(name, "/.") {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Cache-Control", s.cacheControl(name))
	w.Header().Add("Vary", "Accept-Encoding")
	if acceptsGzip(r) && s.file(w, r, name+".gz") || s.file(w, r, name) {
		return
	}
	w.Header().Del("Cache-Control")
	if name == "index.html" {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.WriteHeader(http.StatusNotFound)
		_, _ = io.WriteString(w, s.noPages())
		return
	}
	http.NotFound(w, r)
}

// file says whether there is such a file, and sends it then.
func (s *Server) file(w http.ResponseWriter, r *http.Request, name string) bool {
	f, err := s.pages.Open(name)
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			s.log.Warn("a file of the console cannot be read", "file", name, "error", err)
		}
		return false
	}
	defer f.Close()
	info, err := f.Stat()
	content, ok := f.(io.ReadSeeker)
	if err != nil || !ok || info.IsDir() {
		return false
	}
	if strings.HasSuffix(name, ".gz") {
		w.Header().Set("Content-Encoding", "gzip")
	}
	changed := info.ModTime()
	if s.o.Dir == "" {
		changed = time.Time{} // nobody knows when what is embedded was changed
	}
	http.ServeContent(w, r, name, changed, content)
	return true
}

func (s *Server) noPages() string {
	if s.o.Dir != "" {
		return "There is no index.html in the directory www-dir of this console.\n"
	}
	return "This program was built without the pages of the console: `make` builds them where Node is installed.\n" +
		"The API is there: see " + api + "/openapi.yaml.\n"
}

// kinds are the files that the pages may consist of.
var kinds = map[string]string{
	".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8",
	".svg": "image/svg+xml", ".png": "image/png", ".ico": "image/x-icon", ".webp": "image/webp", ".woff2": "font/woff2",
	".json": "application/json", ".txt": "text/plain; charset=utf-8", ".webmanifest": "application/manifest+json",
}

// hashed are names that change with what is in the file, as Vite writes them.
var hashed = regexp.MustCompile(`^(static|assets)/.+-[A-Za-z0-9_-]{8,}\.[a-z0-9]+$`)

func (s *Server) cacheControl(name string) string {
	switch {
	case s.o.CacheControl != "":
		return s.o.CacheControl
	case hashed.MatchString(name):
		return "public, max-age=31536000, immutable"
	}
	return "no-cache"
}

func acceptsGzip(r *http.Request) bool {
	for part := range strings.SplitSeq(r.Header.Get("Accept-Encoding"), ",") {
		word, weight, _ := strings.Cut(strings.ReplaceAll(part, " ", ""), ";")
		if word == "gzip" {
			return strings.Trim(strings.TrimPrefix(weight, "q="), "0.") != "" || weight == ""
		}
	}
	return false
}
