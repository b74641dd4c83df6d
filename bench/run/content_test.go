package main

import (
	"strings"
	"testing"

	"posthoorn/internal/mail"
	"posthoorn/internal/mailauth/dkim"
	"posthoorn/internal/prepare"
	"posthoorn/internal/store"
	"posthoorn/internal/store/dir"
)

// TestContents lets the program make each content, and looks for what shows that it was made.
func TestContents(t *testing.T) {
	const size, id = 10 << 10, 7
	all := contentsOf(size)
	p := preparer(t, all.stored)
	plain := made(t, p, all.plain, id)
	for _, c := range []struct {
		name     string
		of       content
		low, top int
	}{
		{"plain", all.plain, 0.9 * size, size},
		{"RSA", all.rsa, 0.9 * size, 1.2 * size},
		{"Ed25519", all.ed25519, 0.9 * size, 1.2 * size},
		{"both", all.both, 0.9 * size, 1.2 * size},
		{"personalised", all.personalised, 0.8 * size, 1.2 * size},
		{"inlined", all.inlined, 2.5 * size, 6 * size},
		{"built", all.built, size, 6 * size},
		{"stored", all.stored, 0.9 * size, size},
	} {
		t.Run(c.name, func(t *testing.T) {
			text := made(t, p, c.of, id)
			if strings.Count(text, "X-Bench-Id: 7\r\n") != 1 || strings.Contains(text, place) {
				t.Errorf("the number is missing:\n%.500s", text)
			}
			if len(text) < c.low || len(text) > c.top {
				t.Errorf("%d bytes", len(text))
			}
			if err := c.of.check(text); err != nil {
				t.Error(err)
			}
			if c.of.proof != nil && c.of.check(plain) == nil {
				t.Error("a plain message would do too")
			}
		})
	}
}

func preparer(t *testing.T, stored content) *prepare.Preparer {
	path := t.TempDir()
	if err := writeBodies(path, stored.source, 10); err != nil {
		t.Fatal(err)
	}
	address, err := store.ParseAddress("dir://" + path)
	if err != nil {
		t.Fatal(err)
	}
	bodies, err := dir.Open(address, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	signer := dkim.NewSigner(dkim.SignerOptions{})
	t.Cleanup(func() {
		signer.Close()
		_ = bodies.Close()
	})
	return prepare.New(prepare.Options{Bodies: bodies, Signing: prepare.Signing{Loader: dkim.NewLoader(dkim.Go(), 0), Signer: signer}})
}

// made is a message as it goes over the wire.
func made(t *testing.T, p *prepare.Preparer, c content, id int) string {
	t.Helper()
	m, err := mail.Parse(load{c, id + 1, 1}.encode(id), mail.Rules{})
	if err != nil {
		t.Fatal(err)
	}
	if p.Plain(m) {
		s, err := prepare.Message(m)
		if err != nil {
			t.Fatal(err)
		}
		return string(s.Data)
	}
	start := p.Start(t.Context(), m)
	defer start.Drop()
	s, err := start.Wait(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return string(s.Data)
}

// TestParts shows that there is as much in the contents as their rows say.
func TestParts(t *testing.T) {
	html := newsletter(30 << 10)
	for what, c := range map[string]struct{ got, want int }{
		"variables": {strings.Count(data(), value), 20},
		"rules":     {strings.Count(html, "{") - strings.Count(html, "@media"), 100},
		"blocks":    {strings.Count(document(), `"type":`), 30},
	} {
		if c.got != c.want {
			t.Errorf("%d %s, want %d", c.got, what, c.want)
		}
	}
}

func TestCheck(t *testing.T) {
	c := content{proof: map[string]int{"\r\nSigned: ": 2, "colour=": 1, "{": 0}}
	for text, good := range map[string]bool{
		"Signed: a=\r\nSigned: b=\r\n\r\nco=\r\nlour=3Dred\r\n": true,
		"Signed: a=\r\n\r\ncolour=3Dred\r\n":                    false,
		"Signed: a\r\nSigned: b\r\n\r\ncolour\r\n":              false,
		"Signed: a\r\nSigned: b\r\n\r\ncolour=3D{$x}\r\n":       false,
		"": false,
	} {
		if err := c.check(text); (err == nil) != good {
			t.Errorf("%q: %v", text, err)
		}
	}
}
