package prepare

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"posthoorn/internal/compose/block"
	"posthoorn/internal/compose/node"
	"posthoorn/internal/fetch"
)

// web stands for all downloads.
type web func(ctx context.Context, url string, limit int64) (fetch.Resource, error)

func (w web) Get(ctx context.Context, url string, limit int64) (fetch.Resource, error) {
	return w(ctx, url, limit)
}

// attaching is a message whose document has so many attachments from the web.
func attaching(n int) string {
	var list []string
	for i := range n {
		list = append(list, fmt.Sprintf(`{"url":"http://x.test/%d"}`, i))
	}
	return `{"recipient":"a@b.c","mime":{"from":"x@y.test","attachments":[` + strings.Join(list, ",") + `]}}`
}

// TestDownloadsTogether: no message has more of them in memory than it can send.
func TestDownloadsTogether(t *testing.T) {
	file := make([]byte, 1<<20)
	p := New(Options{Memory: 1 << 40, Downloads: web(func(context.Context, string, int64) (fetch.Resource, error) { return fetch.Resource{Body: file}, nil })})
	needs := make([]block.Need, 400)
	for i := range needs {
		needs[i] = block.Need{URL: fmt.Sprint(i), Purpose: block.Attachment}
	}
	d := &draft{slow: new(atomic.Bool), m: message(t, `{"recipient":"a@b.c","mime":"x"}`)}
	have, refused := 0, 0
	for _, r := range p.download(t.Context(), d, needs) {
		have += len(r.Data)
		if r.Err == errTooMuch && r.Fault == node.Permanent {
			refused++
		}
	}
	if have == 0 || have > maxDownloaded || refused != len(needs)-have/len(file) || p.held.Load() != int64(have) {
		t.Errorf("%d bytes, %d refused, %d held", have, refused, p.held.Load())
	}
}

// TestDownloadsWaitForRoom: what would not find room in memory waits, and is no failure.
func TestDownloadsWaitForRoom(t *testing.T) {
	p := New(Options{Memory: 10, Downloads: web(func(context.Context, string, int64) (fetch.Resource, error) {
		return fetch.Resource{Body: []byte("a file")}, nil
	})})
	d := &draft{slow: new(atomic.Bool), m: message(t, attaching(2))}
	d.document = d.m.Property("mime")
	p.held.Add(11)
	if later, ok := errors.AsType[*Delayed](p.build(t.Context(), d)); !ok || later.For != crowded {
		t.Errorf("got %v", later)
	}
	p.held.Add(-11)
	if err := p.build(t.Context(), d); err != nil {
		t.Error(err)
	}
}

// TestLoadWaitsForRoom: a message that came first and waited for the store may find the memory full.
func TestLoadWaitsForRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		p := New(Options{Memory: 10, Bodies: shelf(func(_ context.Context, key string) ([]byte, error) {
			if key == "slow" {
				<-release
			}
			return []byte("more than ten bytes\r\n"), nil
		})})
		slow := p.Start(t.Context(), message(t, `{"recipient":"a@b.c","key":"slow"}`))
		defer slow.Drop()
		quick := p.Start(t.Context(), message(t, `{"recipient":"a@b.c","key":"quick"}`))
		if _, err := quick.Wait(t.Context()); err != nil {
			t.Fatal(err)
		}
		close(release)
		if _, err := slow.Wait(t.Context()); !errors.Is(err, errCrowded) {
			t.Errorf("got %v", err)
		}
		quick.Drop()
		if p.held.Load() != 0 {
			t.Errorf("%d bytes are held", p.held.Load())
		}
	})
}

// TestDocumentsComputeInTheirStage: reading a document and finding out what it needs takes time too.
func TestDocumentsComputeInTheirStage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked atomic.Int32
		p := New(Options{Downloads: web(func(context.Context, string, int64) (fetch.Resource, error) {
			asked.Add(1)
			return fetch.Resource{Body: []byte("x")}, nil
		})})
		for range cap(p.computes) {
			p.computes <- struct{}{}
		}
		c := p.Start(t.Context(), message(t, attaching(1)))
		defer c.Drop()
		synctest.Wait()
		if asked.Load() != 0 {
			t.Error("it computed without a place")
		}
		for range cap(p.computes) {
			<-p.computes
		}
		if _, err := c.Wait(t.Context()); err != nil || asked.Load() != 1 {
			t.Errorf("%v, asked %d times", err, asked.Load())
		}
	})
}

// TestTemplatesOfAMessage share what they may take: addresses to download, header and texts.
func TestTemplatesOfAMessage(t *testing.T) {
	loop := `{foreach $l as $i}{$i}{/foreach}`
	document, _ := json.Marshal(map[string]any{"from": "x@y.test", "subject": loop, "text": loop, "attachments": []any{map[string]string{"url": "http://x.test/" + loop}}})
	p := New(Options{Downloads: web(func(context.Context, string, int64) (fetch.Resource, error) {
		return fetch.Resource{Body: []byte("x")}, nil
	})})
	d := &draft{slow: new(atomic.Bool), m: message(t, `{"recipient":"a@b.c","mime":"x"}`), document: document, data: []byte(`{"l":[` + strings.Repeat("1,", 99) + `1]}`), work: 1 << 30}
	if err := p.build(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	built := 1<<30 - d.work
	if err := p.personalize(d); err != nil {
		t.Fatal(err)
	}
	if all := 1<<30 - d.work; built <= 0 || all <= built {
		t.Errorf("%d, then %d", built, all)
	}
	d.work, d.source = built/2, nil
	if err := p.build(t.Context(), d); err == nil || !strings.Contains(err.Error(), "too long") {
		t.Errorf("got %v", err)
	}
}

// TestManyStyleSheets: each may take its time, so there is a number beyond which they stay.
func TestManyStyleSheets(t *testing.T) {
	var source strings.Builder
	source.WriteString("Content-Type: multipart/mixed; boundary=b\r\n\r\n")
	for range 100 {
		source.WriteString("--b\r\nContent-Type: text/html\r\n\r\n<style>p{color:red}</style><p>x</p>\r\n")
	}
	source.WriteString("--b--\r\n")
	p := New(Options{})
	d := &draft{slow: new(atomic.Bool), m: message(t, `{"recipient":"a@b.c","mime":"x","inlinecss":true}`), source: []byte(source.String())}
	if err := p.inline(d); err != nil || strings.Count(string(d.source), "<p style=") != maxInlined {
		t.Errorf("%v\n%.2000s", err, d.source)
	}
}
