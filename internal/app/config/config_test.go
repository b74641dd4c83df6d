package config

import (
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

// files is a file system of configuration files.
type files map[string]string

func (f files) read(path string) ([]byte, error) {
	text, ok := f[path]
	switch {
	case !ok:
		return nil, &fs.PathError{Op: "open", Path: path, Err: fs.ErrNotExist}
	case text == "unreadable":
		return nil, &fs.PathError{Op: "open", Path: path, Err: fs.ErrPermission}
	}
	return []byte(text), nil
}

const (
	ownFile    = "/etc/posthoorn/config.txt"
	compatFile = "/etc/mailerq/config.txt"
)

func source(f files, env ...string) Source {
	return Source{ReadFile: f.read, Environ: env, Hostname: "mx.example.com"}
}

func command(t *testing.T, args ...string) *Command {
	t.Helper()
	cmd, err := ParseCommand(args)
	if err != nil {
		t.Fatalf("ParseCommand(%q): %v", args, err)
	}
	return cmd
}

// load must succeed with the text as the default file.
func load(t *testing.T, text string, args ...string) *Config {
	t.Helper()
	cfg, err := Load(command(t, args...), source(files{ownFile: text}))
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// refused must fail, and returns the error text.
func refused(t *testing.T, text string, args ...string) string {
	t.Helper()
	cfg, err := Load(command(t, args...), source(files{ownFile: text}))
	var invalid *Invalid
	if !errors.As(err, &invalid) || len(invalid.Problems) == 0 || cfg == nil {
		t.Fatalf("accepted: %s", text)
	}
	return err.Error()
}

func warnings(cfg *Config) string {
	var s strings.Builder
	for _, w := range cfg.Warnings {
		fmt.Fprintln(&s, w)
	}
	return s.String()
}

func TestNothingConfigured(t *testing.T) {
	cfg, err := Load(nil, source(files{}))
	if err != nil || len(cfg.Warnings) > 0 || len(cfg.Files) > 0 {
		t.Fatal(err, cfg.Warnings, cfg.Files)
	}
	day := 24 * time.Hour
	for name, pair := range map[string][2]any{
		"embedded":   {cfg.RabbitMQ.Embedded, true},
		"outbox":     {cfg.RabbitMQ.Outbox, "outbox"},
		"inbox":      {cfg.RabbitMQ.Inbox, "outbox"},
		"persistent": {cfg.RabbitMQ.Persistent, true},
		"qos":        {cfg.RabbitMQ.QoS, 1000},
		"cluster":    {len(cfg.Cluster.Nodes), 0},
		"database":   {cfg.Database.Address.Path, "/var/lib/posthoorn/settings.db"},
		"is default": {cfg.Database.Default, true},
		"age":        {cfg.Local.ResultsAge, 7 * day},
		"size":       {cfg.Local.ResultsSize, int64(1 << 30)},
		"free":       {cfg.Local.MinFree, MinFree{Percent: 5}},
		"ports":      {cfg.SMTPIn.Ports, []PortRange{{25, 25}}},
		"secure":     {len(cfg.SMTPIn.SecurePorts), 0},
		"maxsize":    {cfg.SMTPIn.MaxSize, int64(100 << 20)},
		"idle":       {cfg.SMTPIn.Timeout, 300 * time.Second},
		"login":      {cfg.SMTPIn.HasLogin, false},
		"deadline":   {cfg.Delivery.MaxDeliverTime, day},
		"retries":    {cfg.Delivery.RetryIntervals, waits(600, 600, 1800, 1800, 3600, 3600, 7200)},
		"port":       {cfg.Delivery.RemotePort, uint16(25)},
		"notify":     {cfg.DSN.Notify, []string{"FAILURE"}},
		"mta":        {cfg.DSN.MTA, "mx.example.com"},
		"console":    {cfg.Console.IP, netip.MustParseAddr("127.0.0.1")},
		"smarthost":  {cfg.Smarthost.On, false},
		"sink":       {cfg.Sink.On, false},
		"dns":        {cfg.DNS.Timeout, Opt[time.Duration]{Value: time.Minute}},
		"rotate":     {cfg.DNS.Rotate, Opt[bool]{}},
		"send log":   {cfg.Logs.Send.File, "/var/log/posthoorn/attempts.log"},
		"own rotate": {cfg.Logs.Send.Rotate, true},
		"history":    {cfg.Logs.Send.History, 100},
		"bin log":    {cfg.Logs.SendBin, Log{File: "/var/log/posthoorn/send.bin", Rotate: true, MaxSize: 100 << 20, MaxAge: time.Hour, History: 20}},
		"no bin log": {cfg.Logs.ReceivedBin.File, ""},
		"errors":     {cfg.Logs.Error, "/var/log/posthoorn/errors.log"},
		"lock":       {cfg.General.Lock, "/var/lib/posthoorn/posthoorn.pid"},
		"inject":     {cfg.General.InjectSocket, "/var/lib/posthoorn/posthoorn.inject"},
		"control":    {cfg.General.ControlSocket, "/var/lib/posthoorn/posthoorn.control"},
		"states":     {cfg.General.States5, false},
	} {
		if !reflect.DeepEqual(pair[0], pair[1]) {
			t.Errorf("%s: %v, want %v", name, pair[0], pair[1])
		}
	}
}

func waits(seconds ...int) []time.Duration {
	var list []time.Duration
	for _, s := range seconds {
		list = append(list, time.Duration(s)*time.Second)
	}
	return list
}

// TestLayers: each layer alone wins over all below it.
func TestLayers(t *testing.T) {
	f := files{
		ownFile:    "rabbitmq-outbox: own\nserver-id: 1",
		compatFile: "rabbitmq-outbox: compat\nmax-attempts: 9",
		"/more":    "rabbitmq-outbox: more",
	}
	env := []string{"MAILERQ_RABBITMQ_OUTBOX=mailerq", "POSTHOORN_RABBITMQ_OUTBOX=posthoorn", "RABBITMQ_OUTBOX=other"}
	for _, c := range []struct {
		want string
		args []string
		env  []string
	}{
		{"own", nil, nil},
		{"more", []string{"--config-file", "/more"}, nil},
		{"mailerq", []string{"--config-file=/more"}, env[:1]},
		{"posthoorn", []string{"--config-file=/more"}, env},
		{"switch", []string{"--config-file=/more", "--rabbitmq-outbox=switch"}, env},
		{"switch", []string{"--rabbitmq-outbox", "switch"}, nil},
	} {
		cfg, err := Load(command(t, c.args...), source(f, c.env...))
		if err != nil {
			t.Fatal(err)
		}
		if cfg.RabbitMQ.Outbox != c.want || cfg.Delivery.MaxAttempts != 0 {
			t.Errorf("%s %s: outbox %s, attempts %d", c.args, c.env, cfg.RabbitMQ.Outbox, cfg.Delivery.MaxAttempts)
		}
	}
	delete(f, ownFile)
	cfg, err := Load(nil, source(f))
	if err != nil || cfg.RabbitMQ.Outbox != "compat" || cfg.Delivery.MaxAttempts != 9 || !slices.Equal(cfg.Files, []string{compatFile}) {
		t.Errorf("second default file: %v %v %v", err, cfg.RabbitMQ.Outbox, cfg.Files)
	}
}

func TestEmptyOverrides(t *testing.T) {
	cfg := load(t, "smarthost: relay.example.com\nsmtp-port: 2525\nmax-attempts: 7", "--smarthost=", "--smtp-port", "", "--max-attempts=")
	if cfg.Smarthost.On || len(cfg.SMTPIn.Ports) != 0 || cfg.Delivery.MaxAttempts != 0 {
		t.Error(cfg.Smarthost, cfg.SMTPIn.Ports, cfg.Delivery.MaxAttempts)
	}
}

func TestFiles(t *testing.T) {
	_, err := Load(command(t, "--config-file", "/absent"), source(files{}))
	if err == nil || !strings.Contains(err.Error(), "switch --config-file: cannot read /absent: file does not exist") {
		t.Error("missing --config-file:", err)
	}
	f := files{ownFile: "unreadable", compatFile: "max-attempts: 1"}
	if _, err = Load(nil, source(f)); err == nil || !strings.Contains(err.Error(), "cannot read "+ownFile+": permission denied") {
		t.Error("unreadable default file:", err)
	}
	for _, args := range [][]string{{"backlog"}, {"a@example.com"}} {
		cfg, err := Load(command(t, args...), source(f))
		if err != nil || cfg.Unreadable != ownFile || cfg.Delivery.MaxAttempts != 0 || cfg.General.Lock != "/var/lib/posthoorn/posthoorn.pid" {
			t.Error("unreadable default file of a user:", err, cfg.Unreadable)
		}
	}
	if _, err = Load(nil, source(files{ownFile: strings.Repeat("#\n", maxFile)})); err == nil || !strings.Contains(err.Error(), "larger than") {
		t.Error("huge file:", err)
	}
}

func TestFilesOnDisk(t *testing.T) {
	dir := t.TempDir()
	path := dir + "/config.txt"
	if err := os.WriteFile(path, []byte("max-attempts: 4\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := Load(nil, Source{Default: dir + "/absent", Compat: path})
	if err != nil || cfg.Delivery.MaxAttempts != 4 || cfg.DSN.MTA != "localhost" {
		t.Error(err, cfg.Delivery.MaxAttempts)
	}
	if _, err = Load(nil, Source{Default: "/dev/zero"}); err == nil || !strings.Contains(err.Error(), "larger than") {
		t.Error("endless file:", err)
	}
}

func TestAliases(t *testing.T) {
	cfg := load(t, "database-address: mysql://a/b\ndatabase: mysql://c/d\nsmtp-defaultip: 192.0.2.1\nmax-deliver-time: 60\nsmtp-privatekey: /k\nsmtp-certificate: /c\nsmtp-sink-ip: 192.0.2.9")
	if cfg.Database.Address.Hosts[0].Host != "a" {
		t.Error("database-address must win in one file:", cfg.Database.Address)
	}
	if cfg.Delivery.DefaultIPs[0].String() != "192.0.2.1" || cfg.Delivery.MaxDeliverTime != time.Minute || cfg.SMTPIn.Key != "/k" || !cfg.Sink.On {
		t.Error(cfg.Delivery, cfg.SMTPIn.Key, cfg.Sink)
	}
	cfg = load(t, "database-address: mysql://a/b", "--database=mysql://c/d")
	if cfg.Database.Address.Hosts[0].Host != "c" {
		t.Error("a later layer wins, whatever the name:", cfg.Database.Address)
	}
	cfg, err := Load(nil, source(files{}, "MAILERQ_DATABASE_ADDRESS=mysql://a/b", "POSTHOORN_DATABASE=mysql://c/d"))
	if err != nil || cfg.Database.Address.Hosts[0].Host != "c" {
		t.Error("POSTHOORN_ wins:", err, cfg.Database.Address)
	}
}

func TestServiceLinksAreNoSettings(t *testing.T) {
	cfg, err := Load(nil, source(files{}, "POSTHOORN_SMTP_PORT=tcp://10.0.0.1:25", "POSTHOORN_PORT=tcp://10.0.0.1:25", "MAILERQ_SERVICE_HOST=10.0.0.1",
		"POSTHOORN_PORT_25_TCP_ADDR=10.0.0.1", "POSTHOORN_SERVICE_PORT_SMTP=25", "POSTHOORN_RABITMQ_OUTBOX=x"))
	if err != nil || len(cfg.Warnings) != 1 || cfg.SMTPIn.Ports[0].First != 25 {
		t.Fatal(err, cfg.Warnings)
	}
	want := "environment variable POSTHOORN_RABITMQ_OUTBOX: rabitmq-outbox: no such key, it is ignored; did you mean rabbitmq-outbox?"
	if got := cfg.Warnings[0].String(); got != want {
		t.Error(got)
	}
}

// TestAddressesToListenOn: one or several; every one is none, and wins.
func TestAddressesToListenOn(t *testing.T) {
	for line, want := range map[string]string{
		"": "[]", "smtp-ip: 0.0.0.0": "[]", "smtp-ip: ::": "[]", "smtp-ip:": "[]", "smtp-ip: 10.0.0.1": "[10.0.0.1]",
		"smtp-ip: 10.0.0.1; 2001:db8::1": "[10.0.0.1 2001:db8::1]", "smtp-ip: 10.0.0.1,0.0.0.0": "[]",
	} {
		if got := fmt.Sprint(load(t, line).SMTPIn.IPs); got != want {
			t.Errorf("%q: %s", line, got)
		}
	}
}

// TestMinimalFiles: operations.md sections 4 and 6, config.md section 5.
func TestMinimalFiles(t *testing.T) {
	cfg := load(t, `rabbitmq-outbox: outbox1
rabbitmq-inbox:  outbox1
smtp-ip: 10.0.0.1
www-ip:  10.0.0.1
www-host: mta001.example.com
error-log: /var/log/mailerq/i1-errors.log
send-log-prefix: i1-attempts.log
download-log-prefix: i1-downloads.log
received-log-prefix: i1-received.log
state-directory: /var/lib/posthoorn/1
server-id: 1`)
	if cfg.RabbitMQ.Inbox != "outbox1" || cfg.Logs.Send.File != "/var/log/posthoorn/i1-attempts.log" || cfg.General.Lock != "/var/lib/posthoorn/1/posthoorn.pid" {
		t.Error(cfg.RabbitMQ, cfg.Logs.Send, cfg.General)
	}
	cfg = load(t, "database-address:  mysql://root:root@mysql/mailerq\nrabbitmq-address:  amqp://rabbitmq\napplication-log:   stdout\n"+
		"www-port: 80\nwww-dir:  /usr/share/mailerq/www\nwww-auth: hardcoded://mailerq:mailerq\n")
	want := []Node{{Host: "rabbitmq", Port: 5672, User: "guest", Password: "guest", VHost: "/"}}
	if !reflect.DeepEqual(cfg.RabbitMQ.Nodes, want) || !cfg.Console.IP.IsUnspecified() || cfg.Console.Auth.Logins[0] != (Login{"mailerq", "mailerq"}) {
		t.Error(cfg.RabbitMQ.Nodes, cfg.Console)
	}
	cfg = load(t, "rabbitmq-address:  amqp://guest:guest@localhost/\ndatabase:          sqlite:///var/lib/posthoorn/settings.db\n")
	if cfg.RabbitMQ.Embedded || cfg.Database.Default || cfg.Database.Address.Path != "/var/lib/posthoorn/settings.db" {
		t.Error(cfg.RabbitMQ.Embedded, cfg.Database)
	}
	cfg = load(t, "", "--lock=/tmp/mailerq.pid")
	if cfg.General.Lock != "/tmp/mailerq.pid" || cfg.General.ControlSocket != "/tmp/mailerq.control" {
		t.Error(cfg.General)
	}
}
