//go:build openssl && linux

package dkim

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"math/big"
	"runtime"
	"strings"
	"sync"
	"testing"
)

// The library makes the very bytes that Go makes, for all sizes and from many goroutines at once.
func TestOpenSSL(t *testing.T) {
	engine := testEngine(t)
	if !strings.HasPrefix(engine.Name(), "OpenSSL ") {
		t.Fatalf("the engine is %s: is libcrypto installed?", engine.Name())
	}
	for _, text := range []string{string(read(t, "rfc6376.pem")), newRSA(t, 2048), newRSA(t, 2047), string(read(t, "rsa8192.pem"))} {
		p, err := NewLoader(engine, 0).private(text)
		if err != nil || p.engine == nil {
			t.Fatal(p, err)
		}
		var group sync.WaitGroup
		for i := range 8 {
			group.Go(func() {
				digest := sha256.Sum256([]byte{byte(i)})
				got, err := p.engine.sign(digest[:])
				want, _ := (&private{rsa: p.rsa}).sign(digest)
				if err != nil || !bytes.Equal(got, want) {
					t.Errorf("%d bits: another signature (%v)", p.rsa.N.BitLen(), err)
				}
			})
		}
		group.Wait()
	}
}

// Keys that nobody has any more are freed while others sign, and a key with wrong numbers is never used.
func TestOpenSSLKeys(t *testing.T) {
	engine := testEngine(t)
	key, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	digest := make([]byte, sha256.Size)
	for i := range 200 {
		k, err := engine.load(key)
		if err != nil {
			t.Fatal(err)
		}
		if i%50 == 0 {
			runtime.GC()
		}
		if _, err := k.sign(digest); err != nil {
			t.Fatal(err)
		}
	}
	k, err := engine.load(key)
	if err != nil {
		t.Fatal(err)
	}
	k.(*opensslKey).size = 7
	if _, err := k.sign(digest); err == nil {
		t.Error("a signature of seven bytes")
	}
	wrong := *key
	wrong.E = 3
	wrong.D = new(big.Int).Add(key.D, big.NewInt(2))
	wrong.Precomputed = rsa.PrecomputedValues{}
	if k, err := engine.load(&wrong); err == nil {
		t.Errorf("%v signs", k)
	}
}
