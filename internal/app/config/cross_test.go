package config

import (
	"crypto/tls"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"
)

// TestRefused: values that do not fit beside each other, or alone, with the whole text that the operator gets.
func TestRefused(t *testing.T) {
	const at = "the configuration is wrong:\n  /etc/posthoorn/config.txt:"
	for text, want := range map[string]string{
		"rabbitmq-address: amqp://h\nrabbitmq-queue-type: quorum\nrabbitmq-durable: no": `3: rabbitmq-durable: "no": a quorum queue is always durable, and rabbitmq-queue-type is quorum; allowed: true`,
		"smtp-password: geheim":                          `1: smtp-password: "***": smtp-username is missing beside it`,
		"smtp-username: me":                              `1: smtp-username: "me": smtp-password is missing beside it`,
		"smtp-secure-port: 465":                          `1: smtp-secure-port: "465": needs smtp-certificate`,
		"www-secure-port: 443":                           `1: www-secure-port: "443": needs www-certificate`,
		"dsn-notify: never, failure":                     `1: dsn-notify: "never, failure": NEVER stands alone; allowed: NEVER, or some of SUCCESS, FAILURE, DELAY`,
		"spool-directory: /s\nspool-fail-directory: /s/": `2: spool-fail-directory: "/s/": is the spool directory itself; allowed: another directory`,
		"smtp-range 10.0.0.0/8":                          `1: smtp-range: line without a colon between key and value`,
		"user: a\x1b[2Jb":                                `1: user: control characters are not allowed`,
		"smtp-connections: 0":                            `1: smtp-connections: "0": is out of range; allowed: a whole number, at least 1`,
		"dns-min-ttl: 0":                                 `1: dns-min-ttl: "0": must not be zero; allowed: whole seconds, or a number with s, m, h or d, above zero`,
		"max-delivertime: 99999999999":                   `1: max-delivertime: "99999999999": is too long; allowed: whole seconds, or a number with s, m, h or d, above zero`,
		"local-results-size: 99999999999GB":              `1: local-results-size: "99999999999GB": is too large; allowed: bytes above zero, or a number with KB, MB or GB`,
		"smtp-port: 1-2000":                              `1: smtp-port: "1-2000": are too many ports; allowed: ports and ranges such as 25,2525,1024-1026, at most 1024 ports`,
	} {
		got := refused(t, text)
		if !strings.HasPrefix(got, at+want) || strings.Count(got, "\n") > 1 {
			t.Errorf("%q:\n got %s\nwant %s", text, got, want)
		}
	}
	long := strings.Repeat("d", 120)
	if got := refused(t, "rabbitmq-address: local:///"+long); !strings.HasPrefix(got, at+"1: rabbitmq-address: ") {
		t.Error(got)
	}
	if got := refused(t, "", "--state-directory=/"+long); !strings.Contains(got, "switch --state-directory: state-directory: ") {
		t.Error(got)
	}
}

func TestAllProblemsAtOnce(t *testing.T) {
	cmd := command(t, "--smtp-port=x", "--config-file=/more")
	_, err := Load(cmd, source(files{ownFile: "max-attempts: many", "/more": "\n\nsmtp-ip: here"}, "MAILERQ_WWW_PORT=-1"))
	var invalid *Invalid
	if !errors.As(err, &invalid) || len(invalid.Problems) != 4 {
		t.Fatal(err)
	}
	for _, want := range []string{"/etc/posthoorn/config.txt:1: max-attempts", "/more:3: smtp-ip", "environment variable MAILERQ_WWW_PORT: www-port", "switch --smtp-port: smtp-port"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%s is not in %s", want, err)
		}
	}
}

func TestWarnings(t *testing.T) {
	const at = "/etc/posthoorn/config.txt:"
	for text, want := range map[string]string{
		"rabbitmq-outbux: geheim":                           at + "1: rabbitmq-outbux: no such key, it is ignored; did you mean rabbitmq-outbox?\n",
		"smtp-pasword: geheim":                              at + "1: smtp-pasword: no such key, it is ignored; did you mean smtp-password?\n",
		"nonsense: geheim":                                  at + "1: nonsense: no such key, it is ignored\n",
		"some words geheim":                                 at + "1: line without a colon between key and value; the line is ignored\n",
		": geheim":                                          at + "1: line without a key before the colon; the line is ignored\n",
		"license: /x\nheartbeat: no":                        "",
		"plugin-directory: /a\nplugin-directory: /b":        at + "2: plugin-directory: not built yet, has no effect\n",
		"database: mysql://u:p@h/d":                         "",
		"database-threads: 5":                               at + "1: database-threads: not built yet, has no effect\n",
		"max-deliver-time: 5":                               at + "1: max-deliver-time: a key of 3.0: it is max-delivertime now\n",
		"ip-maxconnects: 5":                                 at + "1: ip-maxconnects: a key of 3.0: it is a column of the row without domain and IP in the database now\n",
		"rabbitmq-password: geheim":                         at + "1: rabbitmq-password: a key of 3.0: part of rabbitmq-address now; used to build it when it is absent\n",
		"smtp-check-spf: all":                               at + "1: smtp-check-spf: never worked; use smtp-check\n",
		"dsn-envelope: x":                                   at + "1: dsn-envelope: has no effect: notifications always have an empty envelope\n",
		"smtp-proxy: 10.0.0.5;::/0":                         at + "1: smtp-proxy: everyone in the world may claim to come from any address, this machine's too\n",
		"smtp-range: 0.0.0.0/0;::/0":                        at + "1: smtp-range: everyone in the world may relay mail through this server\n",
		"dns-timeout: 5000":                                 at + "1: dns-timeout: counts seconds; version 3.0 counted milliseconds\n",
		"rabbitmq-exchange: x":                              at + "1: rabbitmq-exchange: has no effect on the embedded queue\n",
		"rabbitmq-queue-type: quorum\nrabbitmq-durable: no": at + "2: rabbitmq-durable: has no effect on the embedded queue\n" + at + "1: rabbitmq-queue-type: has no effect on the embedded queue\n",
		"rabbitmq-address: amqp://h\nrabbitmq-queue-type: quorum\nrabbitmq-lazy: 1\nrabbitmq-maxpriority: 9": at + "4: rabbitmq-maxpriority: does not count for the outbox, which is a quorum queue\n" +
			at + "3: rabbitmq-lazy: does not count for the outbox, which is a quorum queue\n",
		"rabbitmq-address: amqp://h\nrabbitmq-persistent: false": at + "2: rabbitmq-persistent: is false: messages in queues do not survive a restart of the broker\n",
		"rabbitmq-address: local:///a\nstate-directory: /b":      at + "1: rabbitmq-address: its path does not count, state-directory is set\n",
		"received-log-prefix: attempts.log":                      at + "1: received-log-prefix: another log has the file /var/log/posthoorn/attempts.log too, and the program rotates it for one of them\n",
		"smtp-auth-results: local":                               at + "1: smtp-auth-results: has nothing to tell but logins: smtp-check names none of spf, dkim, dmarc, arc\n",
		"smtp-auth-results: nonlocal\nsmtp-check: spam":          at + "1: smtp-auth-results: has nothing to tell but logins: smtp-check names none of spf, dkim, dmarc, arc\n",
		"smtp-auth-results: local\nsmtp-check: spam,arc":         "",
		"smtp-protection: true\nspamassassin-host: spam.test":    "",
		"send-log-file: /l\nreceived-log-file: /l":               "",
		"smtp-username: me\nsmtp-password: geheim":               at + "1: smtp-username: a login needs TLS: without smtp-certificate mail is taken for local recipients only\n",
	} {
		got := warnings(load(t, text))
		if got != want {
			t.Errorf("%q:\n got %s\nwant %s", text, got, want)
		}
		if strings.Contains(got, "geheim") {
			t.Errorf("a secret in %s", got)
		}
	}
}

func TestWarningsAreInTheOrderOfLayers(t *testing.T) {
	cfg := load(t, "plugin-directory: /x", "--cluster-address=", "--cluster-exchange=x")
	if w := warnings(cfg); !strings.HasPrefix(w, "/etc/posthoorn") || strings.Count(w, "\n") != 3 {
		t.Error(w)
	}
}

func TestConsoleStaysAtHome(t *testing.T) {
	for text, want := range map[string]string{
		"":                                       "127.0.0.1",
		"www-ip: 10.0.0.1":                       "127.0.0.1",
		"www-ip: ::":                             "::1",
		"www-ip: 127.0.0.2":                      "127.0.0.2",
		"www-ip: 10.0.0.1\nwww-password: x":      "10.0.0.1",
		"www-auth: file:///etc/users":            "0.0.0.0",
		"www-ip: ::1\nwww-auth: hardcoded://a:b": "::1",
	} {
		if got := load(t, text).Console.IP; got != netip.MustParseAddr(want) {
			t.Errorf("%q: %v, want %s", text, got, want)
		}
	}
}

func TestLogin(t *testing.T) {
	cfg := load(t, "smtp-range: 0.0.0.0/0\nsmtp-auth: hardcoded://a:b,c:d:e\nsmtp-certificate: /c")
	if s := cfg.SMTPIn; !s.HasLogin || s.OpenAll || s.Key != "/c" || !slices.Equal(s.Auth.Logins, []Login{{"a", "b"}, {"c", "d:e"}}) {
		t.Errorf("%+v", cfg.SMTPIn)
	}
	for _, raw := range []string{"hardcoded://", "hardcoded://user", "hardcoded://a:b,c,d", "users://", "radius://host", "exec://x", "x", "file://relative", "ldap://"} {
		if a, err := parseAuth(raw); err == nil {
			t.Errorf("%s: accepted as %v", raw, a)
		}
	}
}

func TestMappable(t *testing.T) {
	in, out := netip.MustParseAddr("10.1.0.1"), netip.MustParseAddr("::ffff:10.2.0.1")
	for text, want := range map[string][2]bool{
		"":                               {true, true},
		"smtp-mappable-ips: 10.1.0.0/16": {true, false},
		"smtp-mappable-ips: 10.0.0.0/8\nsmtp-unmappable-ips: 10.2.0.0/16": {true, false},
		"smtp-unmappable-ips: 10.2.0.0/16":                                {false, false},
	} {
		d := load(t, text).Delivery
		if got := [2]bool{d.Mappable(in), d.Mappable(out)}; got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}

func TestCiphers(t *testing.T) {
	cfg := load(t, "smtp-ciphers: !aNULL:!eNULL:!LOW:!SSLv2:!EXPORT:!EXPORT56:FIPS:MEDIUM:HIGH:@STRENGTH")
	if s := cfg.SMTPIn.Ciphers; len(s) != len(openSSL) || s[0] != tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384 {
		t.Error(s)
	}
	if w := warnings(cfg); !strings.Contains(w, "no cipher suite of Go matches MEDIUM") {
		t.Error(w)
	}
	cfg = load(t, "smtp-ciphers: ECDHE+AESGCM:!ECDSA:-AES128:NEW-CIPHER:AES128-SHA")
	if s := cfg.SMTPIn.Ciphers; !slices.Equal(s, []uint16{tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, tls.TLS_RSA_WITH_AES_128_CBC_SHA}) {
		t.Error(s)
	}
	if w := warnings(cfg); !strings.Contains(w, "matches NEW-CIPHER") {
		t.Error(w)
	}
}
