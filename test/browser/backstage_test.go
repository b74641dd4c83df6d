package browser

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// backstage is where the scripts of the browser ask what really happened, and have things done that an operator does elsewhere.
func (r *rig) backstage() string {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /seen/{domain}", func(w http.ResponseWriter, q *http.Request) { tell(w, r.receiver.of(q.PathValue("domain")), nil) })
	mux.HandleFunc("POST /submit/{recipient}/{secret}", func(w http.ResponseWriter, q *http.Request) {
		s, err := r.submit(q.PathValue("recipient"), q.PathValue("secret"))
		tell(w, s, err)
	})
	mux.HandleFunc("POST /publish/{recipient}", func(w http.ResponseWriter, q *http.Request) {
		tell(w, nil, r.publish(message(q.PathValue("recipient"))))
	})
	mux.HandleFunc("POST /name", func(w http.ResponseWriter, q *http.Request) {
		line, _ := io.ReadAll(q.Body)
		tell(w, nil, r.addName(string(line)))
	})
	mux.HandleFunc("POST /restart", func(w http.ResponseWriter, _ *http.Request) { tell(w, nil, r.restart()) })
	mux.HandleFunc("POST /api", func(w http.ResponseWriter, q *http.Request) {
		token, _ := io.ReadAll(q.Body)
		status, err := r.withToken(string(token))
		tell(w, status, err)
	})
	mux.HandleFunc("POST /compress/{word}", func(w http.ResponseWriter, q *http.Request) {
		name, err := r.compress(q.PathValue("word"))
		tell(w, name, err)
	})
	return r.serve(mux)
}

// stranger is a site that has nothing to do with the console but an operator who reads both.
func (r *rig) stranger() string {
	return r.serve(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = io.WriteString(w, `<!doctype html><title>A stranger</title><link rel="icon" href="data:,"><p>A stranger</p>`)
	}))
}

func (r *rig) serve(h http.Handler) string {
	s := httptest.NewServer(h)
	r.t.Cleanup(s.Close)
	return s.URL
}

func tell(w http.ResponseWriter, answer any, err error) {
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	_ = json.NewEncoder(w).Encode(answer)
}

// withToken is what a script gets that has a token and no session: the status of a look, and of a change.
func (r *rig) withToken(token string) (statuses [2]int, err error) {
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	for i, ask := range []struct{ method, path, body string }{
		{"GET", "/overview", ""}, {"POST", "/tables/locals/preview", `{"cells":{"address":"a@script.test","type":"exact"}}`},
	} {
		q, err := http.NewRequestWithContext(r.t.Context(), ask.method, r.console+"/api/v1"+ask.path, strings.NewReader(ask.body))
		if err != nil {
			return statuses, err
		}
		q.Header.Set("Authorization", "Bearer "+token)
		q.Header.Set("Content-Type", "application/json")
		a, err := client.Do(q)
		if err != nil {
			return statuses, err
		}
		_ = a.Body.Close()
		statuses[i] = a.StatusCode
	}
	return statuses, nil
}

// compress finds the old send log that has a word in it, and compresses it as a job of the night does; empty: no old one has it yet.
func (r *rig) compress(word string) (name string, err error) {
	files, _ := filepath.Glob(filepath.Join(r.dir, "send.bin.*[0-9]"))
	for _, file := range files {
		if text, err := os.ReadFile(file); err == nil && bytes.Contains(text, []byte(word)) {
			return filepath.Base(file), exec.CommandContext(r.t.Context(), "gzip", file).Run()
		}
	}
	return "", nil
}
