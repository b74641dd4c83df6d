package smtpd

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"posthoorn/internal/certs"
	"posthoorn/internal/inject"
)

// TestVersionsOfTLS asks for one version at a time, on both kinds of port.
func TestVersionsOfTLS(t *testing.T) {
	ts := start(t, nil)
	for version, taken := range map[uint16]bool{tls.VersionTLS10: false, tls.VersionTLS11: false, tls.VersionTLS12: true, tls.VersionTLS13: true} {
		config := clientTLS.Clone()
		config.MinVersion, config.MaxVersion = version, version
		upgraded := newClient(t, dial(t, ts.plain))
		upgraded.send("EHLO client.test\r\nSTARTTLS\r\n")
		upgraded.want("220", "250", "220")
		for name, raw := range map[string]net.Conn{"TLS": dial(t, ts.secure), "STARTTLS": upgraded.Conn} {
			if err := tls.Client(raw, config).Handshake(); (err == nil) != taken {
				t.Errorf("%s: %s: %v", name, tls.VersionName(version), err)
			}
		}
	}
}

// TestWeakTLSOfOpenSSL: another client than Go's gets neither an old version nor an old suite, and cannot renegotiate.
func TestWeakTLSOfOpenSSL(t *testing.T) {
	openssl, err := exec.LookPath("openssl")
	if err != nil {
		t.Fatal("this test needs openssl: ", err)
	}
	ts := start(t, nil)
	for _, c := range []struct {
		args  string
		taken bool
	}{
		{"-tls1", false}, {"-tls1_1", false}, {"-tls1_2", true}, {"-tls1_3", true},
		{"-tls1_2 -cipher NULL", false}, {"-tls1_2 -cipher aNULL", false}, {"-tls1_2 -cipher RC4", false}, {"-tls1_2 -cipher 3DES", false},
		{"-tls1_2 -cipher kRSA", false}, {"-tls1_2 -cipher DHE", false}, {"-tls1_2 -cipher ECDHE+AESGCM", true},
	} {
		for port, address := range map[string]string{"": ts.secure, " -starttls smtp": ts.plain} {
			args := strings.Fields("s_client -brief -connect " + address + " " + c.args + port)
			cmd := exec.Command(openssl, append(args, "-cipher", "ALL:@SECLEVEL=0")...)
			if strings.Contains(c.args, "-cipher") {
				cmd.Args[len(cmd.Args)-1] = strings.Fields(c.args)[2] + ":@SECLEVEL=0"
			}
			cmd.Stdin = strings.NewReader("QUIT\r\n")
			out, err := cmd.CombinedOutput()
			if taken := bytes.Contains(out, []byte("CONNECTION ESTABLISHED")); taken != c.taken {
				t.Errorf("%s%s: %v %s", c.args, port, err, out)
			}
		}
	}
	// R as the first letter of a line asks for a renegotiation. What we say meanwhile would end it too, so the greeting comes first.
	cmd := exec.CommandContext(t.Context(), openssl, "s_client", "-crlf", "-tls1_2", "-connect", ts.secure)
	in, err := cmd.StdinPipe() // at the end of its input it would not wait for the answer
	if err != nil {
		t.Fatal(err)
	}
	said, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var complaints bytes.Buffer
	cmd.Stderr = &complaints
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(said)
	for lines.Scan() && !strings.HasPrefix(lines.Text(), "220 ") {
	}
	fmt.Fprint(in, "R\nMAIL\n")
	_, _ = io.Copy(io.Discard, said)
	_ = cmd.Wait()
	if out := complaints.String(); !strings.Contains(out, "RENEGOTIATING") || !strings.Contains(out, "SSL alert number") {
		t.Errorf("%s", out)
	}
}

// TestABrokenHandshake ends the session; nothing that follows is a command.
func TestABrokenHandshake(t *testing.T) {
	ts := start(t, nil)
	for name, bytes := range map[string]string{
		"commands":             envelope + "DATA\r\nA: b\r\n\r\n.\r\n",
		"a record of nonsense": "\x16\x03\x01\x00\x05\x01\x02\x03\x04\x05",
		"an alert":             "\x15\x03\x01\x00\x02\x02\x28",
		"the end":              "",
	} {
		c := newClient(t, dial(t, ts.plain))
		c.send("EHLO client.test\r\nSTARTTLS\r\n")
		c.want("220", "250", "220")
		c.send(bytes)
		_ = c.Conn.(*net.TCPConn).CloseWrite()
		if all, _ := io.ReadAll(c.r); strings.Contains(string(all), "250") {
			t.Errorf("%s: %q", name, all)
		}
	}
	if n := len(ts.broker.published()); n > 0 {
		t.Error(n, "messages")
	}
}

// TestStartTLSForgets what was said before: EHLO, the sender and the recipients.
func TestStartTLSForgets(t *testing.T) {
	ts := start(t, nil)
	raw := newClient(t, dial(t, ts.plain))
	raw.send(envelope)
	raw.want("220", "250", "250", "250")
	raw.send("STARTTLS\r\n")
	raw.want("220")
	c := newClient(t, tls.Client(raw.Conn, clientTLS))
	c.send("RCPT TO:<c@d.test>\r\nMAIL FROM:<a@b.test>\r\nDATA\r\n")
	c.want("503", "503", "503")
	c.send("EHLO client.test\r\nDATA\r\n")
	c.want("250", "503")
}

// TestBytesBehindStartTLS that come in another segment, but before the handshake, are no commands either.
func TestBytesBehindStartTLS(t *testing.T) {
	ts := start(t, nil)
	for i := 1; i < len("STARTTLS\r\n")+3; i++ {
		c := newClient(t, dial(t, ts.plain))
		c.send("EHLO client.test\r\n")
		c.want("220", "250")
		all := "STARTTLS\r\nRSET\r\n"
		c.send(all[:i])
		time.Sleep(time.Millisecond)
		c.send(all[i:])
		_ = c.Conn.(*net.TCPConn).CloseWrite()
		text, _ := io.ReadAll(c.r)
		if n := strings.Count(string(text), "\r\n"); n > 1 || strings.Contains(string(text), "250") {
			t.Errorf("cut at %d: %q", i, text)
		}
	}
}

// TestTheNewCertificateIsShown to the next client, while sessions with the old one go on.
func TestTheNewCertificateIsShown(t *testing.T) {
	dir := t.TempDir()
	ts := start(t, func(o *Options, _ *inject.Options) { o.CertificateFile, o.KeyFile = writeCertificate(t, dir, 1) })
	old := tls.Client(dial(t, ts.secure), clientTLS)
	newClient(t, old).want("220")
	cert, key := writeCertificate(t, dir, 2)
	for _, name := range []string{cert, key} {
		later := time.Now().Add(time.Hour)
		if err := os.Chtimes(name, later, later); err != nil {
			t.Fatal(err)
		}
	}
	time.Sleep(certs.LookEvery)
	until(t, func() bool {
		c := tls.Client(dial(t, ts.secure), clientTLS)
		defer func() { _ = c.Close() }()
		return c.Handshake() == nil && c.ConnectionState().PeerCertificates[0].SerialNumber.Int64() == 2
	})
	if _, err := fmt.Fprint(old, "NOOP\r\n"); err != nil {
		t.Error(err)
	}
	newClient(t, old).want("250")
}
