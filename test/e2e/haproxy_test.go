package e2e

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"posthoorn/internal/testbed"
)

// The balancer comes from an address of its own; so do clients.
const (
	balancerIP = "127.0.0.8"
	clientIP   = "127.0.0.9"
	strangerIP = "127.0.0.10"
)

// Behind HAProxy the address of the client counts, in both versions of the protocol, in clear and in TLS that goes through, and
// for smtp-range too (incoming-json.md section 1).
func TestHAProxy(t *testing.T) {
	t.Parallel()
	door := newTLSDoor(t, map[string]string{"smtp-proxy": balancerIP, "smtp-range": "127.0.0.1," + balancerIP + "," + clientIP})
	onEmbedded(t, setup{keys: door.keys}, func(t *testing.T, r *rig) {
		r.open()
		var sections []string
		for _, to := range []string{r.door, door.secure} {
			for _, version := range []string{"send-proxy", "send-proxy-v2"} {
				sections = append(sections, fmt.Sprintf("server door %s source %s %s", to, balancerIP, version))
			}
		}
		balancer := testbed.StartHAProxy(t, sections...)
		cases := []struct {
			name    string
			section int
			args    []string
		}{
			{"v1", 0, nil}, {"v2", 1, nil}, {"v1-starttls", 0, []string{"-tls"}}, {"v2-starttls", 1, []string{"-tls"}},
			{"v1-tls", 2, []string{"-tlsc"}}, {"v2-tls", 3, []string{"-tlsc"}}, {"v2-pipelined", 1, []string{"--pipeline"}},
		}
		for _, c := range cases {
			port := portOf(t, balancer.Addrs[c.section])
			args := append(c.args, "--server", "127.0.0.1", "--port", port, "--from", "me@sender.test", "--to", c.name+"@haproxy.test")
			handIn(t, true, "", testbed.Tool(t, "swaks"), append(args, "--local-interface", clientIP)...)
			o := r.succeed(1)[0]
			got := o.origin(t)
			if fmt.Sprint(got.LocalPort) != port || got.LocalIP != "127.0.0.1" || got.RemoteIP != clientIP || got.RemotePort == 0 || got.Secure != strings.HasSuffix(c.name, "tls") {
				t.Errorf("%s: %+v", c.name, got)
			}
			if source := string(r.received(o.Recipient).Source); !strings.Contains(source, "(["+clientIP+"])\r\n") || strings.Contains(source, balancerIP) {
				t.Errorf("%s: %.300q", c.name, source)
			}
		}
		for i, want := range []string{"554 5.7.1 Access denied\r\n", "554 5.7.1 Access denied\r\n", "", ""} { // nothing can be said in TLS so early
			if said := hear(t, strangerIP, balancer.Addrs[i], "EHLO client.test\r\n"); said != want {
				t.Errorf("a stranger hears %q, want %q", said, want)
			}
		}
		r.empty("outbox", "results")
	})
}

// TLS that HAProxy ends is that of the client, for logins too, where HAProxy says that there was TLS; else it is as if in clear.
func TestHAProxyEndsTLS(t *testing.T) {
	t.Parallel()
	door := newTLSDoor(t, withLogin)
	both := filepath.Join(t.TempDir(), "both.pem")
	var pem []byte
	for _, file := range []string{door.keys["smtp-certificate"], door.keys["smtp-key"]} {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		pem = append(pem, data...)
	}
	if err := os.WriteFile(both, pem, 0o600); err != nil {
		t.Fatal(err)
	}
	door.keys["smtp-proxy"] = balancerIP
	onEmbedded(t, setup{keys: door.keys}, func(t *testing.T, r *rig) {
		r.open()
		says, silent := freePort(t), freePort(t)
		section := fmt.Sprintf("bind 127.0.0.1:%%s ssl crt %s\nserver door %s source %s %%s", both, r.door, balancerIP)
		testbed.StartHAProxy(t, fmt.Sprintf(section, says, "send-proxy-v2-ssl"), fmt.Sprintf(section, silent, "send-proxy-v2"))
		args := []string{"--server", "127.0.0.1", "--from", "me@sender.test", "--to", "you@haproxy.test", "-tlsc",
			"--auth", "PLAIN", "--auth-user", "shop", "--auth-password", "open sesame", "--port"}
		handIn(t, true, "", testbed.Tool(t, "swaks"), append(args, says)...)
		o := r.succeed(1)[0]
		if got := o.origin(t); !got.Secure || got.User != "shop" {
			t.Errorf("%+v", got)
		}
		if source := string(r.received(o.Recipient).Source); !strings.Contains(source, " with ESMTPSA id ") {
			t.Errorf("%.300q", source)
		}
		if said := handIn(t, false, "", testbed.Tool(t, "swaks"), append(args, silent)...); !strings.Contains(said, "Host did not advertise authentication") {
			t.Error(said)
		}
		r.empty("outbox", "results")
	})
}

// Health checks of HAProxy tell of no client; they are answered. Without its header nobody comes in from its address, and from
// another address a header is no more than a command that nobody knows.
func TestHAProxyWithoutClient(t *testing.T) {
	t.Parallel()
	onEmbedded(t, setup{keys: map[string]string{"smtp-proxy": balancerIP}}, func(t *testing.T, r *rig) {
		r.open()
		server := fmt.Sprintf("server door %s source %s", r.door, balancerIP)
		balancer := testbed.StartHAProxy(t, "option smtpchk EHLO check.test\n"+server+" send-proxy check inter 100ms",
			"option smtpchk EHLO check.test\n"+server+" send-proxy-v2 check inter 100ms", server)
		for i := range 2 {
			eventually(t, "a health check succeeds", func() bool {
				return strings.Contains(balancer.Log(), fmt.Sprintf("Health check for server section%d/door succeeded, reason: Layer7 check passed, code: 2", i))
			})
		}
		if said := hear(t, "127.0.0.1", balancer.Addrs[2], "EHLO client.test\r\n"); said != "" {
			t.Errorf("without a header HAProxy hears %q", said)
		}
		refused := []string{
			"", "EHLO client.test\r\n", "PROXY TCP4 127.0.0.9\r\n", "PROXY TCP4 127.0.0.9 999.0.0.1 1 2\r\n", "PROXY " + strings.Repeat("x", 200) + "\r\n",
			"\r\n\r\n\x00\r\nQUIT\n\x31\x11\x00\x0c\x7f\x00\x00\x09\x7f\x00\x00\x01\x00\x01\x00\x02",
		}
		for _, header := range refused {
			if said := hear(t, balancerIP, r.door, header+"EHLO client.test\r\nQUIT\r\n"); said != "" {
				t.Errorf("after %q: %q", header, said)
			}
		}
		for _, why := range []string{`no valid PROXY header peer=127.0.0.8:`, "proxyproto: invalid address"} {
			r.errorLog(1, why)
		}
		for _, header := range []string{"PROXY UNKNOWN\r\n", "PROXY TCP4 127.0.0.9 127.0.0.1 1 2\r\n", "PROXY TCP6 2001:db8::9 2001:db8::1 1 2\r\n",
			"\r\n\r\n\x00\r\nQUIT\n\x20\x00\x00\x00", "\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c\x7f\x00\x00\x09\x7f\x00\x00\x01\x00\x01\x00\x02"} {
			if said := hear(t, balancerIP, r.door, header+"EHLO client.test\r\nQUIT\r\n"); !strings.Contains(said, "\n221 ") {
				t.Errorf("after %q: %q", header, said)
			}
			if said := hear(t, "127.0.0.1", r.door, header+"\r\nQUIT\r\n"); !strings.HasPrefix(said, "220 ") || !strings.Contains(said, "\n50") {
				t.Errorf("from an address that is no balancer's, after %q: %q", header, said)
			}
		}
	})
}

// hear says something from an address and returns everything that is answered until the end of the connection.
func hear(t *testing.T, from, addr, text string) string {
	t.Helper()
	c, err := (&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}).Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	_ = c.SetDeadline(time.Now().Add(patience))
	if _, err := c.Write([]byte(text)); err != nil {
		return ""
	}
	var all strings.Builder
	_, _ = bufio.NewReader(c).WriteTo(&all) // a reset is an end as well
	return all.String()
}
