package e2e

import (
	"fmt"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"posthoorn/internal/testbed"
)

// freePort is a port of loopback that nobody else is given.
func freePort(t *testing.T) string {
	t.Helper()
	return strconv.Itoa(testbed.FreePort(t))
}

// rigs numbers the daemons, for names of queues.
var rigs atomic.Int64

func (r *rig) configure(own map[string]string) {
	r.t.Helper()
	prefix := fmt.Sprintf("e2e-%d-%d-", os.Getpid(), rigs.Add(1))
	r.queues.name(prefix)
	r.file = r.write("config.txt", r.keys(own, r.broker))
	r.server = r.file
}

func (r *rig) keys(own map[string]string, broker string) map[string]string {
	_, door, _ := net.SplitHostPort(r.door)
	all := map[string]string{
		"state-directory": filepath.Join(r.dir, "state"), "local-min-free": "1MB", "www-port": "0",
		"dns-servers": r.names.Addr, "dns-attempts": "2", "dns-interval": "1", "dns-timeout": "20",
		"smtp-remote-port": r.port, "smtp-allow-local": "true", "smtp-default-ips": "127.0.0.1",
		"smtp-ip": "127.0.0.1", "smtp-port": door,
		"spool-directory": r.mkdir("spool"), "spool-fail-directory": r.mkdir("failed"),
		"error-log": filepath.Join(r.dir, "errors.log"), "send-log-directory": r.dir, "received-log-directory": r.dir,
		"download-log-directory": r.dir, "www-log-directory": r.dir,
		"rabbitmq-address": broker, "rabbitmq-publishers": "1",
	}
	for _, role := range []string{"outbox", "results", "success", "failure", "retry"} {
		all["rabbitmq-"+role] = r.queues.of(role)
	}
	maps.Copy(all, own)
	for _, role := range []string{"inbox", "local", "reports", "refused"} {
		if all["rabbitmq-"+role] != "" {
			all["rabbitmq-"+role] = r.queues.of(role)
		}
	}
	if role := all["rabbitmq-dsn"]; role != "" { // one of its own, or the outbox
		all["rabbitmq-dsn"] = r.queues.of(role)
	}
	return all
}

func (r *rig) mkdir(name string) string {
	r.t.Helper()
	dir := filepath.Join(r.dir, name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		r.t.Fatal(err)
	}
	return dir
}

// write makes a configuration file.
func (r *rig) write(name string, keys map[string]string) string {
	r.t.Helper()
	var text strings.Builder
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		if keys[key] != "" {
			fmt.Fprintf(&text, "%s: %s\n", key, keys[key])
		}
	}
	file := filepath.Join(r.dir, name)
	if err := os.WriteFile(file, []byte(text.String()), 0o600); err != nil {
		r.t.Fatal(err)
	}
	return file
}
