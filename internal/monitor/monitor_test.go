package monitor

import (
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

var (
	local  = netip.MustParseAddrPort("192.0.2.1:25")
	remote = netip.MustParseAddrPort("198.51.100.9:4711")
)

func said(v *Viewer) (list []string) {
	for {
		select {
		case l := <-v.Lines():
			list = append(list, string(l.Who)+" "+l.Text)
		default:
			return list
		}
	}
}

func TestNobodyWatches(t *testing.T) {
	var none *Hub
	h := new(Hub)
	if none.Watched() || h.Watched() {
		t.Error("watched")
	}
	h.Say(&Session{}, Us, []byte("EHLO a"))
	v, _ := h.Watch(Filter{})
	if !h.Watched() {
		t.Error("not watched")
	}
	v.Close()
	v.Close()
	if h.Watched() || len(said(v)) != 0 {
		t.Error("still watched, or told of before")
	}
}

func TestFilters(t *testing.T) {
	in := &Session{ID: 1, Direction: In, Local: local, Remote: remote}
	out := &Session{ID: 2, Direction: Out, Local: local, Remote: netip.MustParseAddrPort("[::ffff:203.0.113.5]:25"), Domain: "shop.test"}
	for _, c := range []struct {
		name string
		f    Filter
		want string
	}{
		{"all", Filter{}, "EHLO/MAIL FROM:<Ann@Shop.test>/RCPT TO:<bob@other.test>/250 ok/MAIL FROM:<>/RCPT TO:<desk@shop.test>"},
		{"in", Filter{Direction: In}, "EHLO/MAIL FROM:<Ann@Shop.test>/RCPT TO:<bob@other.test>"},
		{"ip", Filter{IP: netip.MustParseAddr("203.0.113.5")}, "250 ok/MAIL FROM:<>/RCPT TO:<desk@shop.test>"},
		{"own ip", Filter{IP: local.Addr(), Direction: Out}, "250 ok/MAIL FROM:<>/RCPT TO:<desk@shop.test>"},
		{"other ip", Filter{IP: netip.MustParseAddr("203.0.113.6")}, ""},
		{"domain", Filter{Domain: "SHOP.test"}, "MAIL FROM:<Ann@Shop.test>/RCPT TO:<bob@other.test>/250 ok/MAIL FROM:<>/RCPT TO:<desk@shop.test>"},
		{"no part of a domain", Filter{Domain: "shop.te"}, ""},
		{"address", Filter{Address: "desk@shop.test"}, "RCPT TO:<desk@shop.test>"},
		{"address and domain", Filter{Address: "bob@other.test", Domain: "other.test"}, "RCPT TO:<bob@other.test>"},
	} {
		h := new(Hub)
		v, _ := h.Watch(c.f)
		h.Say(in, Them, []byte("EHLO"))
		h.Say(in, Them, []byte("MAIL FROM:<Ann@Shop.test>"))
		h.Say(in, Them, []byte("RCPT TO:<bob@other.test>"))
		h.Say(out, Them, []byte("250 ok"))
		h.Say(out, Us, []byte("MAIL FROM:<>"))
		h.Say(out, Us, []byte("RCPT TO:<desk@shop.test>"))
		var texts []string
		for _, s := range said(v) {
			_, text, _ := strings.Cut(s, " ")
			texts = append(texts, text)
		}
		if got := strings.Join(texts, "/"); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

func TestTooMuchIsDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := new(Hub)
		v, _ := h.Watch(Filter{})
		for range perSecond + 500 {
			h.Say(&Session{}, Us, []byte("x"))
		}
		if n := v.Dropped(); n != 500 {
			t.Errorf("%d dropped, want 500", n)
		}
		time.Sleep(time.Second)
		h.Say(&Session{}, Us, []byte("x")) // there is a budget again, but no room
		if n := v.Dropped(); n != 1 {
			t.Errorf("%d dropped, want 1", n)
		}
		if n := len(said(v)); n != queued {
			t.Errorf("%d lines, want %d", n, queued)
		}
	})
}

func TestTextIsBounded(t *testing.T) {
	h := new(Hub)
	v, _ := h.Watch(Filter{})
	h.Say(&Session{}, Them, []byte("500 \xff"+strings.Repeat("é", 2000)))
	if l := <-v.Lines(); len(l.Text) > MaxText+20 || strings.ToValidUTF8(l.Text, "") != l.Text {
		t.Errorf("%d bytes", len(l.Text))
	}
}

func TestViewersAreBounded(t *testing.T) {
	h := new(Hub)
	for range MaxViewers {
		if _, ok := h.Watch(Filter{}); !ok {
			t.Fatal("refused too early")
		}
	}
	if _, ok := h.Watch(Filter{}); ok {
		t.Error("one too many")
	}
}

func TestFollowedSessionsAreBounded(t *testing.T) {
	h := new(Hub)
	v, _ := h.Watch(Filter{Domain: "a.test"})
	for range 3 * maxMatched {
		h.Say(&Session{ID: h.NewSession()}, Us, []byte("RCPT TO:<x@a.test>"))
	}
	if len(v.matched) > maxMatched {
		t.Errorf("%d sessions", len(v.matched))
	}
}

func TestManyAtOnce(t *testing.T) {
	h := new(Hub)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 200 {
				if v, ok := h.Watch(Filter{Domain: "a.test"}); ok {
					_ = said(v)
					v.Close()
				}
			}
		})
		wg.Go(func() {
			for range 2000 {
				h.Say(&Session{ID: 1, Domain: "a.test"}, Us, []byte("NOOP"))
			}
		})
	}
	wg.Wait()
	if h.Watched() {
		t.Error("still watched")
	}
}

func BenchmarkUnwatched(b *testing.B) {
	h := new(Hub)
	b.ReportAllocs()
	for range b.N {
		if h.Watched() {
			b.Fatal("watched")
		}
	}
}
