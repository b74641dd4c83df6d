package e2e

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	netmail "net/mail"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/html"
)

// lineEnds wants to be more than a value.
const lineEnds = "v\r\nX-Injected: 1\r\nBcc: victim@x.test\r\n\r\nbody\rX-Injected: 2\nX-Injected: 3\x00\u2028>, victim@x.test, <"

// everyField is a document with a value in every place that has room for one.
func everyField(v string) map[string]any {
	return map[string]any{
		"from": map[string]string{"name": v, "address": "me@shop.test"}, "replyTo": []any{map[string]string{"name": v, "address": "me@shop.test"}},
		"to": map[string]string{"name": v, "address": "you@x.test"}, "cc": []any{map[string]string{"name": v, "address": "you@x.test"}}, "bcc": "secret@x.test", "subject": v, "text": v,
		"headers": map[string]any{"X-One": v, "X-List": []string{v, v}, "Sender": "me@shop.test", "Message-ID": v, "Date": v, "References": v}, "extra": map[string]any{"x-two": v},
		"unsubscribe": map[string]any{"email": v, "url": "https://shop.test/" + v, "oneclick": true}, "font": map[string]string{"family": v}, "css": map[string]string{"color": v},
		"attributes":  map[string]string{"title": v},
		"attachments": []any{map[string]string{"name": v, "type": "text/plain; charset=" + v, "data": "aGVsbG8="}},
		"content": map[string]any{"blocks": []any{
			map[string]any{"type": "heading", "content": v}, map[string]any{"type": "text", "content": v, "container": map[string]any{"attributes": map[string]string{"title": v, "style": v}}},
			map[string]any{"type": "button", "label": v, "link": map[string]any{"url": "https://shop.test/?q=" + v, "title": v, "params": map[string]string{"a": v}}},
			map[string]any{"type": "image", "src": "https://shop.test/" + v, "alt": v, "width": "10"},
		}},
	}
}

// No value can begin a header field, end the header, or add an address: not in a document, not in what fills its templates, not in
// edits of the header (P7, T3).
func TestLineEndsInEveryField(t *testing.T) {
	t.Parallel()
	onEmbedded(t, setup{}, func(t *testing.T, r *rig) {
		data := map[string]any{"v": lineEnds}
		edits := map[string]any{"replace": map[string]string{"Subject": lineEnds, "To": lineEnds}, "append": map[string]any{"X-More": []string{lineEnds}}, "prepend": map[string]string{"X-First": lineEnds}}
		plain := "From: a@shop.test\r\nTo: you@x.test\r\nSubject: x\r\n\r\nbody\r\n"
		template := "From: {$v} <a@shop.test>\r\nTo: \"{$v}\" <you@x.test>\r\nCc: {$v}\r\nSubject: {$v}\r\nList-Unsubscribe: <https://shop.test/{$v}>\r\n\r\n{$v}\r\n"
		messages := []map[string]any{
			{"mime": everyField(lineEnds)}, {"mime": everyField("{$v}"), "data": data}, {"mime": everyField("{$v|raw}"), "data": data}, {"mime": everyField(lineEnds), "data": data, "inlinecss": true},
			{"mime": template, "data": data}, {"mime": plain, "headers": edits}, {"mime": plain, "headers": map[string]any{"append": map[string]string{"X: y\r\nX-Injected": "1"}}},
		}
		for _, m := range messages {
			m["recipient"], m["envelope"], m["force"] = "you@x.test", "me@shop.test", true
			body, _ := json.Marshal(m)
			r.publish("%s", body)
		}
		r.take("results", len(messages))
		arrived := r.sink.Messages()
		if len(arrived) != len(messages) {
			t.Errorf("%d of %d arrived", len(arrived), len(messages))
		}
		for _, m := range arrived {
			head, _, _ := bytes.Cut(m.Source, []byte("\r\n\r\n"))
			parsed, err := netmail.ReadMessage(bytes.NewReader(m.Source))
			if err != nil {
				t.Fatalf("%v\n%.3000q", err, m.Source)
			}
			for _, name := range []string{"X-Injected", "Bcc"} {
				if parsed.Header[name] != nil {
					t.Errorf("%s stands in the header:\n%s", name, head)
				}
			}
			for _, name := range []string{"From", "To", "Cc", "Reply-To"} {
				list, _ := parsed.Header.AddressList(name)
				if len(list) > 1 || len(list) == 1 && strings.HasPrefix(list[0].Address, "victim") && name != "Cc" {
					t.Errorf("%s became %v:\n%s", name, list, head)
				}
			}
			if !slices.Equal(m.Recipients, []string{"you@x.test"}) || bytes.ContainsAny(bytes.ReplaceAll(m.Source, []byte("\r\n"), nil), "\r\n\x00") {
				t.Errorf("to %v: %.3000q", m.Recipients, m.Source)
			}
		}
	})
}

// scripts are what a recipient may be called.
var scripts = []string{
	`<script>alert(1)</script>`, `"><img src=x onerror=alert(1)>`, `' onmouseover='alert(1)`, `--><svg onload=alert(1)>`, `</title><script>alert(1)</script>`,
	`javascript:alert(1)`, `{$secret}`, `{literal}`, `{/foreach}`, `]]><script>alert(1)</script>`, "\u202e<b>", `<![endif]--><script>alert(1)</script>`,
}

// What a recipient is called is text for his reader, and no template (T20).
func TestScriptsInData(t *testing.T) {
	t.Parallel()
	onEmbedded(t, setup{}, func(t *testing.T, r *rig) {
		for _, s := range scripts {
			body, _ := json.Marshal(map[string]any{"recipient": "you@x.test", "mime": everyField("{$v}"), "data": map[string]string{"v": s, "secret": "SECRET"}, "inlinecss": true})
			r.publish("%s", body)
		}
		for _, o := range r.take("success", len(scripts)) {
			if !json.Valid(o.raw) {
				t.Errorf("%s", o.raw)
			}
		}
		for _, m := range r.sink.Messages() {
			parsed, err := netmail.ReadMessage(bytes.NewReader(m.Source))
			if err != nil {
				t.Fatal(err)
			}
			for _, part := range leaves(t, parsed.Header, parsed.Body) {
				if strings.Contains(part, "SECRET") {
					t.Errorf("data became a template: %s", part)
				}
				if text, ok := strings.CutPrefix(part, "text/html: "); ok {
					noScript(t, text)
				}
			}
		}
	})
}

func noScript(t *testing.T, page string) {
	t.Helper()
	root, err := html.Parse(strings.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	for n := range root.Descendants() {
		if n.Data == "script" || n.Data == "svg" {
			t.Errorf("%s in %s", n.Data, page)
		}
		for _, a := range n.Attr {
			if strings.HasPrefix(a.Key, "on") || (a.Key == "href" || a.Key == "src") && strings.HasPrefix(a.Val, "javascript:") {
				t.Errorf("%s=%q in %s", a.Key, a.Val, page)
			}
		}
	}
}

// bombs are small and would like to become large, or to take long.
func bombs() map[string]map[string]any {
	doubling := strings.Repeat("{$x = $x|cat:$x}", 60) + "{$x}"
	loops := strings.Repeat("{foreach $l as $i}", 6) + "x" + strings.Repeat("{/foreach}", 6)
	parts := "Content-Type: multipart/mixed; boundary=b\r\n\r\n" + strings.Repeat("--b\r\n\r\n"+loops+"\r\n", 4) + "--b--\r\n"
	deep := "\r\nx\r\n"
	for i := range 200 {
		deep = fmt.Sprintf("Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%[1]d\r\n%s\r\n--b%[1]d--\r\n", i, deep)
	}
	data := map[string]any{"x": "laugh", "l": make([]int, 100)}
	nested := json.RawMessage(strings.Repeat(`{"blocks":[{"type":"container","a":`, 50) + "1" + strings.Repeat("}]}", 50))
	return map[string]map[string]any{
		"doubling":       {"mime": "Subject: x\r\n\r\n" + doubling, "data": data},
		"in the subject": {"mime": "Subject: " + doubling + "\r\n\r\n", "data": data},
		"many loops":     {"mime": parts, "data": data},
		"deep parts":     {"mime": deep, "data": data},
		"deep document":  {"mime": map[string]any{"from": "a@shop.test", "content": nested}},
		"expressions":    {"mime": map[string]any{"from": "a@shop.test", "html": "<a href='http://x.test/'>x</a>", "rewrite": map[string]any{"links": []any{map[string]string{"regex": strings.Repeat("a{1000}", 140)}}}}},
		"not base64":     {"mime": map[string]any{"from": "a@shop.test", "attachments": []any{map[string]string{"data": strings.Repeat("=", 1000)}}}},
	}
}

// What takes too long, or would become too large, fails with a reason, and those behind it get their turn (P8, T13, T20).
func TestBombs(t *testing.T) {
	t.Parallel()
	onEmbedded(t, setup{}, func(t *testing.T, r *rig) {
		all := bombs()
		for name, m := range all {
			m["recipient"], m["name"] = "you@x.test", name
			body, _ := json.Marshal(m)
			r.publish("%s", body)
		}
		for range 20 {
			r.publish(`{"recipient":"good@x.test","mime":{"from":"a@shop.test","text":"{$x}"},"data":{"x":"y"}}`)
		}
		r.take("success", 20)
		for _, o := range r.take("failure", len(all)) {
			if l := o.last(); l.Result != "error" || l.Code != 554 || l.State != "personalize" && l.State != "responsive" {
				t.Errorf("%s: %s", o.fields["name"], l.brief())
			}
		}
	})
}

// Nothing that is not public is asked, in whatever way a document writes its address, and whatever a name server or another web
// server says (T19).
func TestNothingPrivateIsAsked(t *testing.T) {
	t.Parallel()
	canary := newWeb(t)
	port := canary.URL[strings.LastIndexByte(canary.URL, ':')+1:]
	outside := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/feed" {
			_, _ = io.WriteString(w, `<rss version="2.0"><channel><item><title>x</title><enclosure type="image/png" url="http://private.web.test:`+port+`/terms.pdf"/></item></channel></rss>`)
			return
		}
		http.Redirect(w, r, "http://"+strings.TrimPrefix(r.URL.Path, "/")+":"+port+"/terms.pdf", http.StatusFound)
	}))
	t.Cleanup(outside.Close)
	zone := defaultZone + "private.web.test A 127.0.0.1\nsix.web.test AAAA ::1\nmapped.web.test AAAA ::ffff:127.0.0.1\nnat.web.test AAAA 64:ff9b::7f00:1\n" +
		"cloud.web.test A 169.254.169.254\nalias.web.test CNAME private.web.test\nlocalhost A 127.0.0.1\n127.1 A 127.0.0.1\n0 A 127.0.0.1\n2130706433 A 127.0.0.1\n"
	hosts := []string{
		"private.web.test", "six.web.test", "mapped.web.test", "nat.web.test", "cloud.web.test", "alias.web.test", "localhost", "127.1", "0", "0.0.0.0", "2130706433",
		"0x7f000001", "017700000001", "127.0.0.1", "127.0.0.1.", "[::1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::]", "[::127.0.0.1]", "[fe80::1%25lo]", "user:pw@127.0.0.1", "%31%32%37.0.0.1",
		"\uff11\uff12\uff17.0.0.1", "PRIVATE.web.test",
	}
	keys := map[string]string{"download-whitelist": "127.0.0.1/32:" + outside.URL[strings.LastIndexByte(outside.URL, ':')+1:]}
	onEmbedded(t, setup{zone: zone, keys: keys}, func(t *testing.T, r *rig) {
		var blocks []any
		for i, h := range hosts {
			for _, at := range []string{"http://" + h + ":" + port + "/terms.pdf", outside.URL + "/" + h} {
				body, _ := json.Marshal(map[string]any{
					"recipient": fmt.Sprintf("you@%d.test", i), "maxattempts": 1, "mime": map[string]any{"from": "a@shop.test", "attachments": []any{map[string]string{"url": at}}}})
				r.publish("%s", body)
			}
		}
		for _, kind := range []string{"image", "feed", "import", "html"} {
			for _, at := range []string{"http://private.web.test:" + port + "/terms.pdf", outside.URL + "/private.web.test", outside.URL + "/feed"} {
				blocks = append(blocks, map[string]any{"type": kind, "src": at, "url": at, "source": at})
			}
		}
		body, _ := json.Marshal(map[string]any{
			"recipient": "you@x.test", "force": true, "mime": map[string]any{"from": "a@shop.test", "images": "embed", "content": map[string]any{"blocks": blocks}}})
		r.publish("%s", body)
		r.take("failure", 2*len(hosts))
		r.one("success")
		if n := canary.asked.Load(); n != 0 {
			t.Errorf("a private server was asked %d times", n)
		}
	})
}

// A large attachment goes through without many copies of it.
func TestLargeAttachmentInADocument(t *testing.T) {
	if testing.Short() {
		t.Skip("takes half a gigabyte")
	}
	onEmbedded(t, setup{}, func(t *testing.T, r *rig) {
		const size = 20 << 20
		body := append([]byte(`{"recipient":"you@x.test","mime":{"from":"a@shop.test","attachments":[{"name":"a.bin","data":"`), bytes.Repeat([]byte("AAAA"), size/3)...)
		body = append(body, `"}]}}`...)
		var most atomic.Uint64
		stop, stopped := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(stopped)
			for tick := time.NewTicker(50 * time.Millisecond); ; {
				select {
				case <-stop:
					tick.Stop()
					return
				case <-tick.C:
				}
				var m runtime.MemStats
				runtime.ReadMemStats(&m)
				most.Store(max(most.Load(), m.HeapInuse))
			}
		}()
		r.queues.put(t, r.queues.of("outbox"), body)
		r.one("success")
		close(stop)
		<-stopped
		if got := len(r.received("you@x.test").Source); got < size/3*4 {
			t.Errorf("%d bytes arrived", got)
		}
		if most.Load() > 20*size {
			t.Errorf("%d MB of heap for an attachment of %d MB", most.Load()>>20, size>>20)
		}
	})
}

// The keys that a document brings are in nothing that is told of it.
func TestKeysOfADocumentStaySecret(t *testing.T) {
	t.Parallel()
	key, _ := rsaKey(t)
	secret := strings.Split(key, "\n")[3]
	onEmbedded(t, setup{}, func(t *testing.T, r *rig) {
		for _, private := range []string{key, strings.Replace(key, "\n", "\n"+secret+"!", 1)} {
			body, _ := json.Marshal(map[string]any{"recipient": "you@x.test", "keepmime": true, "mime": map[string]any{
				"from": "a@shop.test", "text": "x", "dkim": map[string]any{"domain": "shop.test", "selector": "s", "key": private}}})
			r.publish("%s", body)
		}
		told := append(r.take("results", 2), append(r.take("success", 1), r.take("failure", 1)...)...)
		for _, o := range told {
			if bytes.Contains(o.raw, []byte(secret)) {
				t.Errorf("%s", o.raw)
			}
		}
		if !bytes.Contains(r.received("you@x.test").Source, []byte("DKIM-Signature: v=1;")) {
			t.Error("it was not signed")
		}
		if log := r.read("errors.log"); strings.Contains(log, secret) || strings.Contains(log, base64.StdEncoding.EncodeToString([]byte(secret))) {
			t.Errorf("%s", log)
		}
	})
}
