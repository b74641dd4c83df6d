package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"posthoorn/internal/dns/dnstest"
)

// txt is a TXT record as a zone has it, in strings of at most 255 bytes.
func txt(name, text string) string {
	var b strings.Builder
	b.WriteString(name + " TXT")
	for ; len(text) > 200; text = text[200:] {
		fmt.Fprintf(&b, " %q", text[:200])
	}
	fmt.Fprintf(&b, " %q\n", text)
	return b.String()
}

// filter gives a mail to a program and returns what the program makes of it.
func filter(t *testing.T, mail, program string, args ...string) string {
	t.Helper()
	cmd := exec.Command(program, args...)
	cmd.Stdin = strings.NewReader(mail)
	var out, complaints bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &complaints
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s: %v: %s", program, err, complaints.String())
	}
	return strings.ReplaceAll(strings.ReplaceAll(out.String(), "\r\n", "\n"), "\n", "\r\n")
}

// spamd is a daemon that calls mail spam that says so.
func spamd(t *testing.T) (port string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			request, _ := io.ReadAll(c)
			answer := "False ; 0.1 / 5.0"
			if bytes.Contains(request, []byte("VIAGRA")) {
				answer = "True ; 15.5 / 5.0"
			}
			_, _ = fmt.Fprintf(c, "SPAMD/1.1 0 EX_OK\r\nSpam: %s\r\n\r\n", answer)
			_ = c.Close()
		}
	}()
	t.Cleanup(func() { _ = l.Close(); <-done })
	return portOf(t, l.Addr().String())
}

// letter is mail as it leaves its author.
const letter = "From: Ann <ann@customer.test>\r\nTo: desk@shop.test\r\nSubject: Hello\r\nDate: Sat, 28 Nov 2026 12:00:00 +0000\r\n" +
	"Message-ID: <1@customer.test>\r\n\r\nHello.\r\n"

// world is a zone with those who send mail, and the file of the key that all of them have.
type world struct{ zone, key string }

func newWorld(t *testing.T) world {
	t.Helper()
	w := world{key: filepath.Join(t.TempDir(), "key"), zone: defaultZone +
		txt("customer.test", "v=spf1 ip4:203.0.113.0/24 -all") + txt("_dmarc.customer.test", "v=DMARC1; p=reject") +
		txt("mx.customer.test", "v=spf1 ip4:203.0.113.20 -all") + "mx.customer.test A 203.0.113.20\n" +
		txt("soft.test", "v=spf1 include:customer.test ~all") + txt("loop.test", "v=spf1 include:loop.test -all") +
		txt("ptr.test", "v=spf1 mx:mail.test a:mx.customer.test ?all") + "mail.test MX 10 mx.customer.test\n"}
	private, record := rsaKey(t)
	if err := os.WriteFile(w.key, []byte(private), 0o600); err != nil {
		t.Fatal(err)
	}
	w.zone += txt("k1._domainkey.customer.test", record) + txt("a._domainkey.relay1.test", record) + txt("a._domainkey.relay2.test", record)
	return w
}

// sealed is a mail that two relays have passed on.
func (w world) sealed(t *testing.T, mail string) string {
	t.Helper()
	key, err := os.ReadFile(w.key)
	if err != nil {
		t.Fatal(err)
	}
	task, err := json.Marshal(map[string]any{"do": "seal", "key": string(key), "times": 2, "mails": [][]byte{[]byte(mail)}})
	if err != nil {
		t.Fatal(err)
	}
	var mails [][]byte
	if err := json.Unmarshal([]byte(filter(t, string(task), "/usr/bin/python3", "../../internal/mailauth/arc/testdata/arc.py")), &mails); err != nil || len(mails) != 1 {
		t.Fatal(err)
	}
	return string(mails[0])
}

// Real signers, and a client that hands in their mail from where its senders are and from where they are not: what is found out
// stands in the JSON and, for local recipients, in the header. Nothing is refused for it.
func TestChecks(t *testing.T) {
	w := newWorld(t)
	port := spamd(t)
	keys := map[string]string{"rabbitmq-local": "yes", "smtp-check": "spf,dkim,dmarc,arc,spam", "smtp-auth-results": "local", "spamassassin-host": "127.0.0.1",
		"spamassassin-port": port}
	s := behind(keys)
	s.zone = w.zone
	onBoth(t, s, func(t *testing.T, r *rig) {
		r.set("locals", row{"type": "fnmatch", "address": "*@shop.test"})
		r.ready()
		r.names.Fault("servfail.test", dnstest.ServFail)
		r.names.Fault("_dmarc.servfail.test", dnstest.ServFail)
		byDKIMpy := filter(t, letter, "dkimsign", "k1", "customer.test", w.key)
		bySHA1 := filter(t, letter, "opendkim-testmsg", "-d", "customer.test", "-s", "k1", "-k", w.key)
		forwarded := w.sealed(t, byDKIMpy)
		for _, c := range []struct {
			name, peer, from, mail string
			spf, dkim, dmarc, arc  string
			field                  string // part of the header field
		}{
			{"signed by dkimpy", stranger, "ann@customer.test", byDKIMpy, "pass", "pass", "pass", "none", "dkim=pass header.d=customer.test header.s=k1"},
			{"signed by OpenDKIM with SHA-1, which counts no more", stranger, "ann@customer.test", bySHA1, "pass", "permerror", "pass", "none", "spf=pass smtp.mailfrom=ann@customer.test"},
			{"forged, and says it is not", "192.0.2.66", "ann@customer.test", "Authentication-Results: mta.example.test; spf=pass; dkim=pass; dmarc=pass\r\n" + letter,
				"fail", "none", "fail", "none", "policy.dmarc=reject header.from=customer.test"},
			{"changed on the way", stranger, "ann@customer.test", byDKIMpy + "more\r\n", "pass", "fail", "pass", "none", "dkim=fail"},
			{"forwarded and sealed", "192.0.2.66", "ann@customer.test", forwarded, "fail", "pass", "pass", "pass", "arc=pass"},
			{"sealed, then changed", "192.0.2.66", "ann@customer.test", forwarded + "more\r\n", "fail", "fail", "fail", "fail", "arc=fail"},
			{"soft", "192.0.2.66", "x@soft.test", letter, "softfail", "none", "fail", "none", "spf=softfail"},
			{"by way of another domain", stranger, "x@soft.test", letter, "pass", "none", "fail", "none", "spf=pass smtp.mailfrom=x@soft.test"},
			{"a record without end", stranger, "x@loop.test", letter, "permerror", "none", "fail", "none", "spf=permerror"},
			{"by mail exchanger", stranger, "x@ptr.test", letter, "pass", "none", "fail", "none", "spf=pass"},
			{"by nothing", "192.0.2.66", "x@ptr.test", letter, "neutral", "none", "fail", "none", "spf=neutral"},
			{"the DNS is broken", stranger, "x@servfail.test", strings.ReplaceAll(letter, "customer", "servfail"), "temperror", "none", "temperror", "none", "spf=temperror"},
			{"nobody's", stranger, "x@nothing.example", "From: x@nothing.example\r\n\r\nx\r\n", "none", "none", "none", "none", "spf=none"},
			{"a bounce", stranger, "", letter, "pass", "none", "pass", "none", "spf=pass smtp.helo=mx.customer.test"},
		} {
			r.swaks(c.peer, c.from, "desk@shop.test", c.mail)
			o := r.one("local")
			checks := string(o.fields["checks"])
			if got := verdictsOf(checks); got != "spf="+c.spf+" dkim="+c.dkim+" dmarc="+c.dmarc+" arc="+c.arc+" spam=ham" {
				t.Errorf("%s: %s: %s", c.name, got, checks)
			}
			top, _, _ := strings.Cut(*o.Mime, "Received: from mx.customer.test ([")
			unfolded := strings.ReplaceAll(top, "\r\n\t", " ")
			if !strings.HasPrefix(unfolded, "Authentication-Results: mta.example.test; ") || !strings.Contains(unfolded, c.field) {
				t.Errorf("%s: %q", c.name, top)
			}
			if n := strings.Count(*o.Mime, "Authentication-Results: mta.example.test"); n != 1 {
				t.Errorf("%s: %d fields in our name: %s", c.name, n, *o.Mime)
			}
		}
		r.swaks(stranger, "ann@customer.test", "desk@shop.test", letter+"VIAGRA\r\n")
		if o := r.one("local"); !strings.Contains(string(o.fields["checks"]), `{"spam":"spam","score":15.5,"threshold":5}]`) {
			t.Errorf("%s", o.fields["checks"])
		}
		r.swaks(ourselves, "ann@customer.test", "desk@shop.test", letter)
		if o := r.one("local"); o.fields["checks"] != nil || strings.Contains(*o.Mime, "Authentication-Results") {
			t.Errorf("our own mail was checked: %s", o.raw)
		}
	})
}

// swaks hands in a mail as another peer.
func (r *rig) swaks(peer, from, to, mail string) {
	r.t.Helper()
	file := filepath.Join(r.t.TempDir(), "mail")
	if err := os.WriteFile(file, []byte(strings.TrimSuffix(mail, "\r\n")), 0o600); err != nil { // swaks adds the last line end
		r.t.Fatal(err)
	}
	if from == "" {
		from = "<>"
	}
	out, err := exec.Command("swaks", "--server", "127.0.0.1", "--port", portOf(r.t, r.door), "--helo", "mx.customer.test", "--from", from, "--to", to,
		"--data", file, "--proxy-family", "TCP4", "--proxy-source", peer, "--proxy-source-port", "48211",
		"--proxy-dest", "198.51.100.7", "--proxy-dest-port", "25").CombinedOutput()
	if err != nil {
		r.t.Fatalf("swaks: %v\n%s", err, out)
	}
}

var verdict = regexp.MustCompile(`\{"(spf|dkim|dmarc|arc|spam)":"([a-z]+)"`)

// verdictsOf are the verdicts of property checks, in order.
func verdictsOf(checks string) string {
	var list []string
	for _, m := range verdict.FindAllStringSubmatch(checks, -1) {
		list = append(list, m[1]+"="+m[2])
	}
	return strings.Join(list, " ")
}

// Who gets the field is a matter of the recipient, and fields in our name go from all mail as soon as we write any.
func TestResultsFields(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	forged := "Authentication-Results: mta.example.test; spf=pass\r\nAuthentication-Results: other.test; spf=pass\r\n"
	for _, c := range []struct {
		words, check  string
		local, other  bool // gets the field
		forgedMayStay bool
	}{
		{"", "spf", false, false, true}, {"local", "spf", true, false, false}, {"nonlocal", "spf", false, true, false},
		{"local,nonlocal", "spf", true, true, false}, {"local", "", false, false, false},
	} {
		t.Run(c.words+" "+c.check, func(t *testing.T) {
			t.Parallel()
			s := behind(map[string]string{"rabbitmq-local": "yes", "rabbitmq-inbox": "yes", "smtp-range": "0.0.0.0/0", "smtp-check": c.check, "smtp-auth-results": c.words})
			s.zone = w.zone
			onEmbedded(t, s, func(t *testing.T, r *rig) {
				r.set("locals", row{"type": "exact", "address": "desk@shop.test"})
				r.ready()
				r.from(stranger, "MAIL FROM:<ann@customer.test>", "250", "RCPT TO:<desk@shop.test>", "250", "RCPT TO:<far@away.test>", "250",
					"DATA", "354", forged+letter+".", "250")
				for role, wanted := range map[string]bool{"local": c.local, "inbox": c.other} {
					mime := *r.one(role).Mime
					n := strings.Count(mime, "Authentication-Results: mta.example.test;\r\n\tspf=pass smtp.mailfrom=ann@customer.test\r\nReceived:")
					if (n == 1) != wanted || strings.Contains(mime, forged) != c.forgedMayStay || !strings.Contains(mime, "Authentication-Results: other.test;") {
						t.Errorf("%s: %s", role, mime)
					}
				}
			})
		})
	}
}

// A DNS that never answers delays mail, and that is all.
func TestChecksWithoutDNS(t *testing.T) {
	t.Parallel()
	s := behind(map[string]string{"rabbitmq-local": "yes", "smtp-check": "spf,dkim,dmarc", "dns-interval": "0.3", "dns-timeout": "1"})
	onEmbedded(t, s, func(t *testing.T, r *rig) {
		r.set("locals", row{"type": "exact", "address": "desk@shop.test"})
		r.ready()
		r.names.Fault("*", dnstest.Silent)
		signed := strings.Replace(letter, "From:", "DKIM-Signature: v=1; a=rsa-sha256; d=customer.test; s=k1; h=from; bh=X3qLq/aRCMlyTkxLwuX8zPgyFsvQhQ2jjGOQVWpw0bA=; b=AAAA\r\nFrom:", 1)
		r.from(stranger, "MAIL FROM:<ann@customer.test>", "250", "RCPT TO:<desk@shop.test>", "250", "DATA", "354", signed+".", "250")
		checks := string(r.one("local").fields["checks"])
		if got := verdictsOf(checks); !strings.HasPrefix(got, "spf=temperror dkim=") || !strings.HasSuffix(got, " dmarc=temperror") {
			t.Errorf("%s", checks)
		}
	})
}
