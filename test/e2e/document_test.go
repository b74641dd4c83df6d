package e2e

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/http"
	"net/http/httptest"
	netmail "net/mail"
	"strings"
	"sync/atomic"
	"testing"
)

// web is a server of what documents refer to.
type web struct {
	*httptest.Server
	asked   atomic.Int32
	release chan struct{}
}

func newWeb(t *testing.T) *web {
	t.Helper()
	w := &web{release: make(chan struct{})}
	mux := http.NewServeMux()
	mux.HandleFunc("/terms.pdf", func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("Content-Type", "application/pdf")
		_, _ = io.WriteString(rw, "%PDF-1.4 terms")
	})
	mux.HandleFunc("/busy", func(rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(http.StatusServiceUnavailable) })
	mux.HandleFunc("/slow", func(rw http.ResponseWriter, r *http.Request) {
		select {
		case <-w.release:
		case <-r.Context().Done():
		}
		_, _ = io.WriteString(rw, "late")
	})
	w.Server = httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		w.asked.Add(1)
		mux.ServeHTTP(rw, r)
	}))
	t.Cleanup(w.Close)
	return w
}

// A document becomes a mail that other programs read, with the data of its recipient and its attachments (responsive-email.md).
func TestMailFromJSON(t *testing.T) {
	w := newWeb(t)
	document := map[string]any{
		"from": map[string]string{"name": "The Shop, \u00e9", "address": "news@shop.test"}, "to": "{$name} <ada@x.test>", "bcc": "secret@x.test",
		"subject": "{$name}: order {$order}", "text": "Order {$order} is on its way.",
		"content": map[string]any{"blocks": []any{
			map[string]any{"type": "heading", "content": "On its way"},
			map[string]any{"type": "text", "content": "1 < 2, {$name}"},
			map[string]any{"type": "button", "label": "Track", "link": map[string]string{"url": "https://shop.test/track?o={$order}"}},
		}},
		"attachments": []any{
			map[string]string{"name": "hello.txt", "data": "aGVsbG8="},
			map[string]string{"name": "terms {$order}.pdf", "url": w.URL + "/terms.pdf?for={$order}"},
		},
	}
	host := strings.TrimPrefix(w.URL, "http://127.0.0.1:")
	onBoth(t, setup{keys: map[string]string{"download-whitelist": "127.0.0.1/32:" + host}}, func(t *testing.T, r *rig) {
		body, _ := json.Marshal(map[string]any{"recipient": "ada@x.test", "mime": document, "data": map[string]any{"name": "Ada <b>\r\nX: y", "order": 1044}})
		r.publish("%s", body)
		r.one("success")
		source := r.received("ada@x.test").Source
		m, err := netmail.ReadMessage(bytes.NewReader(source))
		if err != nil {
			t.Fatal(err)
		}
		if m.Header.Get("X") != "" || m.Header.Get("Bcc") != "" || m.Header.Get("Date") == "" || !strings.HasSuffix(m.Header.Get("Message-Id"), "@shop.test>") {
			t.Errorf("%v", m.Header)
		}
		if to, err := m.Header.AddressList("To"); err != nil || len(to) != 1 || to[0].Address != "ada@x.test" {
			t.Errorf("To: %v, %v", to, err)
		}
		got := leaves(t, m.Header, m.Body)
		if len(got) != 4 || got[0] != "text/plain: Order 1044 is on its way." || !strings.Contains(got[1], "1 &lt; 2, Ada &lt;b&gt;") || !strings.Contains(got[1], "track?o=1044") ||
			got[2] != "hello.txt: hello" || got[3] != "terms 1044.pdf: %PDF-1.4 terms" {
			t.Errorf("%q", got)
		}
		eventually(t, "the line of the download", func() bool { return strings.Contains(r.read("downloads"), w.URL+"/terms.pdf?for=1044\n") })
	})
}

// leaves are the parts of a message, each with its type or the name of its file.
func leaves(t *testing.T, header map[string][]string, body io.Reader) (list []string) {
	t.Helper()
	kind, params, err := mime.ParseMediaType(http.Header(header).Get("Content-Type"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(kind, "multipart/") {
		text, err := io.ReadAll(body)
		if err != nil {
			t.Fatal(err)
		}
		if _, disposition, err := mime.ParseMediaType(http.Header(header).Get("Content-Disposition")); err == nil && disposition["filename"] != "" {
			kind = disposition["filename"]
		}
		return []string{kind + ": " + strings.TrimSpace(string(decodedBody(t, http.Header(header).Get("Content-Transfer-Encoding"), text)))}
	}
	for r := multipart.NewReader(body, params["boundary"]); ; {
		p, err := r.NextRawPart()
		if err == io.EOF {
			return list
		}
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, leaves(t, p.Header, p)...)
	}
}

// What cannot be downloaded: an address that must not be reached is not, a server that is busy costs an attempt, and one that is slow
// holds up its own mail alone.
func TestDownloadsThatFail(t *testing.T) {
	t.Parallel()
	w, private := newWeb(t), newWeb(t)
	defer close(w.release)
	host := strings.TrimPrefix(w.URL, "http://127.0.0.1:")
	onEmbedded(t, setup{keys: map[string]string{"download-whitelist": "127.0.0.1/32:" + host}}, func(t *testing.T, r *rig) {
		with := func(url string) string { return `"mime":{"from":"a@b.test","attachments":[{"url":"` + url + `"}]}` }
		for url, want := range map[string]string{
			private.URL + "/terms.pdf":        "responsive/error 554 5.6.5",
			"http://localhost:" + host + "/x": "responsive/error 554 5.6.5",
			"file:///etc/passwd":              "responsive/error 554 5.6.5",
			w.URL + "/missing":                "responsive/error 554 5.6.5",
		} {
			r.publish(`{"recipient":"you@x.test",%s}`, with(url))
			if o := r.one("failure"); o.last().brief() != want {
				t.Errorf("%s: %s", url, o.raw)
			}
		}
		if n := private.asked.Load(); n != 0 {
			t.Errorf("a private server was asked %d times", n)
		}
		r.publish(`{"recipient":"you@x.test",%s,"maxattempts":1}`, with(w.URL+"/busy"))
		if o := r.one("failure"); o.last().State != "responsive" || o.last().Code != 451 {
			t.Errorf("%s", o.raw)
		}
		r.publish(`{"recipient":"you@x.test",%s,"force":true}`, with(w.URL+"/busy"))
		r.one("success")
		for range 14 { // says nothing about the servers of x.test
			r.publish(`{"recipient":"you@x.test","maxattempts":1,%s}`, with("http://nowhere.invalid/x"))
		}
		r.take("failure", 14)
		r.publish(`{"recipient":"late@x.test",%s}`, with(w.URL+"/slow"))
		for range 20 {
			r.publish(`{"recipient":"you@x.test","mime":"Subject: at once\r\n\r\n"}`)
		}
		r.take("success", 20)
		w.release <- struct{}{} // had the others waited for it, it would have taken too long and been tried again
		if o := r.one("success"); o.Recipient != "late@x.test" || len(o.Results) != 1 {
			t.Errorf("%s", o.raw)
		}
	})
}

func decodedBody(t *testing.T, encoding string, text []byte) []byte {
	t.Helper()
	var r io.Reader = bytes.NewReader(text)
	switch strings.ToLower(encoding) {
	case "quoted-printable":
		r = quotedprintable.NewReader(r)
	case "base64":
		r = base64.NewDecoder(base64.StdEncoding, r)
	}
	out, err := io.ReadAll(r)
	if err != nil {
		t.Errorf("%s: %v", encoding, err)
	}
	return out
}
