package e2e

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"posthoorn/internal/app"
	"posthoorn/internal/app/config"
	"posthoorn/internal/dns/dnstest"
	"posthoorn/internal/sink"
)

// defaultZone leads every domain under .test to the receiver of the rig, each as a destination of its own.
const defaultZone = "*.test A 127.0.0.1\n"

// setup is what a test wants to be different.
type setup struct {
	zone string            // instead of defaultZone
	sink sink.Options      // of the receiver
	keys map[string]string // of the configuration, over those of every test; an empty value takes a key away; any inbox, local, reports or refused queue gets a name of its own
	via  string            // host:port of RabbitMQ as the daemon sees it; empty: directly
	disk string            // size of a volume for the state directory alone, as mount has it; needs root
}

// rig is one daemon with what surrounds it.
type rig struct {
	t      *testing.T
	dir    string
	file   string // configuration of the commands
	server string // configuration of the daemon, where that differs
	broker string // address of RabbitMQ; empty: embedded queue
	door   string // host:port of the SMTP door
	port   string // that mail is delivered to
	names  *dnstest.Server
	sink   *sink.Server
	queues queues
	daemon *app.Daemon
	child  int // process of the last daemon that runs on its own
}

// onBoth runs a test on the embedded queue and on RabbitMQ.
func onBoth(t *testing.T, s setup, test func(t *testing.T, r *rig)) {
	t.Helper()
	onBothWith(t, func(string) setup { return s }, test)
}

func onEmbedded(t *testing.T, s setup, test func(t *testing.T, r *rig)) {
	t.Helper()
	r := newRig(t, s)
	r.queues = &embedded{r}
	r.configure(s.keys)
	r.start()
	test(t, r)
}

func onRabbit(t *testing.T, s setup, test func(t *testing.T, r *rig)) {
	t.Helper()
	broker := rabbit.Get(t)
	r := newRig(t, s)
	r.queues, r.broker = dialQueues(t, broker.URL()), broker.URL()
	server := broker.URL()
	if s.via != "" {
		server = broker.URLVia(s.via)
	}
	r.configure(s.keys)
	if server != broker.URL() {
		r.server = r.write("daemon.txt", r.keys(s.keys, server))
	}
	r.start()
	test(t, r)
}

func newRig(t *testing.T, s setup) *rig {
	t.Helper()
	r := &rig{t: t, dir: t.TempDir()}
	if s.disk != "" {
		r.mount(s.disk)
	}
	if s.zone == "" {
		s.zone = defaultZone
	}
	var err error
	if r.names, err = dnstest.Start(s.zone); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.names.Close() })
	r.sink = startSink(t, s.sink)
	_, r.port, _ = net.SplitHostPort(r.sink.Addresses()[0].String())
	r.door = "127.0.0.1:" + freePort(t)
	t.Cleanup(func() {
		r.stop()
		if t.Failed() {
			log := r.read("errors.log")
			t.Logf("error log:\n%s", log[max(0, len(log)-2000):])
		}
	})
	return r
}

func startSink(t *testing.T, o sink.Options) *sink.Server {
	t.Helper()
	o.Remember = 5000
	s, err := sink.New(o)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.Serve()
	}()
	t.Cleanup(func() {
		_ = s.Close()
		<-done
	})
	return s
}

// sinkAt starts another receiver on the same port of another address of loopback.
func (r *rig) sinkAt(ip string, o sink.Options) *sink.Server {
	r.t.Helper()
	o.Addresses = []string{ip + ":" + r.port}
	return startSink(r.t, o)
}

func (r *rig) start() {
	r.t.Helper()
	cfg, err := config.Load(&config.Command{ConfigFile: r.server},
		config.Source{Hostname: "mta.example.test", Default: "/dev/null"})
	if err != nil {
		r.t.Fatal(err)
	}
	complaints := new(bytes.Buffer)
	if r.daemon, err = app.Start(cfg, "test", complaints); err != nil {
		r.t.Fatalf("%v\n%s", err, complaints)
	}
}

// stop ends the daemon, if it runs, as a signal does.
func (r *rig) stop() {
	if r.daemon != nil {
		r.daemon.Stop()
		r.daemon = nil
	}
}

// command runs the program with other arguments than the daemon's and fails the test when it does not end well.
func (r *rig) command(stdin string, args ...string) string {
	r.t.Helper()
	code, out, complaints := r.try(stdin, args...)
	if code != config.ExitOK {
		r.t.Fatalf("%s: exit %d: %s", strings.Join(args, " "), code, complaints)
	}
	return out
}

func (r *rig) try(stdin string, args ...string) (code int, stdout, stderr string) {
	var out, complaints bytes.Buffer
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	code = app.Run(ctx, app.Program{
		Args: append([]string{"--config-file", r.file}, args...), Name: "/usr/bin/posthoorn", Version: "test",
		Stdin: strings.NewReader(stdin), Stdout: &out, Stderr: &complaints,
	})
	return code, out.String(), complaints.String()
}

// read is the text of a file of the rig; empty when it is not there yet.
func (r *rig) read(name string) string {
	text, err := os.ReadFile(filepath.Join(r.dir, name))
	if err != nil {
		return ""
	}
	return string(text)
}

// errorLog is the error log, as soon as it has a text so often. Lines are written beside what they tell of.
func (r *rig) errorLog(times int, text string) (log string) {
	r.t.Helper()
	eventually(r.t, fmt.Sprintf("%q is %d times in the error log", text, times), func() bool {
		log = r.read("errors.log")
		return strings.Count(log, text) >= times
	})
	return log
}

// withPort puts the port that mail is delivered to into a text.
func (r *rig) withPort(text string) string { return strings.ReplaceAll(text, "PORT", r.port) }

// onBothWith is onBoth where the configuration itself names the port of the receiver.
func onBothWith(t *testing.T, s func(port string) setup, test func(t *testing.T, r *rig)) {
	t.Helper()
	t.Parallel()
	t.Run("embedded", func(t *testing.T) {
		t.Parallel()
		onEmbedded(t, s(freePort(t)), test)
	})
	t.Run("rabbitmq", func(t *testing.T) {
		t.Parallel()
		onRabbit(t, s(freePort(t)), test)
	})
}
