package testbed

import (
	"fmt"
	"net"
	"strings"
	"testing"
)

// Next is the server that a relay hands all mail to.
type Next struct {
	Addr           string // host:port
	TLS            bool   // insist on STARTTLS, or never use it
	User, Password string // to log in with; empty: no login
}

// PostfixRelay starts a Postfix that passes everything on. Messages keep lines of any length.
func PostfixRelay(t testing.TB, next Next, settings ...string) *MailServer {
	t.Helper()
	host, port := next.split(t)
	level := "none"
	if next.TLS {
		level = "encrypt"
	}
	lines := []string{
		"virtual_mailbox_domains =", "relay_domains = static:ALL", fmt.Sprintf("relayhost = [%s]:%s", host, port), "smtp_tls_security_level = " + level,
		"smtp_line_length_limit = 0",
	}
	if next.User != "" {
		lines = append(lines, "smtp_sasl_auth_enable = yes", "smtp_sasl_security_options = noanonymous",
			"smtp_sasl_password_maps = static:{"+next.User+":"+next.Password+"}")
	}
	return Postfix(t, append(lines, settings...)...)
}

// EximRelay starts an Exim that passes everything on. Messages keep lines of any length.
func EximRelay(t testing.TB, next Next, settings ...string) *MailServer {
	t.Helper()
	host, port := next.split(t)
	var b strings.Builder
	fmt.Fprintf(&b, `begin routers
all:
  driver = manualroute
  route_list = * %s
  transport = next
  self = send
begin transports
next:
  driver = smtp
  port = %s
  allow_localhost
  hosts_try_dane =
  message_linelength_limit = 1000000
`, host, port)
	if next.TLS {
		b.WriteString("  hosts_require_tls = *\n")
	} else {
		b.WriteString("  hosts_avoid_tls = *\n")
	}
	if next.User != "" {
		fmt.Fprintf(&b, "  hosts_require_auth = *\nbegin authenticators\nplain:\n  driver = plaintext\n  public_name = PLAIN\n  client_send = ^%s^%s\n",
			next.User, next.Password)
	}
	return startExim(t, func(string) string { return b.String() }, settings)
}

func (n Next) split(t testing.TB) (host, port string) {
	t.Helper()
	host, port, err := net.SplitHostPort(n.Addr)
	if err != nil {
		t.Fatal(err)
	}
	return host, port
}
