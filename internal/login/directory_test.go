package login

import (
	"net"
	"sync"
	"sync/atomic"
	"testing"

	ber "github.com/go-asn1-ber/asn1-ber"
)

// directory answers each bind with the code that answer gives; below zero it hangs up.
func directory(t *testing.T, answer func(name, password string) int64) (d *Directory, asked *atomic.Int64) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	asked = new(atomic.Int64)
	var running sync.WaitGroup
	running.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			running.Go(func() {
				defer func() { _ = c.Close() }()
				asked.Add(1)
				bind(c, answer)
			})
		}
	})
	t.Cleanup(func() { _ = l.Close(); running.Wait() })
	return NewDirectory("ldap://"+l.Addr().String(), "ou=people,dc=example"), asked
}

// bind is RFC 4511 section 4.2.
func bind(c net.Conn, answer func(name, password string) int64) {
	request, err := ber.ReadPacket(c)
	if err != nil || len(request.Children) < 2 || len(request.Children[1].Children) != 3 {
		return
	}
	fields := request.Children[1].Children
	code := answer(fields[1].Data.String(), fields[2].Data.String())
	if code < 0 {
		return
	}
	p := ber.NewSequence("")
	p.AppendChild(request.Children[0])
	r := ber.Encode(ber.ClassApplication, ber.TypeConstructed, 1, nil, "")
	r.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagEnumerated, code, ""))
	for range 2 {
		r.AppendChild(ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, "", ""))
	}
	p.AppendChild(r)
	_, _ = c.Write(p.Bytes())
	_, _ = ber.ReadPacket(c) // until it hangs up
}

func TestDirectory(t *testing.T) {
	d, _ := directory(t, func(name, password string) int64 {
		if name == `uid=shop,ou=people,dc=example` && password == "secret" || name == `uid=\#a\,uid=root\+x,ou=people,dc=example` && password == "x" {
			return 0
		}
		return 49
	})
	if !ask(t, d, "shop", "secret") || ask(t, d, "shop", "geheim") || ask(t, d, "nobody", "secret") {
		t.Error("not the answers of the server")
	}
	if !ask(t, d, "#a,uid=root+x", "x") {
		t.Error("a user is not escaped")
	}
}

// TestTheDirectoryIsNotAsked with an empty password: a bind without one succeeds (RFC 4513 section 5.1.2).
func TestTheDirectoryIsNotAsked(t *testing.T) {
	d, asked := directory(t, func(string, string) int64 { return 0 })
	for _, c := range append(wrongForAll, [2]string{"sh\x00op", "secret"}) {
		if ask(t, d, c[0], c[1]) {
			t.Errorf("%q is right", c)
		}
	}
	if asked.Load() != 0 {
		t.Error("asked")
	}
}

func TestAnswersOfADirectory(t *testing.T) {
	for code, want := range map[int64]string{0: "yes", 49: "no", 32: "no", 34: "error", 1: "error", 8: "error", 51: "error", 52: "error", 53: "error", -1: "error"} {
		d, _ := directory(t, func(string, string) int64 { return code })
		ok, err := d.Check(t.Context(), "shop", "secret")
		got := map[bool]string{true: "yes", false: "no"}[ok]
		if err != nil {
			got = "error"
		}
		if got != want || ok && err != nil {
			t.Errorf("%d: %s %v", code, got, err)
		}
	}
	if ok, err := NewDirectory("ldap://127.0.0.1:1", "dc=x").Check(t.Context(), "shop", "secret"); ok || err == nil {
		t.Error("nobody listens", ok, err)
	}
}
