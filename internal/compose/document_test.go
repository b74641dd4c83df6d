package compose

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/mail"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"posthoorn/internal/compose/block"
	"posthoorn/internal/compose/node"
	"posthoorn/internal/mime"
	"posthoorn/internal/template"
)

// downloads are what the documents of the tests may ask for.
var downloads = block.Resources{
	"https://files.example/inv/1044.pdf":  {Data: []byte("%PDF"), Type: "application/pdf"},
	"https://files.example/named":         {Data: []byte("hi"), Type: "text/html; charset=latin1", Name: "über/uns.html"},
	"https://files.example/plain.csv?x=1": {Data: []byte("a,b"), Type: "nonsense"},
	"https://files.example/octets":        {Data: []byte("o"), Type: "application/octet-stream"},
	"https://files.example/refused":       {Err: errors.New("status 404")},
	"https://files.example/slow":          {Err: errors.New("no answer"), Fault: node.Timeout},
	"https://files.example/lost":          {Err: errors.New("reset"), Fault: node.Lost},
	"https://files.example/huge":          {Data: make([]byte, 25<<20+1)},
	"https://files.example/4":             {Data: []byte("four"), Name: "four.txt"},
	"https://files.example/logo.png":      {Data: []byte("\x89PNG\r\n\x1a\n"), Type: "image/png"},
	"https://files.example/4.gif":         {Data: []byte("GIF89a"), Type: "image/gif", Name: "{$n}.gif"},
	"https://files.example/evil":          {Data: []byte("{$n}"), Type: "text/html"},
	"https://files.example/braces":        {Data: []byte("x"), Name: "{$n}.txt"},
	"https://files.example/4/{$n}.txt":    {Data: []byte("x")},
}

func buildOptions() *BuildOptions {
	return &BuildOptions{Date: now, MessageID: "id-1", Host: "mta.example", Resources: downloads}
}

// render renders a string as whoever builds a message does it.
func render(data string) func(string) (string, error) {
	return func(source string) (string, error) {
		t, err := template.Compile(source)
		if err != nil {
			return "", err
		}
		return t.Render(&template.Env{Vars: []template.Value{template.JSON([]byte(data))}})
	}
}

func TestDocumentGolden(t *testing.T) {
	goldens(t, "document", func(t *testing.T, g golden) (string, error) {
		d, err := ParseDocument([]byte(g["input"]))
		if err != nil {
			t.Fatal(err)
		}
		o := buildOptions()
		data := strings.TrimSpace(g["data"])
		if data != "" {
			o.Render = render(data)
		}
		out, err := d.Build(o)
		wellFormed(t, out)
		if err != nil && !errors.As(err, new(*node.Error)) {
			t.Errorf("%#v is no error of a document", err)
		}
		if data == "" {
			return string(out), err
		}
		p := personalization(data)
		p.Document = true
		out, failed := Personalize(out, p)
		wellFormed(t, out)
		return string(out), errors.Join(err, failed)
	})
}

// wellFormed checks what holds for every message that is built.
func wellFormed(t *testing.T, source []byte) {
	t.Helper()
	readBack(t, source)
	for line := range bytes.Lines(source) {
		if len(line) > 1000 || !bytes.HasSuffix(line, []byte("\r\n")) || bytes.IndexByte(line[:len(line)-2], '\r') >= 0 {
			t.Errorf("line %.200q", line)
		}
	}
	m, err := mail.ReadMessage(bytes.NewReader(source))
	if err != nil {
		t.Fatal(err)
	}
	if m.Header.Get("Bcc") != "" || m.Header.Get("Resent-Bcc") != "" {
		t.Error("Bcc goes out")
	}
	for name, values := range m.Header {
		if len(values) > 1 && !strings.HasPrefix(name, "X-") {
			t.Errorf("%s is there %d times", name, len(values))
		}
	}
}

// TestDocumentBlocks: blocks become the HTML part, and their tags reach the recipient. What each block looks like is tested in
// package block.
func TestDocumentBlocks(t *testing.T) {
	for name, c := range map[string]struct{ blocks, data, want, err string }{
		"escaped":  {blocks: `{"type":"text","content":"1 < 2 & {$n}"}`, want: "1 &lt; 2 &amp; {$n}"},
		"rendered": {blocks: `{"type":"text","content":"1 < {$n}"}`, data: `{"n":"<b>"}`, want: "1 &lt; &lt;b&gt;"},
		"alt": {blocks: `{"type":"image","src":"https://x.example/{$n}.png","width":"33%","alt":"{$n|default:\"x\"}"}`,
			data: `{"n":"\"q\""}`, want: `alt="&quot;q&quot;"`},
		"over two": {blocks: `{"type":"html","content":"{if $n}"},{"type":"text","content":"hidden"},{"type":"html","content":"{/if}shown"}`,
			data: `{}`, want: "shown"},
		"unknown": {blocks: `{"type":"text","content":"good"},{"type":"buton"}`, want: "good",
			err: `mime.content.blocks[1]: unknown block type "buton"`},
		"missing": {blocks: `{"type":"text","content":"good"},{"type":"text","url":"https://files.example/slow"}`, want: "good",
			err: "mime.content.blocks[1]: https://files.example/slow: no answer"},
	} {
		t.Run(name, func(t *testing.T) {
			d, err := ParseDocument([]byte(`{"text":"x","content":{"blocks":[` + c.blocks + `]}}`))
			if err != nil {
				t.Fatal(err)
			}
			o := buildOptions()
			if c.data != "" {
				o.Render = render(c.data)
			}
			out, err := d.Build(o)
			if (err == nil) != (c.err == "") || err != nil && err.Error() != c.err {
				t.Error(err)
			}
			p := personalization(c.data)
			p.Document = true
			if out, err = Personalize(out, p); err != nil {
				t.Fatal(err)
			}
			wellFormed(t, out)
			parts, err := mime.Parts(out)
			if err != nil || len(parts) != 3 || !parts[2].IsText("html") {
				t.Fatalf("%s %v", out, err)
			}
			if html := string(parts[2].AppendDecoded(nil, out)); !strings.Contains(html, c.want) || strings.Contains(html, "hidden") {
				t.Errorf("no %q in %s", c.want, html)
			}
		})
	}
}

func TestDocumentRefused(t *testing.T) {
	for name, input := range map[string]string{
		"nothing":        "",
		"blanks":         "  ",
		"text":           `"Subject: x"`,
		"number":         `5`,
		"array":          `[{}]`,
		"null":           `null`,
		"damaged":        `{"from":`,
		"two":            `{} {}`,
		"deep":           `{"x":` + strings.Repeat("[", 5000) + strings.Repeat("]", 5000) + "}",
		"deeper":         `{"x":` + strings.Repeat("[", 1_000_000),
		"deep data":      `{"attachments":[{"data":` + strings.Repeat(`{"a":`, 5000) + "1" + strings.Repeat("}", 5000) + `}]} x`,
		"too many":       `{"x":[` + strings.Repeat("1,", 300_000) + `1]}`,
		"not terminated": `{"attachments":[{"data":"aGk=`,
	} {
		if d, err := ParseDocument([]byte(input)); err == nil || d != nil || !errors.As(err, new(*node.Error)) {
			t.Errorf("%s: %v %v", name, d, err)
		}
	}
}

func TestDocumentProperties(t *testing.T) {
	d, err := ParseDocument([]byte(` {"dkim":[{"domain":"x.example"}],"data":{"a" : 1},"data":{"b" : 2},"attachments":[{"data":"aGk="}]}`))
	if err != nil {
		t.Fatal(err)
	}
	if s := string(d.DKIM()); s != `[{"domain":"x.example"}]` {
		t.Error(s)
	}
	if s := string(d.Data()); s != `{"b" : 2}` {
		t.Error(s)
	}
	if d, err = ParseDocument([]byte(`{"dkim":null,"data":null}`)); err != nil || d.DKIM() != nil || d.Data() != nil {
		t.Error(d.DKIM(), d.Data(), err)
	}
	if d, err = ParseDocument([]byte(`{"data":"x"}`)); err != nil || string(d.Data()) != `"x"` {
		t.Error("data that is no object is told as it is:", string(d.Data()), err)
	}
}

func TestMessageID(t *testing.T) {
	sum := sha256.Sum256([]byte(`{"from":"a@x.example"}`))
	for _, c := range []struct{ from, id, host, want string }{
		{"a@X.example", "id", "mta.example", "<id@X.example>"},
		{"a@müller.example", "id", "", "<id@xn--mller-kva.example>"},
		{"", "id", "mta.example", "<id@mta.example>"},
		{"", "id", "", "<id@localhost>"},
		{"a@[192.0.2.1]", "id", "mta.example", "<id@mta.example>"},
		{"a@{$domain}", "id", "mta.example", "<id@mta.example>"},
		{"a@x.example, b@y.example", "id", "mta.example", "<id@x.example>"},
		{"a@x.example", "i d>", "", "<" + hash("i d>") + "@x.example>"},
		{"a@x.example", "", "", "<" + hash(string(sum[:]), "2026-11-28T12:00:00Z") + "@x.example>"},
	} {
		d, err := ParseDocument(fmt.Appendf(nil, `{"from":%q}`, c.from))
		if err != nil {
			t.Fatal(err)
		}
		source, _ := d.Build(&BuildOptions{Date: now, MessageID: c.id, Host: c.host, Render: render("{}")})
		if m, err := mail.ReadMessage(bytes.NewReader(source)); err != nil || m.Header.Get("Message-ID") != c.want {
			t.Errorf("%+v: %q %v", c, m.Header.Get("Message-ID"), err)
		}
	}
}

func TestDocumentNeeds(t *testing.T) {
	d, err := ParseDocument([]byte(`{"attachments":[{"url":"https://a.example/{$n}#top"},{"url":"https://a.example/4"},{"url":"https://files.example/slow"},
		{"data":"aGk=","url":"https://a.example/data"},{"data":"","url":"https://a.example/4"},{"url":"ftp://a.example/"},{"url":"https://a.example/{$n"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	o := buildOptions()
	o.Render = render(`{"n":4}`)
	needs := d.Needs(o)
	want := block.Need{URL: "https://a.example/4", Purpose: block.Attachment, Path: "mime.attachments[0].url"}
	if len(needs) != 1 || needs[0] != want {
		t.Errorf("%+v", needs)
	}
	o.Resources = block.Resources{"https://a.example/4": {}, "https://files.example/slow": {Err: errors.New("slow")}}
	if needs := d.Needs(o); len(needs) != 0 {
		t.Errorf("a second time: %+v", needs)
	}
	o.Render = nil
	if needs := d.Needs(o); len(needs) != 2 || needs[0].URL != "https://a.example/{$n}" {
		t.Errorf("braces are plain text: %+v", needs)
	}
}

// TestDocumentBounds has documents that would make too much of something.
func TestDocumentBounds(t *testing.T) {
	repeat := func(s string, n int) string { return strings.TrimSuffix(strings.Repeat(s+",", n), ",") }
	for name, c := range map[string]struct{ input, want string }{
		"attachments": {`{"attachments":[` + repeat(`{"data":"aGk="}`, 401) + `]}`, "mime.attachments: more than 400 attachments"},
		"fields":      {`{"headers":{"x-a":[` + repeat(`"1"`, 10_000) + `]}}`, "mime.headers.x-a: the header would be too large"},
		"names":       {`{"headers":{` + repeat(`"x":"1"`, 2000) + `}}`, "mime.headers: too many fields"},
		"header":      {`{"to":[` + repeat(`"somebody.with.a.name@long.example"`, 20_000) + `]}`, "mime.to[0]: the header would be too large"},
		"address":     {`{"to":"{$a}` + strings.Repeat("a", 1000) + `@x.example"}`, "mime.to: a word does not fit into a line of 998 bytes"},
	} {
		d, err := ParseDocument([]byte(c.input))
		if err != nil {
			t.Fatal(name, err)
		}
		o := buildOptions()
		o.Render = render("{}")
		out, err := d.Build(o)
		if err == nil || err.Error() != c.want {
			t.Errorf("%s: %v", name, err)
		}
		if len(out) > mime.MaxHeader {
			t.Errorf("%s: %d bytes are left", name, len(out))
		}
		wellFormed(t, out)
	}
}

// TestDocumentRoom: what makes the message too large is left out.
func TestDocumentRoom(t *testing.T) {
	data := strings.Repeat("QUJD", 1000)
	d, err := ParseDocument([]byte(`{"text":"` + data + `","content":"<p>","attachments":[{"data":"` + data + `"},{"data":"aGk="},{"data":"` + data + `"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	for room, want := range map[int]string{
		maxMessage: "",
		11_000:     "mime.attachments[2]: the message would be larger than 150 MB",
		7_000:      "mime.attachments[0]: the message would be larger than 150 MB",
		3_000:      "the message would be larger than 150 MB",
	} {
		b := d.builder(buildOptions())
		b.room = room
		out := b.structure().appendTo(nil)
		if err := b.problems.Err(); (err == nil) != (want == "") || err != nil && err.Error() != want || len(out) > room {
			t.Errorf("%d: %d %v", room, len(out), err)
		}
	}
}

// TestLargeAttachment: nothing of its size is made but the message.
func TestLargeAttachment(t *testing.T) {
	content := bytes.Repeat([]byte("0123456789abcdef"), 8<<20/16)
	input := append([]byte(`{"from":"a@x.example","text":"x","attachments":[{"name":"a","data":"`), base64.StdEncoding.EncodeToString(content)...)
	input = append(input, `"}]}`...)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	d, err := ParseDocument(input)
	if err != nil {
		t.Fatal(err)
	}
	out, err := d.Build(buildOptions())
	runtime.ReadMemStats(&after)
	if err != nil {
		t.Fatal(err)
	}
	if made := after.TotalAlloc - before.TotalAlloc; made > uint64(len(out))+1<<20 {
		t.Errorf("%d MB allocated for a message of %d MB", made>>20, len(out)>>20)
	}
	parts, err := mime.Parts(out)
	if err != nil || len(parts) != 3 {
		t.Fatal(len(parts), err)
	}
	if !bytes.Equal(parts[2].AppendDecoded(nil, out), content) {
		t.Error("the file is another one")
	}
}

// TestBase64 compares with the decoder of the standard library.
func TestBase64(t *testing.T) {
	for n := range 400 {
		content := bytes.Repeat([]byte{byte(n), 0xff}, n)[:n]
		text := base64.StdEncoding.EncodeToString(content)
		quoted, _ := json.Marshal(strings.ReplaceAll(text, "A", "\r\n A"))
		for _, b := range []body{file(content), readBase64(quoted)} {
			out := b.appendTo(nil)
			if len(out) != b.size() {
				t.Errorf("%d bytes: %d are not %d", n, len(out), b.size())
			}
			for line := range bytes.SplitSeq(out, []byte("\r\n")) {
				if len(line) > 76 || len(line) == 0 && n > 0 {
					t.Errorf("%d bytes: line %q", n, line)
				}
			}
			got, err := io.ReadAll(base64.NewDecoder(base64.StdEncoding, bytes.NewReader(out)))
			if err != nil || !bytes.Equal(got, content) {
				t.Errorf("%d bytes: %q %v", n, got, err)
			}
		}
	}
}

// TestDocumentTwice: equal options make equal bytes, and a document can be built by many at once.
func TestDocumentTwice(t *testing.T) {
	d, err := ParseDocument([]byte(`{"from":"{$a} <a@x.example>","text":"x","content":"<p>{$a}</p>","attachments":[{"url":"https://files.example/named"},{"data":"x"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	o := buildOptions()
	want, wrong := d.Build(o)
	done := make(chan error)
	for range 8 {
		go func() {
			for range 20 {
				d.Needs(o)
				if got, err := d.Build(o); !bytes.Equal(got, want) || err.Error() != wrong.Error() {
					done <- errors.New("another message")
					return
				}
			}
			done <- nil
		}()
	}
	for range 8 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

// BenchmarkDocument is a mail with a text, HTML of the author's own and a small file.
func BenchmarkDocument(b *testing.B) {
	input := fmt.Appendf(nil, `{"from":{"name":"The Shop","address":"news@shop.example"},"to":"{$name} <{$recipient}>","subject":"{$name}, your points",
		"headers":{"x-campaign":"{$n}"},"text":%q,"content":%q,"attachments":[{"name":"a.txt","data":"aGVsbG8K"}]}`,
		strings.Repeat("Some words of a letter, and more of them.\n", 50), strings.Repeat("<p>Größe {$n}: <a href=\"https://shop.example/p\">more</a></p>\n", 100))
	o := buildOptions()
	o.Render = render("{}")
	b.SetBytes(int64(len(input)))
	b.ReportAllocs()
	for b.Loop() {
		d, err := ParseDocument(input)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := d.Build(o); err != nil {
			b.Fatal(err)
		}
	}
}

// FuzzDocument: whatever the document says and whatever its data print, the message can be read and has no Bcc.
func FuzzDocument(f *testing.F) {
	files, _ := filepath.Glob("testdata/document/*.txt")
	for i, path := range files {
		f.Add([]byte(readGolden(f, path)["input"]), i%2 == 0)
	}
	f.Add([]byte(`{"to":"{if $a > 3}x, y{/if} <{$a|default:\"x@y\"}>","cc":{"name":"{$a}\"","address":"{$a},b"},"from":"{$a}"}`), true)
	data := `{"a":"A, \"B\" <b@x.example>\r\nBcc: z@x.example\r\n\r\n","n":"\n--=_"}`
	f.Fuzz(func(t *testing.T, input []byte, templates bool) {
		d, err := ParseDocument(input)
		if err != nil {
			return
		}
		o := buildOptions()
		if templates {
			o.Render = render(data)
		}
		d.Needs(o)
		out, _ := d.Build(o)
		check(t, out)
		if templates {
			p := personalization(data)
			p.Document = true
			out, _ = Personalize(out, p)
			check(t, out)
		}
	})
}

func check(t *testing.T, source []byte) {
	t.Helper()
	if m, err := mail.ReadMessage(bytes.NewReader(source)); err != nil || m.Header.Get("Bcc") != "" {
		t.Fatalf("%v in %q", err, source)
	}
	if _, err := mime.Parts(source); err != nil {
		t.Fatal(err)
	}
	for line := range bytes.Lines(source) {
		if len(line) > 1000 || !bytes.HasSuffix(line, []byte("\r\n")) {
			t.Fatalf("line %q", line)
		}
	}
}
