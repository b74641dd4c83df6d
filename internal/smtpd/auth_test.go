package smtpd

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/md5"
	"crypto/tls"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"log/slog"
	"net/netip"
	"strings"
	"testing"

	"posthoorn/internal/inject"
	"posthoorn/internal/login"
)

// oneLogin takes one user and answers at once.
type oneLogin struct{ User, Password string }

func (oneLogin) HasSecrets() bool { return true }

func (f oneLogin) Check(_ context.Context, t login.Try) (bool, error) {
	if t.Answer != nil {
		return t.Answer(f.Password) && t.User == f.User, nil
	}
	return t.User == f.User && t.Password == f.Password, nil
}

// noLogin cannot say anything, or will not.
type noLogin struct{ error }

func (noLogin) HasSecrets() bool                                 { return false }
func (n noLogin) Check(context.Context, login.Try) (bool, error) { return false, n.error }

// logins are those of "config: login" in dialogues.
var logins = map[string]Authenticator{"": oneLogin{"shop", "secret"}, "down": noLogin{errors.New("the database is on fire")},
	"later": noLogin{login.ErrLater}, "blocked": noLogin{login.ErrBlocked}}

func TestNobodyWritesLinesIntoTheLog(t *testing.T) {
	var log bytes.Buffer
	ts := start(t, func(o *Options, _ *inject.Options) {
		o.Log = slog.New(slog.NewTextHandler(&log, nil))
		o.Login = login.NewGuard(&login.Fixed{}, login.Options{Log: o.Log})
	})
	c := newClient(t, tls.Client(dial(t, ts.secure), clientTLS))
	c.send("EHLO x\r\n")
	c.want("220", "250")
	c.send("AUTH PLAIN AGEKbGV2ZWw9RVJST1IbWzMxbQB4\r\n") // \0a\nlevel=ERROR\x1b[31m\0x
	c.want("535")
	_ = c.Close()
	ts.stopNow()
	if n := strings.Count(log.String(), "\n"); n != 1 || strings.Contains(log.String(), "\x1b") || !strings.Contains(log.String(), `a\nlevel`) {
		t.Errorf("%q", log.String())
	}
}

// TestCRAM plays CRAM-MD5, whose challenge must be another one each time.
func TestCRAM(t *testing.T) {
	ts := start(t, func(o *Options, _ *inject.Options) { o.Login = oneLogin{"the shop", "secret"} })
	seen := map[string]bool{}
	for _, c := range []struct{ user, password, want string }{
		{"the shop", "secret", "235"}, {"the shop", "Secret", "535"}, {"shop", "secret", "535"}, {"", "secret", "535"},
	} {
		p := &player{t: t, mode: "tls", server: ts, at: c.user + " " + c.password}
		p.connect(nil)
		p.play("S: 220 *")
		p.play("C: EHLO x")
		p.play("S: 250 *|AUTH PLAIN LOGIN CRAM-MD5|*")
		p.play("C: AUTH cram-md5")
		code, text, _ := strings.Cut(p.reply(), " ")
		challenge, err := base64.StdEncoding.DecodeString(text)
		if code != "334" || err != nil || !like("<*@mx.test>", string(challenge)) || seen[text] {
			t.Errorf("%s %q %v", code, challenge, err)
		}
		seen[text] = true
		h := hmac.New(md5.New, []byte(c.password))
		_, _ = h.Write(challenge)
		p.play("C: " + base64.StdEncoding.EncodeToString([]byte(c.user+" "+hex.EncodeToString(h.Sum(nil)))))
		p.play("S: " + c.want + " *")
	}
}

// TestLoginsAreOfTheirNetwork: the address that is counted is the one of the PROXY header.
func TestLoginsAreOfTheirNetwork(t *testing.T) {
	seen := make(chan netip.Addr, 1)
	ts := start(t, func(o *Options, _ *inject.Options) {
		o.Proxy = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
		o.Login = watched(func(try login.Try) { seen <- try.From })
	})
	p := &player{t: t, mode: "tls", server: ts}
	p.connect([]string{"config: proxy"})
	p.play("S: 220 *")
	p.play("C: EHLO x")
	p.play("S: 250 *")
	p.play("C: AUTH PLAIN AHNob3AAc2VjcmV0")
	p.play("S: 535 *")
	if from := <-seen; from != netip.MustParseAddr("203.0.113.20") {
		t.Error(from)
	}
}

type watched func(login.Try)

func (watched) HasSecrets() bool { return false }
func (w watched) Check(_ context.Context, t login.Try) (bool, error) {
	w(t)
	return false, nil
}

// endless is a login that takes as long as it is allowed to.
type endless struct{ begun chan struct{} }

func (e endless) HasSecrets() bool { return false }

func (e endless) Check(ctx context.Context, _ login.Try) (bool, error) {
	close(e.begun)
	<-ctx.Done()
	return false, ctx.Err()
}

func TestStopDoesNotWaitForALogin(t *testing.T) {
	begun := make(chan struct{})
	ts := start(t, func(o *Options, _ *inject.Options) { o.Login = endless{begun} })
	c := newClient(t, tls.Client(dial(t, ts.secure), clientTLS))
	c.send("EHLO client.test\r\nAUTH PLAIN AGEAYg==\r\n")
	<-begun
	ts.Stop(context.Background()) // without a limit of its own
}
