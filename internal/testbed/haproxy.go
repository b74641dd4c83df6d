package testbed

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// HAProxy is a running HAProxy in TCP mode.
type HAProxy struct {
	Addrs []string // host:port of each section
	log   string
}

// StartHAProxy starts an HAProxy that ends with the test, with a listener for each section. A section is lines of the configuration,
// with a server at least ("server door 127.0.0.1:25 send-proxy-v2").
func StartHAProxy(t testing.TB, sections ...string) *HAProxy {
	t.Helper()
	binary, err := need("haproxy", "haproxy", "/usr/sbin/haproxy")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	h := &HAProxy{log: filepath.Join(dir, "output")}
	config := strings.Builder{}
	config.WriteString("global\n log stdout format raw local0\ndefaults\n mode tcp\n log global\n option log-health-checks\n" +
		" timeout connect 5s\n timeout client 1m\n timeout server 1m\n")
	for i, lines := range sections {
		port, portErr := freePort()
		err = errors.Join(err, portErr)
		h.Addrs = append(h.Addrs, loopback(port))
		fmt.Fprintf(&config, "listen section%d\n bind %s\n %s\n", i, loopback(port), strings.ReplaceAll(lines, "\n", "\n "))
	}
	file := filepath.Join(dir, "haproxy.cfg")
	if err = errors.Join(err, os.WriteFile(file, []byte(config.String()), 0o600)); err != nil {
		t.Fatal(err)
	}
	p, err := spawn(exec.Command(binary, "-db", "-f", file), h.log)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.signal(syscall.SIGTERM, 5*time.Second) })
	if err := await(p, h.listens); err != nil {
		t.Fatalf("%v\n%s", err, h.Log())
	}
	return h
}

// Log is what HAProxy has said so far: connections that ended, and health checks that changed something.
func (h *HAProxy) Log() string {
	data, err := os.ReadFile(h.log)
	if err != nil {
		return err.Error()
	}
	return string(data)
}

// listens reports whether the last section takes connections; HAProxy binds them in order.
func (h *HAProxy) listens() error {
	c, err := net.DialTimeout("tcp", h.Addrs[len(h.Addrs)-1], time.Second)
	if err != nil {
		return err
	}
	return c.Close()
}
