package browser

import (
	"bytes"
	"fmt"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"posthoorn/internal/app"
	"posthoorn/internal/app/config"
	"posthoorn/internal/dns/dnstest"
)

const (
	password = "open-sesame-4711"
	ownIP    = "127.0.0.1"
	movedTo  = "127.0.0.9" // a receiver that the DNS does not know
	markup   = `<img src=x onerror="window.__xss=1"><script>window.__xss=2</script>`
	zone     = "*.test A 127.0.0.1\ntest SOA ns.test root.test 1 3600 600 86400 600\n"
)

// rig is a daemon that delivers all the time, and what surrounds it.
type rig struct {
	t        *testing.T
	dir      string
	file     string // the configuration
	console  string // address of the page
	door     string // host:port that takes SMTP
	other    string // another address of this host
	names    *dnstest.Server
	receiver *receiver

	mu    sync.Mutex
	added string // to the zone

	up     sync.RWMutex // locked while the daemon is started again
	daemon *app.Daemon
}

func newRig(t *testing.T, pages string) *rig {
	r := &rig{t: t, dir: t.TempDir(), other: another(t), receiver: &receiver{seen: map[string]*seen{}}}
	var err error
	if r.names, err = dnstest.Start(zone); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.names.Close() })
	ports := freePorts(t, 3)
	port, www, door := ports[0], ports[1], ports[2]
	stops := []func(){r.receiver.listen(t, ownIP+":"+port), r.receiver.listen(t, movedTo+":"+port)}
	r.console, r.door = "http://127.0.0.1:"+www, "127.0.0.1:"+door
	keys := map[string]string{
		"dns-servers": r.names.Addr, "smtp-remote-port": port, "smtp-port": door, "www-port": www, "www-password": password,
		"state-directory": filepath.Join(r.dir, "state"), "local-min-free": "1MB", "smtp-allow-local": "true",
		"smtp-ip": "127.0.0.1", "smtp-auth": "hardcoded://ann:right", "smtp-default-ips": ownIP, "www-ip": "127.0.0.1", "www-host": "mta.example.test",
		"rabbitmq-outbox": "outbox", "rabbitmq-local": "ours " + markup,
		"error-log": filepath.Join(r.dir, "errors.log"), "send-log-directory": r.dir, "received-log-directory": r.dir,
		"received-bin-log-file": filepath.Join(r.dir, "received.json"), "download-log-directory": r.dir, "www-log-directory": r.dir,
		"send-bin-log-directory": r.dir, "send-bin-log-maxsize": "200KB", "send-bin-log-history": "1000",
	}
	if pages != "" {
		keys["www-dir"], _ = filepath.Abs(pages)
	}
	r.configure(keys)
	if err := r.start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { // the receivers go last: their connections are the daemon's
		if r.daemon != nil {
			r.daemon.Stop()
		}
		for _, stop := range stops {
			stop()
		}
		if log, _ := os.ReadFile(filepath.Join(r.dir, "errors.log")); t.Failed() {
			t.Logf("error log:\n%s", log[max(0, len(log)-2000):])
		}
	})
	r.traffic()
	return r
}

func (r *rig) configure(keys map[string]string) {
	var text strings.Builder
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		fmt.Fprintf(&text, "%s: %s\n", key, keys[key])
	}
	r.file = filepath.Join(r.dir, "config.txt")
	if err := os.WriteFile(r.file, []byte(text.String()), 0o600); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) start() error {
	cfg, err := config.Load(&config.Command{ConfigFile: r.file, Loopback: true}, config.Source{Hostname: "mta.example.test", Default: "/dev/null"})
	if err != nil {
		return err
	}
	complaints := new(bytes.Buffer)
	if r.daemon, err = app.Start(cfg, "test", complaints); err != nil {
		return fmt.Errorf("%w\n%s", err, complaints)
	}
	return nil
}

// restart ends the daemon and starts it again, as an operator does with a new configuration.
func (r *rig) restart() error {
	r.up.Lock()
	defer r.up.Unlock()
	r.daemon.Stop()
	r.daemon = nil
	return r.start()
}

// addName puts a record into the DNS.
func (r *rig) addName(line string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.added += line + "\n"
	return r.names.Set(zone + r.added)
}

// freePorts are below those that outgoing connections take meanwhile.
func freePorts(t *testing.T, n int) (ports []string) {
	t.Helper()
	const lowest, number = 10_000, 20_000
	for i := 0; i < number && len(ports) < n; i++ {
		port := strconv.Itoa(lowest + (os.Getpid()*101+i)%number)
		if l, err := net.Listen("tcp", "127.0.0.1:"+port); err == nil {
			_ = l.Close()
			ports = append(ports, port)
		}
	}
	if len(ports) < n {
		t.Fatal("no port is free")
	}
	return ports
}

// another is an address of this host that is not on the loopback interface.
func another(t *testing.T) string {
	t.Helper()
	all, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range all {
		if n, ok := a.(*net.IPNet); ok && n.IP.To4() != nil && !n.IP.IsLoopback() {
			return n.IP.String()
		}
	}
	t.Fatal("this host has no IPv4 address but that of loopback; the test needs two")
	return ""
}
