package dkim

import (
	"context"
	"errors"
	"flag"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"posthoorn/internal/mime"
)

var update = flag.Bool("update", false, "write the golden files anew")

const plainMail = "From: Ann <ann@shop.test>\r\nTo: bob@customer.test\r\nSubject: Hello\r\nX-Shop: 1\r\n\r\nHello.\r\n"

// The whole of two signatures, as they go out: Ed25519 signs the same thing the same way each time.
func TestGoldenFields(t *testing.T) {
	s := NewSigner(SignerOptions{Now: func() time.Time { return noon }})
	defer s.Close()
	keys := []*Key{
		ed25519Key(t, Spec{Domain: "shop.test", Selector: "low", Priority: 5}),
		ed25519Key(t, Spec{Domain: "shop.test", Selector: "top", Priority: -1, Report: true, Oversign: true, Expire: noon.Add(time.Hour),
			Headers: []string{"X-Shop", "X-Absent"}, Canonicalization: "simple/relaxed"}),
	}
	got, err := s.Sign(context.Background(), []byte(plainMail), keys)
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile("testdata/fields.txt", got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if want := string(read(t, "fields.txt")); string(got) != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
}

func TestSignedNames(t *testing.T) {
	for _, c := range []struct{ header, names, oversigned string }{
		{"From: a@b.test", "from:from", "from:from"},
		{"Subject: x", "from:subject:subject", "from:subject:subject"}, // From is always listed
		{"FROM: a\r\nto: b\r\nTO : c\r\nDate: d", "from:from:to:to:to:date:date", "from:from:to:to:to:date:date"},
		{"From: a\r\nMessage-ID: b\r\nX-Shop: 1\r\nX-Shop: 2\r\nReceived: x\r\nComments: y", "from:from:message-id:x-shop:x-shop",
			"from:from:message-id:message-id:x-shop:x-shop:x-shop"},
		{"List-Unsubscribe: <a>\r\nList-Unsubscribe-Post: b\r\nFrom: a", "from:from:list-unsubscribe:list-unsubscribe-post",
			"from:from:list-unsubscribe:list-unsubscribe:list-unsubscribe-post:list-unsubscribe-post"},
	} {
		header, err := mime.ParseHeader([]byte(c.header))
		if err != nil {
			t.Fatal(err)
		}
		for oversign, want := range map[bool]string{false: c.names, true: c.oversigned} {
			chosen := choose(&header, &Key{extra: []string{"x-shop"}, oversign: oversign})
			if got := strings.Join(chosen.names, ":"); got != want {
				t.Errorf("%q: %s, want %s", c.header, got, want)
			}
			for i, f := range chosen.fields {
				if f != nil && !f.Is(chosen.names[i]) {
					t.Errorf("%q: %s for %s", c.header, f.Name, chosen.names[i])
				}
			}
		}
	}
}

// selectors are those of the signatures, top down.
func selectors(t *testing.T, fields []byte) (list []string) {
	t.Helper()
	header, err := mime.ParseHeader(fields)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range header.Fields {
		tags, ok := parseTags(string(f.Value))
		if !ok || !f.Is(fieldName) {
			t.Fatalf("%s", fields)
		}
		list = append(list, tags["s"])
	}
	return list
}

func TestWhichKeysSign(t *testing.T) {
	at := func(priority int, selector string, expire time.Time) *Key {
		return ed25519Key(t, Spec{Domain: "shop.test", Selector: selector, Priority: priority, Expire: expire})
	}
	var many []*Key
	for i := range MaxSignatures + 3 {
		many = append(many, at(0, "m"+string(rune('a'+i/26))+string(rune('a'+i%26)), time.Time{}))
	}
	s := NewSigner(SignerOptions{Now: func() time.Time { return noon }})
	defer s.Close()
	for name, c := range map[string]struct {
		keys []*Key
		want string
		err  string
	}{
		"none":     {nil, "", ""},
		"order":    {[]*Key{at(2, "c", time.Time{}), at(0, "b", time.Time{}), at(-1, "a", time.Time{}), at(2, "d", time.Time{})}, "a b c d", ""},
		"expired":  {[]*Key{at(0, "over", noon), at(0, "good", noon.Add(time.Second)), at(0, "old", noon.Add(-time.Hour))}, "good", ""},
		"all over": {[]*Key{at(0, "over", noon)}, "", ""},
		"double":   {[]*Key{at(0, "a", time.Time{}), at(0, "a", time.Time{}), at(0, "b", time.Time{})}, "a b", ""},
		"many":     {many, "ma", "at most 32 signatures"},
	} {
		fields, err := s.Sign(context.Background(), []byte(plainMail), c.keys)
		list := selectors(t, fields)
		if got := strings.Join(list, " "); got != c.want && (name != "many" || len(list) != MaxSignatures) {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
		if c.err == "" && err != nil || c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestSourceThatIsNone(t *testing.T) {
	s := NewSigner(SignerOptions{})
	defer s.Close()
	keys := []*Key{ed25519Key(t, Spec{Domain: "shop.test", Selector: "a"})}
	if _, err := s.Sign(context.Background(), []byte(strings.Repeat("A: b\r\n", mime.MaxFields+1)), keys); err != mime.ErrFields {
		t.Error(err)
	}
	if _, err := s.Sign(context.Background(), []byte(" b\r\n\r\n"), keys); err != ErrContinued {
		t.Error(err)
	}
}

// brokenKey is an engine's key that fails, panics or takes its time.
type brokenKey func() ([]byte, error)

func (b brokenKey) sign([]byte) ([]byte, error) { return b() }

func broken(t *testing.T, selector string, b brokenKey) *Key {
	k := keyOf(t, NewLoader(Go(), 0), Spec{Domain: "shop.test", Selector: selector, Private: string(read(t, "rfc6376.pem"))})
	k.private.engine = b
	return k
}

// What the engine does not do Go does, and a panic is the error of one message.
func TestEngineThatFails(t *testing.T) {
	s := NewSigner(SignerOptions{})
	defer s.Close()
	k := broken(t, "a", func() ([]byte, error) { return nil, errors.New("out of order") })
	fields, err := s.Sign(context.Background(), []byte(plainMail), []*Key{k})
	verdicts := verify(slices.Concat(fields, []byte(plainMail)), map[string]string{"a._domainkey.shop.test": k.private.record()})
	if err != nil || len(verdicts) != 1 || verdicts[0] != nil {
		t.Error(err, verdicts)
	}
	for range 10 {
		k = broken(t, "a", func() ([]byte, error) { panic("no") })
		if fields, err := s.Sign(context.Background(), []byte(plainMail), []*Key{k}); err == nil || fields != nil {
			t.Errorf("%s, %v", fields, err)
		}
	}
}

// A caller that gives up does not come back while a worker reads the source, and what has not begun is never done.
func TestSignEndsWithContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := NewSigner(SignerOptions{Workers: 1, Queue: 1})
		slow := broken(t, "slow", func() ([]byte, error) { time.Sleep(10 * time.Second); return nil, errors.New("then") })
		never := broken(t, "never", func() ([]byte, error) { t.Error("signed for nobody"); return nil, errors.New("no") })
		start := time.Now()
		type end struct {
			err   error
			after time.Duration
		}
		ends := make(chan end, 3)
		for i, k := range []*Key{slow, never, never} { // in work, queued, before the queue
			go func() {
				ctx, cancel := context.WithTimeout(t.Context(), time.Duration(i+1)*time.Second)
				defer cancel()
				_, err := s.Sign(ctx, []byte(plainMail), []*Key{k})
				ends <- end{err, time.Since(start)}
			}()
			synctest.Wait()
		}
		for _, want := range []time.Duration{2 * time.Second, 3 * time.Second, 10 * time.Second} {
			if e := <-ends; !errors.Is(e.err, context.DeadlineExceeded) || e.after != want {
				t.Errorf("%v after %v, want %v", e.err, e.after, want)
			}
		}
		s.Close()
	})
}

func TestClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := NewSigner(SignerOptions{Workers: 1})
		slow := broken(t, "slow", func() ([]byte, error) { time.Sleep(time.Second); return nil, errors.New("then") })
		errs := make(chan error, 2)
		for range 2 {
			go func() {
				_, err := s.Sign(t.Context(), []byte(plainMail), []*Key{slow})
				errs <- err
			}()
			synctest.Wait()
		}
		s.Close()
		s.Close()
		for range 2 {
			if err := <-errs; err != ErrClosed {
				t.Error(err)
			}
		}
		if _, err := s.Sign(t.Context(), []byte(plainMail), []*Key{slow}); err != ErrClosed {
			t.Error(err)
		}
	})
}

func TestFromDomain(t *testing.T) {
	for source, want := range map[string]string{
		plainMail: "shop.test",
		"Sender: x@y.test\r\nfrom: \"a@b.test\" <c@D.Test>, e@f.test\r\n\r\nFrom: g@h.test": "d.test",
		"From: <ann@bücher.test>\r\n":   "xn--bcher-kva.test",
		"From: nobody\r\n\r\n":          "",
		"From: a@-, b@shop.test\r\n":    "shop.test",
		"Subject: x\r\n\r\nFrom: a@b.c": "",
		"":                              "",
	} {
		if got := FromDomain([]byte(source)); got != want {
			t.Errorf("%q: %q, want %q", source, got, want)
		}
	}
}

// Signatures share the hash of the body and that of the header wherever they cover the same.
func TestSharedWork(t *testing.T) {
	c, err := newContent([]byte(plainMail))
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []struct {
		spec           Spec
		bodies, covers int
	}{
		{Spec{}, 1, 1},
		{Spec{Priority: 1, Report: true}, 1, 1},
		{Spec{Canonicalization: "relaxed/relaxed"}, 2, 1},
		{Spec{Canonicalization: "simple/relaxed"}, 2, 2},
		{Spec{Headers: []string{"x-shop"}}, 2, 3},
		{Spec{Oversign: true}, 2, 4},
		{Spec{Headers: []string{"X-Shop"}, Canonicalization: "relaxed/relaxed"}, 2, 4},
	} {
		want.spec.Domain, want.spec.Selector = "shop.test", "a"
		if _, err := c.append(nil, ed25519Key(t, want.spec), noon); err != nil {
			t.Fatal(err)
		}
		if len(c.bodies) != want.bodies || len(c.covers) != want.covers {
			t.Errorf("%d: %d bodies and %d headers were hashed", i, len(c.bodies), len(c.covers))
		}
	}
}

// Many at a time: every mail gets its own signature.
func TestManyAtATime(t *testing.T) {
	s := NewSigner(SignerOptions{Workers: 3, Queue: 2})
	defer s.Close()
	key := ed25519Key(t, Spec{Domain: "shop.test", Selector: "a", Canonicalization: "relaxed/relaxed"})
	dns := map[string]string{"a._domainkey.shop.test": key.private.record()}
	var group sync.WaitGroup
	for i := range 20 {
		group.Go(func() {
			for j := range 20 {
				source := []byte(plainMail + strings.Repeat(" a  b\r\n", i*20+j) + "end\r\n")
				fields, err := s.Sign(context.Background(), source, []*Key{key})
				if err != nil {
					t.Error(err)
				} else if verdicts := verify(append(fields, source...), dns); len(verdicts) != 1 || verdicts[0] != nil {
					t.Error(verdicts)
				}
			}
		})
	}
	group.Wait()
}
