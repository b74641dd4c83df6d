package testbed

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

const rabbitScripts = "/usr/lib/rabbitmq/bin/"

// RabbitMQ is one broker: a single node, user guest, no plugins, its own epmd.
type RabbitMQ struct {
	dir                string
	port, epmd, distri int
	server             *process
	epmdProcess        *process
}

// StartRabbitMQ starts a broker that ends with the test. Tests that can share one use SharedRabbitMQ.
func StartRabbitMQ(t testing.TB) *RabbitMQ {
	t.Helper()
	r, err := newRabbitMQ()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.close)
	return r
}

// SharedRabbitMQ is one broker for all tests of a package, since a start takes seconds. The zero value is ready: a package
// variable of the test, whose Close TestMain calls after m.Run.
type SharedRabbitMQ struct {
	mu     sync.Mutex
	broker *RabbitMQ
}

// Get returns the broker, started at the first call. Tests that stop it leave it running.
func (s *SharedRabbitMQ) Get(t testing.TB) *RabbitMQ {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.broker == nil {
		r, err := newRabbitMQ()
		if err != nil {
			t.Fatal(err)
		}
		s.broker = r
	}
	return s.broker
}

// Close ends the broker, if one was started.
func (s *SharedRabbitMQ) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.broker != nil {
		s.broker.close()
		s.broker = nil
	}
}

func newRabbitMQ() (*RabbitMQ, error) {
	if _, err := need("rabbitmq-server", rabbitScripts+"rabbitmq-server"); err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "posthoorn-rabbitmq-")
	if err != nil {
		return nil, err
	}
	r := &RabbitMQ{dir: dir}
	if err := r.prepare(); err != nil {
		r.close()
		return nil, err
	}
	if err := r.start(); err != nil {
		r.close()
		return nil, err
	}
	return r, nil
}

func (r *RabbitMQ) prepare() error {
	for _, port := range []*int{&r.port, &r.epmd, &r.distri} {
		var err error
		if *port, err = freePort(); err != nil {
			return err
		}
	}
	config := fmt.Sprintf("listeners.tcp.1 = %s\ndisk_free_limit.absolute = 1MB\nlog.file.level = info\n", loopback(r.port))
	err := errors.Join(
		os.WriteFile(filepath.Join(r.dir, "rabbitmq.conf"), []byte(config), 0o600),
		os.WriteFile(filepath.Join(r.dir, ".erlang.cookie"), []byte("POSTHOORNTESTBED"), 0o400))
	if err != nil {
		return err
	}
	// Erlang would start an epmd that outlives everything; ours ends with us.
	epmd, err := need("rabbitmq-server", "epmd")
	if err != nil {
		return err
	}
	cmd := exec.Command(epmd, "-port", fmt.Sprint(r.epmd), "-address", "127.0.0.1")
	r.epmdProcess, err = spawn(cmd, filepath.Join(r.dir, "epmd.log"))
	return err
}

func (r *RabbitMQ) environment() []string {
	file := func(name string) string { return filepath.Join(r.dir, name) }
	return []string{
		"HOME=" + r.dir,
		"PATH=/usr/sbin:/usr/bin:/sbin:/bin",
		"LANG=C.UTF-8",
		"ERL_EPMD_PORT=" + fmt.Sprint(r.epmd),
		"ERL_EPMD_ADDRESS=127.0.0.1",
		"RABBITMQ_NODENAME=" + r.node(),
		"RABBITMQ_DIST_PORT=" + fmt.Sprint(r.distri),
		"RABBITMQ_CONF_ENV_FILE=/dev/null",
		"RABBITMQ_CONFIG_FILE=" + file("rabbitmq.conf"),
		"RABBITMQ_ADVANCED_CONFIG_FILE=" + file("none.config"),
		"RABBITMQ_ENABLED_PLUGINS_FILE=" + file("none.plugins"),
		"RABBITMQ_MNESIA_BASE=" + file("mnesia"),
		"RABBITMQ_LOG_BASE=" + file("log"),
		"RABBITMQ_PID_FILE=" + file("pid"),
		"RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS=-kernel inet_dist_use_interface {127,0,0,1}",
		"RABBITMQ_CTL_DIST_PORT_MIN=" + fmt.Sprint(r.distri+1),
		"RABBITMQ_CTL_DIST_PORT_MAX=" + fmt.Sprint(r.distri+50),
		// The script then becomes the server itself instead of keeping it as a child that would outlive us.
		"RABBITMQ_ALLOW_INPUT=true",
	}
}

func (r *RabbitMQ) node() string { return fmt.Sprintf("posthoorn%d@localhost", r.port) }

func (r *RabbitMQ) start() error {
	// Without an Erlang shell, whose end of input would stop the node.
	cmd := exec.Command(rabbitScripts+"rabbitmq-server", "-noinput")
	cmd.Dir, cmd.Env = r.dir, r.environment()
	server, err := spawn(cmd, filepath.Join(r.dir, "server.log"))
	if err != nil {
		return err
	}
	r.server = server
	if err := await(server, r.greets); err != nil {
		return fmt.Errorf("%w\n%s", err, r.tail())
	}
	return nil
}

// greets reports whether the broker answers a protocol header with a method frame (connection.start).
func (r *RabbitMQ) greets() error {
	c, err := net.DialTimeout("tcp", r.Addr(), time.Second)
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }()
	if err := c.SetDeadline(time.Now().Add(5 * time.Second)); err != nil {
		return err
	}
	if _, err := c.Write([]byte("AMQP\x00\x00\x09\x01")); err != nil {
		return err
	}
	var first [1]byte
	if _, err := io.ReadFull(c, first[:]); err != nil {
		return err
	}
	if first[0] != 1 {
		return fmt.Errorf("unexpected greeting %#x", first[0])
	}
	return nil
}

func (r *RabbitMQ) tail() string {
	data, err := os.ReadFile(filepath.Join(r.dir, "server.log"))
	if err != nil {
		return err.Error()
	}
	return string(data[max(0, len(data)-4000):])
}

// Addr is host:port of the AMQP listener. It stays the same over restarts.
func (r *RabbitMQ) Addr() string { return loopback(r.port) }

// URL is the address with the login guest and the vhost "/".
func (r *RabbitMQ) URL() string { return r.URLVia(r.Addr()) }

// URLVia is URL with another host:port, such as that of a Proxy.
func (r *RabbitMQ) URLVia(addr string) string { return "amqp://guest:guest@" + addr + "/" }

// Ctl runs rabbitmqctl and returns what it prints. A call takes about a second.
func (r *RabbitMQ) Ctl(t testing.TB, args ...string) string {
	t.Helper()
	cmd := exec.Command(rabbitScripts+"rabbitmqctl", append([]string{"--node", r.node(), "--quiet"}, args...)...)
	cmd.Dir, cmd.Env = r.dir, r.environment()
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("rabbitmqctl %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// Block raises the memory alarm (connections that publish are stopped); Unblock ends it.
func (r *RabbitMQ) Block(t testing.TB) {
	t.Helper()
	r.Ctl(t, "set_vm_memory_high_watermark", "0.0001")
}

// Unblock ends the alarm of Block.
func (r *RabbitMQ) Unblock(t testing.TB) {
	t.Helper()
	r.Ctl(t, "set_vm_memory_high_watermark", "0.4")
}

// Stop ends the broker in good order, so that durable messages are there after Start.
func (r *RabbitMQ) Stop() { r.server.signal(syscall.SIGTERM, patience) }

// Kill ends the broker with SIGKILL.
func (r *RabbitMQ) Kill() { r.server.signal(syscall.SIGKILL, time.Second) }

// Pause stops the broker's process without closing its connections (SIGSTOP); Continue lets it go on.
func (r *RabbitMQ) Pause() { _ = syscall.Kill(-r.server.cmd.Process.Pid, syscall.SIGSTOP) }

// Continue ends a Pause.
func (r *RabbitMQ) Continue() { _ = syscall.Kill(-r.server.cmd.Process.Pid, syscall.SIGCONT) }

// Start starts the broker again after Stop or Kill, with the same files on the same port.
func (r *RabbitMQ) Start(t testing.TB) {
	t.Helper()
	if err := r.start(); err != nil {
		t.Fatal(err)
	}
}

// Restart is Stop and Start.
func (r *RabbitMQ) Restart(t testing.TB) {
	t.Helper()
	r.Stop()
	r.Start(t)
}

func (r *RabbitMQ) close() {
	r.server.signal(syscall.SIGKILL, time.Second)
	r.epmdProcess.signal(syscall.SIGKILL, time.Second)
	_ = os.RemoveAll(r.dir)
}
