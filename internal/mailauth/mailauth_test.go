package mailauth

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"posthoorn/internal/dns"
	"posthoorn/internal/mail"
	"posthoorn/internal/mailauth/dkim"
	"posthoorn/internal/mailauth/lookup"
	"posthoorn/internal/mailauth/spamd"
)

const (
	seed   = "nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=" // RFC 8463 appendix A.2
	record = "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
	plain  = "From: Ann <ann@customer.test>\r\nTo: desk@shop.test\r\nSubject: Hello\r\n\r\nHello.\r\n"
)

func noon() time.Time { return time.Date(2031, 5, 4, 12, 0, 0, 0, time.UTC) }

// signed is a mail with a signature of customer.test.
func signed(t *testing.T, source string) string {
	t.Helper()
	key, _, err := dkim.NewLoader(dkim.Go(), 0).Key(dkim.Spec{Domain: "customer.test", Selector: "k1", Private: seed})
	if err != nil {
		t.Fatal(err)
	}
	signer := dkim.NewSigner(dkim.SignerOptions{Now: noon})
	defer signer.Close()
	fields, err := signer.Sign(t.Context(), []byte(source), []*dkim.Key{key})
	if err != nil {
		t.Fatal(err)
	}
	return string(fields) + source
}

func customer() *dns.Fake {
	return &dns.Fake{Text: map[string][]string{
		"customer.test":                  {"v=spf1 ip4:203.0.113.20 -all"},
		"mx.customer.test":               {"v=spf1 ip4:203.0.113.20 -all"},
		"_dmarc.customer.test":           {"v=DMARC1; p=reject"},
		"k1._domainkey.customer.test":    {record},
		"_dmarc.bank.test":               {"v=DMARC1; p=reject; t=y"},
		"bank.test":                      {"v=spf1 -all"},
		"slow._domainkey.customer.test":  nil,
		"other._domainkey.customer.test": {"v=DKIM1; k=ed25519; p="},
	}, Fail: map[string]error{"slow.test": errors.New("no answer"), "_dmarc.slow.test": errors.New("no answer")}}
}

func address(t *testing.T, s string) mail.Address {
	t.Helper()
	if s == "" {
		return mail.Address{}
	}
	a, err := mail.ParseAddress(s, false)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestChecker(t *testing.T) {
	good := signed(t, plain)
	begin := good[strings.LastIndex(good[:strings.Index(good, "From:")], "b=")+2:][:8]
	for _, c := range []struct {
		name, words, remote, from, source, json, results string
	}{
		{"all good", "spf dkim dmarc arc", "203.0.113.20", "ann@customer.test", good,
			`[{"spf":"pass","smtp.mailfrom":"ann@customer.test"},{"dkim":"pass","domain":"customer.test","selector":"k1","header.i":"@customer.test","header.b":"` +
				begin + `"},{"dmarc":"pass","header.from":"ann@customer.test"},{"arc":"none"}]`,
			"spf=pass smtp.mailfrom=ann@customer.test; dkim=pass header.d=customer.test header.s=k1 header.i=@customer.test header.a=ed25519-sha256 header.b=BEGIN; " +
				"dmarc=pass policy.dmarc=none header.from=customer.test; arc=none"},
		{"nothing to find", "spf dkim dmarc", "203.0.113.20", "bob@none.test", "From: bob@none.test\r\n\r\n",
			`[{"spf":"none","smtp.mailfrom":"bob@none.test"},{"dkim":"none"},{"dmarc":"none","header.from":"bob@none.test"}]`,
			`spf=none reason="the domain has no SPF record" smtp.mailfrom=bob@none.test; dkim=none; dmarc=none reason="the domain has no DMARC record" header.from=none.test`},
		{"forged", "dmarc", "192.0.2.66", "ann@customer.test", plain, `[{"dmarc":"fail","header.from":"ann@customer.test"}]`,
			`dmarc=fail reason="neither SPF nor DKIM passed for an aligned domain" policy.dmarc=reject header.from=customer.test`},
		{"forged, policy is tested", "dmarc", "192.0.2.66", "x@bank.test", "From: x@bank.test\r\n\r\n", `[{"dmarc":"fail","header.from":"x@bank.test"}]`,
			`dmarc=fail reason="neither SPF nor DKIM passed for an aligned domain" policy.dmarc=none header.from=bank.test`},
		{"forwarded: DKIM alone", "spf dmarc", "192.0.2.66", "ann@customer.test", good,
			`[{"spf":"fail","smtp.mailfrom":"ann@customer.test"},{"dmarc":"pass","header.from":"ann@customer.test"}]`,
			"spf=fail smtp.mailfrom=ann@customer.test; dmarc=pass policy.dmarc=none header.from=customer.test"},
		{"null sender", "spf dmarc", "203.0.113.20", "", "From: ann@customer.test\r\n\r\n",
			`[{"spf":"pass","smtp.mailfrom":"postmaster@mx.customer.test"},{"dmarc":"pass","header.from":"ann@customer.test"}]`,
			"spf=pass smtp.helo=mx.customer.test; dmarc=pass policy.dmarc=none header.from=customer.test"},
		{"no answers", "spf dmarc", "203.0.113.20", "a@slow.test", "From: a@slow.test\r\n\r\n",
			`[{"spf":"temperror","smtp.mailfrom":"a@slow.test"},{"dmarc":"temperror","header.from":"a@slow.test"}]`, ""},
		{"another script", "spf", "203.0.113.20", "ann@b\u00fccher.test", plain, "[{\"spf\":\"none\",\"smtp.mailfrom\":\"ann@b\u00fccher.test\"}]",
			`spf=none reason="the domain has no SPF record" smtp.mailfrom=ann@xn--bcher-kva.test`},
		{"two From", "dmarc", "203.0.113.20", "ann@customer.test", "From: boss@bank.test\r\n" + good,
			`[{"dmarc":"permerror","header.from":"boss@bank.test"}]`, `dmarc=permerror reason="there are several From fields"`},
		{"hostile", "spf dkim dmarc", "203.0.113.20", `"<a>\"; dkim=pass"@customer.test`,
			"DKIM-Signature: v=1; i=\"=0D=0AX: y=22; dmarc=pass\r\nFrom: \"x; y\"@none.test\r\n\r\n", "", ""},
		{"unreadable header", "spf dkim dmarc arc", "203.0.113.20", "ann@customer.test", strings.Repeat("X: y\r\n", 2000) + plain,
			`[{"spf":"pass","smtp.mailfrom":"ann@customer.test"},{"dkim":"permerror"},{"dmarc":"permerror","header.from":""},{"arc":"fail"}]`, ""},
		{"none wanted", "", "203.0.113.20", "ann@customer.test", good, "", ""},
	} {
		checks, unknown := ParseChecks(strings.Fields(c.words))
		if len(unknown) > 0 {
			t.Fatal(unknown)
		}
		checker := New(Options{Checks: checks, DNS: customer(), Now: noon})
		f := checker.Check(t.Context(), Mail{netip.MustParseAddr(c.remote), "mx.customer.test", address(t, c.from), []byte(c.source)})
		text, results := f.JSON(), f.Results()
		if c.json != "" && string(text) != c.json || c.words == "" && (text != nil || results != "") {
			t.Errorf("%s: %s", c.name, text)
		}
		if c.words != "" && !json.Valid(text) {
			t.Errorf("%s: no JSON: %s", c.name, text)
		}
		unfolded := strings.ReplaceAll(results, "\r\n\t", " ")
		if strings.ContainsAny(unfolded, "\r\n") {
			t.Errorf("%s: %q", c.name, results)
		}
		want := strings.ReplaceAll(c.results, "BEGIN", quoteBegin(begin))
		if c.results != "" && unfolded != want {
			t.Errorf("%s:\n%s\nwant\n%s", c.name, unfolded, want)
		}
	}
}

// quoteBegin is how a part of base64 stands in a field.
func quoteBegin(s string) string {
	if strings.ContainsAny(s, "/=") {
		return `"` + s + `"`
	}
	return s
}

func TestParseChecks(t *testing.T) {
	got, unknown := ParseChecks([]string{" SPF", "dkim", "Spam", "virus", ""})
	if got != (Checks{SPF: true, DKIM: true, Spam: true}) || len(unknown) != 2 {
		t.Errorf("%+v, %q", got, unknown)
	}
}

// Of two signatures that begin alike enough is told that they can be told apart.
func TestBrief(t *testing.T) {
	list := make([]dkim.Verdict, 5)
	for i, text := range []string{"abcdefghij1234", "abcdefghik1234", "x", "", "0123456789"} {
		list[i].Signature = &dkim.Signature{Text: text}
	}
	for i, want := range []string{"abcdefghij", "abcdefghik", "x", "", "01234567"} {
		if got := brief(list, i); got != want {
			t.Errorf("%d: %q, want %q", i, got, want)
		}
	}
}

// silent gives no answer before the context ends.
type silent struct{ lookup.DNS }

func (silent) TXT(ctx context.Context, _ string) ([]string, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

// A DNS that says nothing holds a mail up no longer than the timeout.
func TestTimeout(t *testing.T) {
	good := signed(t, plain)
	synctest.Test(t, func(t *testing.T) {
		checks, _ := ParseChecks([]string{"spf", "dkim", "dmarc", "arc"})
		start := time.Now()
		c := New(Options{Checks: checks, DNS: silent{}, Now: noon, Timeout: 10 * time.Second})
		f := c.Check(t.Context(), Mail{netip.MustParseAddr("203.0.113.20"), "mx.customer.test", address(t, "ann@customer.test"), []byte(good)})
		if took := time.Since(start); took != 10*time.Second {
			t.Errorf("%v", took)
		}
		if f.SPF.Result != "temperror" || f.DKIM[0].Result != "temperror" || f.DMARC.Result != "temperror" {
			t.Errorf("%+v", f)
		}
	})
}

// panicking is a DNS that has a bug.
type panicking struct{ lookup.DNS }

func (panicking) TXT(context.Context, string) ([]string, error) { panic("a bug") }

// A panic ends the check, and the log tells of it; the mail goes on.
func TestPanic(t *testing.T) {
	var log bytes.Buffer
	checks, _ := ParseChecks([]string{"spf", "dkim", "dmarc"})
	c := New(Options{Checks: checks, DNS: panicking{}, Now: noon, Log: slog.New(slog.NewTextHandler(&log, nil))})
	f := c.Check(t.Context(), Mail{netip.MustParseAddr("203.0.113.20"), "mx.customer.test", address(t, "ann@customer.test"), []byte(signed(t, plain))})
	if f.SPF.Result != "temperror" || f.DKIM[0].Result != "temperror" || f.DMARC.Result != "temperror" || strings.Count(log.String(), "a bug") != 3 {
		t.Errorf("%s\n%s", f.JSON(), log.String())
	}
}

func TestSpam(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan struct{})
	go func() {
		defer close(served)
		for _, spam := range []string{"True ; 15.5 / 5.0", "False ; 0 / 5"} {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			buffer := make([]byte, 4096)
			_, _ = conn.Read(buffer)
			_, _ = conn.Write([]byte("SPAMD/1.5 0 EX_OK\r\nSpam: " + spam + "\r\n\r\n"))
			conn.Close()
		}
		l.Close()
	}()
	reg := prometheus.NewRegistry()
	client := spamd.New(spamd.Options{Address: l.Addr().String(), MaxSize: 1000})
	c := New(Options{Checks: Checks{Spam: true}, DNS: customer(), Spamd: client, Metrics: reg, Log: slog.New(slog.DiscardHandler)})
	for _, want := range []string{`[{"spam":"spam","score":15.5,"threshold":5}]`, `[{"spam":"ham","score":0,"threshold":5}]`, `[{"spam":"temperror"}]`} {
		f := c.Check(t.Context(), Mail{Source: []byte(plain)})
		if got := string(f.JSON()); got != want || f.Results() != "" {
			t.Errorf("%s, want %s; %q", got, want, f.Results())
		}
		if strings.Contains(want, "ham") {
			<-served
		}
	}
	if got := string(c.Check(t.Context(), Mail{Source: make([]byte, 1001)}).JSON()); got != `[{"spam":"none"}]` {
		t.Error(got)
	}
	families, err := reg.Gather()
	if err != nil || len(families) != 2 || len(families[1].Metric) != 4+4 { // those of spam, and one each of the others
		t.Errorf("%v, %v", families, err)
	}
	if got := New(Options{Checks: Checks{Spam: true}}).Check(t.Context(), Mail{}).JSON(); got != nil {
		t.Errorf("without a daemon: %s", got)
	}
}
