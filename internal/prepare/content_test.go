package prepare

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"posthoorn/internal/mail"
	"posthoorn/internal/store"
)

// shelf is a message store made of a function.
type shelf func(ctx context.Context, key string) ([]byte, error)

func (s shelf) Get(ctx context.Context, key string) ([]byte, error) { return s(ctx, key) }

func finished(t *testing.T, p *Preparer, body string) (Source, error) {
	t.Helper()
	c := p.Start(t.Context(), message(t, body))
	t.Cleanup(c.Drop)
	return c.Wait(t.Context())
}

func TestStore(t *testing.T) {
	cases := map[string]struct {
		data  string
		err   error
		want  string
		state mail.State
		later bool
	}{
		"source":      {data: "Subject: x\n\nbody", want: "Subject: x\r\n\r\nbody\r\n"},
		"not there":   {err: store.ErrNotFound, state: mail.StateStorage},
		"too large":   {err: store.ErrTooLarge, state: mail.StateStorage},
		"unreachable": {err: errors.New("connection refused"), later: true},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			p := New(Options{Reschedule: time.Minute, Bodies: shelf(func(context.Context, string) ([]byte, error) { return []byte(c.data), c.err })})
			s, err := finished(t, p, `{"recipient":"a@b.c","key":"k"}`)
			e, _ := errors.AsType[*mail.Error](err)
			d, later := errors.AsType[*Delayed](err)
			switch {
			case string(s.Data) != c.want, later != c.later, later && d.For != time.Minute, (e != nil) != (c.state != ""), e != nil && (e.State != c.state || e.Temporary()):
				t.Errorf("%q, %v", s.Data, err)
			}
		})
	}
	if _, err := finished(t, New(Options{}), `{"recipient":"a@b.c","key":"k"}`); err == nil {
		t.Error("no store, and no error")
	}
}

// TestSlowStore: Start does not wait, Drop ends what is under way, and nothing stays in memory.
func TestSlowStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var ended atomic.Int32
		p := New(Options{Bodies: shelf(func(ctx context.Context, key string) ([]byte, error) {
			defer ended.Add(1)
			select {
			case <-ctx.Done():
				return nil, ctx.Err()
			case <-time.After(time.Second):
				return []byte("x\n"), nil
			}
		})})
		c, dropped := p.Start(t.Context(), message(t, `{"recipient":"a@b.c","key":"k"}`)), p.Start(t.Context(), message(t, `{"recipient":"a@b.c","key":"l"}`))
		if c.Ready() {
			t.Error("ready before its time")
		}
		dropped.Drop()
		synctest.Wait()
		if !dropped.Ready() || ended.Load() != 1 {
			t.Error("the work goes on after Drop")
		}
		if s, err := c.Wait(t.Context()); err != nil || string(s.Data) != "x\r\n" || p.held.Load() != 3 {
			t.Errorf("%q, %v, %d bytes held", s.Data, err, p.held.Load())
		}
		c.Drop()
		c.Drop()
		if p.held.Load() != 0 {
			t.Errorf("%d bytes are held", p.held.Load())
		}
	})
}

// TestCrowded: what is ready and not sent is bounded.
func TestCrowded(t *testing.T) {
	p := New(Options{Memory: 10, Bodies: shelf(func(context.Context, string) ([]byte, error) { return []byte("more than ten bytes\r\n"), nil })})
	first := p.Start(t.Context(), message(t, `{"recipient":"a@b.c","key":"k"}`))
	if _, err := first.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := finished(t, p, `{"recipient":"a@b.c","key":"k"}`); !errors.Is(err, errCrowded) {
		t.Errorf("got %v", err)
	}
	first.Drop()
	if _, err := finished(t, p, `{"recipient":"a@b.c","key":"k"}`); err != nil {
		t.Error(err)
	}
}

// TestPanicIsTheMessagesFault: it becomes a final result.
func TestPanicIsTheMessagesFault(t *testing.T) {
	p := New(Options{Bodies: shelf(func(context.Context, string) ([]byte, error) { panic("poison") })})
	_, err := finished(t, p, `{"recipient":"a@b.c","key":"k"}`)
	if e, ok := errors.AsType[*mail.Error](err); !ok || e.State != mail.StateUnknown || e.Temporary() {
		t.Errorf("got %v", err)
	}
}

func TestExtracted(t *testing.T) {
	m := message(t, `{"recipient":"you@b\u00fccher.test","envelope":"me@a.test","mime":"x"}`)
	for source, want := range map[string]string{
		"From: A <a@a.test>\r\nTo: x@y.test,\r\n B <b@y.test>\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\nX-N: 1\r\nx-n: 2\r\nX-N: 3\r\n\r\nbody\r\n": `{"from":"a@a.test","to":["x@y.test","b@y.test"],"subject":"Grüße","headers":{"from":"A <a@a.test>","to":"x@y.test, B <b@y.test>","subject":"=?utf-8?q?Gr=C3=BC=C3=9Fe?=","x-n":["1","2","3"]},"envelope":{"local":"me","domain":"a.test"},"recipient":{"local":"you","domain":"bücher.test"}}`,
		"no header":                        `{"headers":{},"envelope":{"local":"me","domain":"a.test"},"recipient":{"local":"you","domain":"bücher.test"}}`,
		"Subject: a\r\nSubject: b\r\n\r\n": `{"subject":"a","headers":{"subject":["a","b"]},"envelope":{"local":"me","domain":"a.test"},"recipient":{"local":"you","domain":"bücher.test"}}`,
	} {
		s := Source{Data: []byte(source)}
		if got := string(s.Extracted(m.Envelope, m.Recipient)); got != want {
			t.Errorf("%q:\n%s\nwant\n%s", source, got, want)
		}
	}
}

func BenchmarkExtracted(b *testing.B) {
	s := Source{Data: []byte("From: Bench <sender@from.test>\r\nTo: someone@example.test\r\nSubject: benchmark message\r\nDate: Mon, 23 Nov 2026 20:00:00 +0000\r\nMessage-ID: <1@from.test>\r\nList-Unsubscribe: <mailto:x@from.test>\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\nbody\r\n")}
	m := message(b, `{"recipient":"you@b.test","envelope":"me@a.test","mime":"x"}`)
	b.ReportAllocs()
	for b.Loop() {
		s.Extracted(m.Envelope, m.Recipient)
	}
}
