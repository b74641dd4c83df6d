package dkim

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
)

// newRSA is a new key as base64 of PKCS #1.
func newRSA(t testing.TB, bits int) string {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(x509.MarshalPKCS1PrivateKey(key))
}

// tenKB is a mail of about 10 KB, text with some tabs and double spaces.
func tenKB() []byte {
	header := "From: Shop <news@shop.test>\r\nTo: Ann <ann@customer.test>\r\nSubject: Your order of\r\n Tuesday\r\n" +
		"Date: Sun, 4 May 2031 12:00:00 +0000\r\nMessage-ID: <1.2.3@shop.test>\r\nMIME-Version: 1.0\r\n" +
		"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\nList-Unsubscribe: <https://shop.test/u/1>\r\n" +
		"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n\r\n"
	line := "the quick brown fox jumps over the lazy dog,  again and\tagain, all day \r\n"
	return []byte(header + strings.Repeat(line, 10_000/len(line)))
}

func BenchmarkSign(b *testing.B) {
	fastest := testEngine(b)
	text := newRSA(b, 2048)
	for _, c := range []struct {
		name   string
		engine Engine
		rsa    bool
		ed     bool
	}{
		{"ed25519", Go(), false, true}, {"rsa-2048/go", Go(), true, false}, {"both/go", Go(), true, true},
		{"rsa-2048/fastest", fastest, true, false}, {"both/fastest", fastest, true, true},
	} {
		loader := NewLoader(c.engine, 0)
		var keys []*Key
		if c.rsa {
			keys = append(keys, keyOf(b, loader, Spec{Domain: "shop.test", Selector: "r", Private: text, Canonicalization: "relaxed/relaxed"}))
		}
		if c.ed {
			keys = append(keys, keyOf(b, loader, Spec{Domain: "shop.test", Selector: "e", Private: seed, Canonicalization: "relaxed/relaxed"}))
		}
		b.Run(c.name, func(b *testing.B) { benchmarkSign(b, keys) })
	}
}

func benchmarkSign(b *testing.B, keys []*Key) {
	b.ReportAllocs()
	source := tenKB()
	b.SetBytes(int64(len(source)))
	for b.Loop() {
		c, err := newContent(source)
		if err != nil {
			b.Fatal(err)
		}
		var fields []byte
		for _, k := range keys {
			if fields, err = c.append(fields, k, noon); err != nil {
				b.Fatal(err)
			}
		}
	}
}

func BenchmarkBody(b *testing.B) {
	source := tenKB()
	for name, form := range map[string]bool{"simple": false, "relaxed": true} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(source)))
			for b.Loop() {
				c, _ := newContent(source)
				c.body(form)
			}
		})
	}
}

func BenchmarkLoad(b *testing.B) {
	for _, engine := range []Engine{Go(), testEngine(b)} {
		l, text := NewLoader(engine, 0), newRSA(b, 2048)
		b.Run(engine.Name(), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := l.read(text); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// A mail from one of many domains, of which each has a key: mostly the match is known, sometimes not.
func BenchmarkRing(b *testing.B) {
	const domains = 10_000
	r := NewRing(RingOptions{Loader: NewLoader(Go(), 0)})
	rows := make([]Row, domains)
	names := make([]string, domains)
	for i := range rows {
		names[i] = fmt.Sprintf("d%d.test", i)
		rows[i] = row(int64(i), names[i], fmt.Sprint("k", i))
		rows[i].Verify = false
	}
	r.Update(rows)
	for r.round(b.Context()) {
	}
	for name, match := range map[string]func(domain string){
		"known": func(domain string) { r.For(b.Context(), domain) },
		"new":   func(domain string) { clear(r.current.Load().matches); r.For(b.Context(), domain) },
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				match(names[i%100])
			}
		})
	}
}
