package dkim

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// zone is a DNS for tests.
type zone struct {
	mu      sync.Mutex
	records map[string][]string
	failure error         // of every lookup
	delay   time.Duration // of every lookup
	panics  string        // the first label of a name whose lookup panics
	asked   []string
	at, max int // lookups now, and the most at once
}

// nxdomain is an answer, and no failure for the moment.
type nxdomain struct{}

func (nxdomain) Error() string   { return "no such domain" }
func (nxdomain) Temporary() bool { return false }

func (z *zone) TXT(ctx context.Context, name string) ([]string, error) {
	z.mu.Lock()
	z.asked = append(z.asked, name)
	z.at++
	z.max = max(z.max, z.at)
	delay := z.delay
	z.mu.Unlock()
	defer func() { z.mu.Lock(); z.at--; z.mu.Unlock() }()
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-time.After(delay):
	}
	z.mu.Lock()
	defer z.mu.Unlock()
	if z.failure != nil {
		return nil, z.failure
	}
	if z.panics != "" && strings.HasPrefix(name, z.panics+".") {
		panic(name)
	}
	if records, ok := z.records[name]; ok {
		return records, nil
	}
	return nil, nxdomain{}
}

func (z *zone) change(f func()) {
	z.mu.Lock()
	defer z.mu.Unlock()
	f()
}

// bench is a ring under test, in a bubble of its own.
type bench struct {
	*Ring
	zone *zone
	log  *bytes.Buffer
}

func inBubble(t *testing.T, test func(t *testing.T, b *bench)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		b := &bench{zone: &zone{records: map[string][]string{}}, log: &bytes.Buffer{}}
		logger := slog.New(slog.NewTextHandler(b.log, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return a
		}}))
		b.Ring = NewRing(RingOptions{DNS: b.zone, Loader: NewLoader(Go(), 0), Logger: logger})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() {
			b.Run(ctx)
			close(ended)
		}()
		test(t, b)
		cancel()
		<-ended
		if strings.Contains(b.log.String(), seed) {
			t.Error("a private key is in the log")
		}
	})
}

// lines are what the log has had since the last call.
func (b *bench) lines() string {
	synctest.Wait()
	defer b.log.Reset()
	return b.log.String()
}

func (b *bench) signs(t *testing.T, domain, want string) {
	t.Helper()
	if got := shorts(b.For(t.Context(), domain)); got != want {
		t.Errorf("%s: %q, want %q", domain, got, want)
	}
}

func (b *bench) logs(t *testing.T, want string) {
	t.Helper()
	if got := b.lines(); want == "" && got != "" || !strings.Contains(got, want) || strings.Count(got, "\n") > 1 {
		t.Errorf("log %q, want %q", got, want)
	}
}

const edRecord = "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="

func exactly(domain string) func(string) bool { return func(s string) bool { return s == domain } }

func row(id int64, domain, selector string) Row {
	return Row{ID: id, Spec: Spec{Domain: domain, Selector: selector, Private: seed}, Verify: true, Signs: exactly(domain)}
}

func TestRing(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.signs(t, "shop.test", "")
		name := "k1._domainkey.shop.test"
		b.zone.change(func() { b.zone.records[name], b.zone.delay = []string{"v=spf1 -all", edRecord}, 3*time.Second })
		b.Update([]Row{row(1, "shop.test", "k1")})
		start := time.Now()
		b.signs(t, "shop.test", "k1@shop.test relaxed/simple")
		if waited := time.Since(start); waited != 3*time.Second {
			t.Errorf("waited %v", waited)
		}
		b.signs(t, "other.test", "")
		b.signs(t, "", "")
		b.logs(t, "")

		// A lookup that fails takes nothing away.
		b.zone.change(func() { b.zone.failure = errors.New("servfail") })
		time.Sleep(11 * time.Minute)
		b.signs(t, "shop.test", "k1@shop.test relaxed/simple")
		b.logs(t, "what was found last holds")
		time.Sleep(time.Hour)
		b.logs(t, "")

		// A record that is gone does, and comes back; each is said once, with what to publish.
		b.zone.change(func() { b.zone.failure = nil; delete(b.zone.records, name) })
		time.Sleep(11 * time.Minute)
		b.signs(t, "shop.test", "")
		b.logs(t, `signs nothing until its public half is in the DNS" domain=shop.test selector=k1 reason="there is no DNS record for it" `+
			`name=k1._domainkey.shop.test txt="`+edRecord)
		time.Sleep(time.Hour)
		b.logs(t, "")
		b.zone.change(func() { b.zone.records[name] = []string{"v=DKIM1; k=ed25519; p="} })
		time.Sleep(11 * time.Minute)
		b.logs(t, "it was revoked")
		b.zone.change(func() { b.zone.records[name] = []string{edRecord} })
		time.Sleep(11 * time.Minute)
		b.signs(t, "shop.test", "k1@shop.test relaxed/simple")
		b.logs(t, "a DKIM key signs now")
	})
}

// Who has just put a record into the DNS does not wait for the next round.
func TestRingAgain(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.Update([]Row{row(1, "shop.test", "k1")})
		b.signs(t, "shop.test", "")
		b.lines()
		b.zone.change(func() { b.zone.records["k1._domainkey.shop.test"] = []string{edRecord} })
		b.Again()
		b.Again()
		b.logs(t, "a DKIM key signs now")
		b.signs(t, "shop.test", "k1@shop.test relaxed/simple")
	})
}

// New rows take over what is known of their keys; what is gone is gone at once.
func TestRingUpdate(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.zone.change(func() { b.zone.records["k1._domainkey.shop.test"] = []string{edRecord} })
		b.Update([]Row{row(1, "shop.test", "k1"), row(2, "shop.test", "k2")})
		b.signs(t, "shop.test", "k1@shop.test relaxed/simple")
		b.logs(t, "selector=k2")
		b.zone.change(func() { b.zone.failure = errors.New("servfail") })
		changed := row(1, "shop.test", "k1")
		changed.Headers, changed.Priority, changed.Report = []string{"X-Shop"}, 4, true
		changed.Signs = func(string) bool { return true }
		b.Update([]Row{changed, row(2, "shop.test", "k2")})
		b.signs(t, "any.test", "k1@shop.test relaxed/simple 4 r=y +x-shop")
		b.lines()
		rows := []Row{row(1, "shop.test", "k1")}
		b.Update(rows)
		synctest.Wait()
		b.zone.change(func() { b.zone.asked = nil })
		b.Update(rows)
		synctest.Wait()
		b.zone.change(func() {
			if len(b.zone.asked) > 0 {
				t.Error("the same rows were checked again")
			}
		})
		b.Update(nil)
		b.signs(t, "any.test", "")
	})
}

func TestRingWithoutVerify(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		free, over, arc, broken, text := row(1, "shop.test", "free"), row(2, "shop.test", "over"), row(3, "shop.test", "arc"), row(4, "shop.test", "broken"), row(5, "shop.test", "b;d")
		free.Verify, over.Verify, broken.Verify = false, false, false
		over.Expire = time.Now()
		arc.Protocols = []string{"arc"}
		broken.Private = "c2VjcmV0"
		text.Headers = []string{"a:b"}
		b.Update([]Row{free, over, arc, broken, text})
		b.signs(t, "shop.test", "free@shop.test relaxed/simple")
		synctest.Wait()
		got := b.lines()
		for _, want := range []string{`signs nothing" domain=shop.test selector=broken reason="the private key is damaged`, `id=5 remark="DKIM key`} {
			if !strings.Contains(got, want) {
				t.Errorf("%q is not in %q", want, got)
			}
		}
		b.Update([]Row{free, over, arc, broken, text})
		time.Sleep(time.Hour)
		b.logs(t, "")
		if len(b.zone.asked) > 0 {
			t.Error(b.zone.asked)
		}
	})
}

// Mail waits for a key that nobody has checked, but not for long, and once: later mail does not wait again.
func TestRingPatience(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.zone.change(func() { b.zone.failure = errors.New("servfail"); b.zone.delay = time.Second })
		b.Update([]Row{row(1, "shop.test", "k1")})
		start := time.Now()
		b.signs(t, "shop.test", "")
		if waited := time.Since(start); waited != 10*time.Second {
			t.Errorf("waited %v", waited)
		}
		b.signs(t, "shop.test", "")
		if waited := time.Since(start); waited != 10*time.Second {
			t.Errorf("waited again, %v", waited)
		}
		b.logs(t, "signs nothing until it can")
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		b.Update([]Row{row(1, "shop.test", "k2")})
		start = time.Now()
		if keys := b.For(ctx, "shop.test"); keys != nil || time.Since(start) != time.Second {
			t.Error(shorts(keys), time.Since(start))
		}
		// Soon after the DNS is there again the key signs.
		b.zone.change(func() { b.zone.failure = nil; b.zone.records["k2._domainkey.shop.test"] = []string{edRecord} })
		time.Sleep(40 * time.Second)
		b.signs(t, "shop.test", "k2@shop.test relaxed/simple")
	})
}

// Lookups are bounded in number and time, and rows that come meanwhile need not wait for those before them.
func TestRingIsBounded(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.zone.change(func() { b.zone.delay = time.Hour }) // whoever asks waits for ever
		var rows []Row
		for i := range 1000 {
			rows = append(rows, row(int64(i), "shop.test", fmt.Sprint("k", i)))
		}
		b.Update(rows)
		time.Sleep(time.Minute)
		b.zone.change(func() {
			if b.zone.max != 32 {
				t.Errorf("%d lookups at a time", b.zone.max)
			}
			if n := len(b.zone.asked); n < 6*32 || n > 7*32 {
				t.Errorf("%d lookups in a minute", n)
			}
		})
		b.zone.change(func() { b.zone.delay = 0; b.zone.records["new._domainkey.new.test"] = []string{edRecord} })
		b.Update(append(rows, row(5000, "new.test", "new")))
		start := time.Now()
		b.signs(t, "new.test", "new@new.test relaxed/simple")
		if waited := time.Since(start); waited > time.Second {
			t.Errorf("waited %v", waited)
		}
	})
}

// A check that panics costs one key.
func TestRingSurvivesPanic(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.zone.change(func() { b.zone.records["k1._domainkey.shop.test"], b.zone.panics = []string{edRecord}, "k2" })
		b.Update([]Row{row(1, "shop.test", "k1"), row(2, "shop.test", "k2")})
		b.signs(t, "shop.test", "k1@shop.test relaxed/simple")
		if got := b.lines(); !strings.Contains(got, "its check panicked") {
			t.Error(got)
		}
	})
}

// Senders choose the domain of From: the memory for it is bounded, and so is the number of signatures.
func TestMatchesAreBounded(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		var rows []Row
		for i := range MaxSignatures + 5 {
			r := row(int64(i), "shop.test", fmt.Sprint("k", i))
			r.Verify, r.Signs = false, func(domain string) bool { return strings.HasSuffix(domain, ".test") }
			rows = append(rows, r)
		}
		idn := row(100, "shop.test", "idn")
		idn.Verify, idn.Signs, idn.Priority = false, exactly("bücher.test"), -1
		b.Update(append(rows, idn))
		for i := range maxDomains + 10 {
			b.For(t.Context(), fmt.Sprint(i, ".other"))
		}
		if n := len(b.current.Load().matches); n > maxDomains {
			t.Errorf("%d domains are kept", n)
		}
		if n := len(b.For(t.Context(), "a.test")); n != MaxSignatures {
			t.Errorf("%d keys sign", n)
		}
		if keys := b.For(t.Context(), "xn--bcher-kva.test"); keys[0].Selector != "idn" {
			t.Errorf("%s: a pattern in Unicode", keys[0].Selector)
		}
	})
}

func TestRecords(t *testing.T) {
	texts := map[string]string{"ed": seed, "rsa": string(read(t, "rfc6376.pem"))}
	rsaRecord := rfcRecords["brisbane._domainkey.example.com"]
	appendix, err := parsePrivate(texts["rsa"])
	if err != nil {
		t.Fatal(err)
	}
	pkcs1 := base64.StdEncoding.EncodeToString(x509.MarshalPKCS1PublicKey(&appendix.rsa.PublicKey))
	for _, c := range []struct{ key, txt, want string }{
		{"ed", edRecord, ""},
		{"ed", " v = DKIM1 ; k=ed25519;t=y:s; h=sha1 : SHA256; s= email ; n=note; p= 11qYAYKxCrfVS/7T yWQHOg7hcvPapiMlrwIaaPcHURo= ;", ""},
		{"ed", "k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=; s=*", ""},
		{"rsa", rsaRecord, ""},
		{"rsa", "k=rsa; " + strings.TrimPrefix(rsaRecord, "v=DKIM1;"), ""},
		{"rsa", "v=DKIM1; p=" + pkcs1, ""},
		{"rsa", edRecord, "of another kind"},
		{"ed", rsaRecord, "of another kind"},
		{"ed", "p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=", "of another kind"}, // k= is rsa by default
		{"rsa", rfcRecords["test._domainkey.football.example.com"], "another public key"},
		{"ed", "k=ed25519; p=" + pkcs1, "another public key"},
		{"rsa", "v=DKIM1; p=", "revoked"},
		{"rsa", "v=DKIM1", "revoked"},
		{"rsa", "v=DKIM1; p=*", "no base64"},
		{"rsa", "v=DKIM1; p=AAAA", "another public key"},
		{"rsa", rsaRecord + "; h=sha1", "sha256"},
		{"rsa", rsaRecord + "; s=tlsrpt", "not for mail"},
		{"rsa", rsaRecord + "; p=x", "no list of tags"},
		{"rsa", "p=x; v=DKIM1", "not of DKIM1"},
		{"rsa", "v=DKIM2; p=x", "not of DKIM1"},
		{"rsa", "v=spf1 -all", "not of DKIM1"},
		{"rsa", "", "revoked"},
	} {
		p, err := parsePrivate(texts[c.key])
		if err != nil {
			t.Fatal(err)
		}
		if got := p.judge(c.txt); (got == "") != (c.want == "") || !strings.Contains(got, c.want) {
			t.Errorf("%s, %q: %q, want %q", c.key, c.txt, got, c.want)
		}
	}
}

// Any record: no panic, and only ours is good.
func FuzzRecord(f *testing.F) {
	for txt := range maps.Values(rfcRecords) {
		f.Add(txt)
	}
	p, err := parsePrivate(seed)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, txt string) {
		if p.judge(txt) == "" && !strings.Contains(packed(txt), "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHUR") {
			t.Errorf("%q has our key", txt)
		}
	})
}
