package config

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestWhichQueue(t *testing.T) {
	for _, c := range []struct {
		file, text string
		args       []string
		embedded   bool
		host, why  string
		state      string
	}{
		{ownFile, "", nil, true, "", "nothing sets rabbitmq-address", defaultState},
		{compatFile, "", nil, false, "guest@localhost:5672 vhost /", "nothing sets rabbitmq-address and the default file is /etc/mailerq/config.txt", defaultState},
		{compatFile, "rabbitmq-address:", nil, true, "", "rabbitmq-address is empty (/etc/mailerq/config.txt:1)", defaultState},
		{compatFile, "rabbitmq-host: b\nrabbitmq-user: u", nil, false, "u@b:5672 vhost /", "rabbitmq-host and its like are set", defaultState},
		{ownFile, "rabbitmq-password: a@b/c:d\nrabbitmq-user: u\nrabbitmq-vhost: v/w", nil, false, "u@localhost:5672 vhost v/w", "rabbitmq-host and its like are set", defaultState},
		{ownFile, "rabbitmq-host: b\nrabbitmq-address: amqp://x", nil, false, "guest@x:5672 vhost /", "rabbitmq-address is set (/etc/posthoorn/config.txt:2)", defaultState},
		{ownFile, "rabbitmq-host: b\nrabbitmq-address:", nil, true, "", "rabbitmq-address is empty (/etc/posthoorn/config.txt:2)", defaultState},
		{ownFile, "rabbitmq-address: amqp://x", []string{"--rabbitmq-address="}, true, "", "rabbitmq-address is empty (switch --rabbitmq-address)", defaultState},
		{ownFile, "rabbitmq-address: local:///srv/q/", nil, true, "", "rabbitmq-address is local:/// (/etc/posthoorn/config.txt:1)", "/srv/q"},
		{ownFile, "rabbitmq-address: local:///srv/q\nstate-directory: /srv/s", nil, true, "", "rabbitmq-address is local:/// (/etc/posthoorn/config.txt:1)", "/srv/s"},
	} {
		cfg, err := Load(command(t, c.args...), source(files{c.file: c.text}))
		if err != nil {
			t.Fatal(err)
		}
		host := ""
		for _, n := range cfg.RabbitMQ.Nodes {
			host += n.String()
		}
		got := fmt.Sprint(cfg.RabbitMQ.Embedded, host, cfg.RabbitMQ.Why, cfg.General.StateDirectory)
		if want := fmt.Sprint(c.embedded, c.host, c.why, c.state); got != want {
			t.Errorf("%s %q:\n got %s\nwant %s", c.file, c.text, got, want)
		}
		if wantCluster := len(cfg.RabbitMQ.Nodes); len(cfg.Cluster.Nodes) != wantCluster {
			t.Errorf("%q: cluster %v", c.text, cfg.Cluster.Nodes)
		}
	}
}

func TestBrokerSpellings(t *testing.T) {
	for raw, want := range map[string]string{
		"amqp://guest:guest@localhost/":                 "amqp://guest:guest@localhost:5672/%2F",
		"amqp://rabbitmq":                               "amqp://guest:guest@rabbitmq:5672/%2F",
		"amqp://u:p@h1;h2;h3/vhost":                     "amqp://u:p@h1:5672/vhost amqp://u:p@h2:5672/vhost amqp://u:p@h3:5672/vhost",
		"amqp://u:p@h1:5;h2/v":                          "amqp://u:p@h1:5/v amqp://u:p@h2:5672/v",
		"amqp://u:p@h1/v, amqps://u2:p2@h2":             "amqp://u:p@h1:5672/v amqps://u2:p2@h2:5671/%2F",
		"amqp://u:a,b@h1/v,amqp://u:p@h2/v":             "amqp://u:a,b@h1:5672/v amqp://u:p@h2:5672/v",
		"amqp://us%40er:p%2Fw%3A@[2001:db8::1]:9/a%2Fb": "amqp://us%40er:p%2Fw%3A@[2001:db8::1]:9/a%2Fb",
		"AMQP://u:p@H/%2F":                              "amqp://u:p@H:5672/%2F",
		"amqp://u:p@q@h/":                               "amqp://u:p%40q@h:5672/%2F",
	} {
		b, err := parseBroker(raw, true)
		var got []string
		for _, n := range b.Nodes {
			got = append(got, n.URL())
		}
		if err != nil || strings.Join(got, " ") != want {
			t.Errorf("%s: %v %v\nwant %s", raw, err, got, want)
		}
	}
	for _, raw := range []string{"amqp://", "amqp:///v", "amqp://h:0", "amqp://h:x/", "amqp://u:p/w@h/", "amqp://h/v?x=1", "h", "local://x", "local:///", "local:///a,amqp://h",
		"amqp://h1,h2/v", "amqp://u:%zz@h/", "amqp://h/%zz", "mysql://h/x"} {
		if b, err := parseBroker(raw, true); err == nil {
			t.Errorf("%s: accepted as %v", raw, b)
		}
	}
}

func TestQueueNames(t *testing.T) {
	cfg := load(t, "rabbitmq-outbox: a\nrabbitmq-inbox:\nrabbitmq-results: r\nrabbitmq-minqos: 100\nrabbitmq-qos: 50")
	if cfg.RabbitMQ.Inbox != "a" || cfg.RabbitMQ.Results != "r" || cfg.RabbitMQ.Retry != "" || cfg.RabbitMQ.MinQoS != 50 {
		t.Errorf("%+v", cfg.RabbitMQ)
	}
	if w := warnings(cfg); w != ownFile+":2: rabbitmq-inbox: is empty: incoming mail goes to the outbox a\n"+ownFile+":4: rabbitmq-minqos: not built yet, has no effect\n" {
		t.Error(w)
	}
	if text := refused(t, "rabbitmq-outbox:"); !strings.Contains(text, "the outbox must have a name") {
		t.Error(text)
	}
}

func TestDatabase(t *testing.T) {
	if cfg := load(t, "database:"); !cfg.Database.Address.IsZero() || cfg.Database.Default {
		t.Error("empty is none:", cfg.Database)
	}
	cfg := load(t, "rabbitmq-address: local:///srv/mail")
	if d := cfg.Database; d.Address.Path != "/srv/mail/settings.db" || d.Address.Scheme != "sqlite" || !d.Default || !d.Validate || d.TTL != 10*time.Minute {
		t.Errorf("absent is a file beside the queue: %+v", d)
	}
	cfg = load(t, "database: mysql://us:p%40ss@db:3307/my%20db?x=y")
	want := Address{Scheme: "mysql", User: "us", Password: "p@ss", Hosts: []HostPort{{"db", 3307}}, Path: "/my db",
		Options: map[string]Secret{"x": "y"}, Raw: "mysql://us:p%40ss@db:3307/my%20db?x=y"}
	if !reflect.DeepEqual(cfg.Database.Address, want) {
		t.Errorf("%#v", cfg.Database.Address)
	}
	for address, want := range map[string]HostPort{
		"postgresql://u@%2Frun%2Fpostgresql/d":        {"/run/postgresql", 0},
		"postgresql://u:p@%2frun%2fpostgresql:5433/d": {"/run/postgresql", 5433},
		"postgresql://u@/d?host=/run/postgresql":      {"/run/postgresql", 0},
		"mysql://u:p@/d?host=%2Frun%2Fmysqld.sock":    {"/run/mysqld.sock", 0},
		"mysql://u:p@%2Frun%2Fmysqld%2Fmysqld.sock/d": {"/run/mysqld/mysqld.sock", 0},
	} {
		if a := load(t, "database: "+address).Database.Address; len(a.Hosts) != 1 || a.Hosts[0] != want || a.User != "u" || a.Path != "/d" {
			t.Errorf("%s: %#v", address, a)
		}
	}
	for address, want := range map[string]string{
		"mysql://u:geheim@/d":          "has no host",
		"mysql://u:geheim@h/d?host=/s": "names a host before the / and another behind ?host=",
		"mysql://u:geheim@%2Fs:0/d":    "has a host or port that is none",
		"mysql://h":                    "does not name the database behind the host",
		"postgresql://h/":              "does not name the database behind the host",
		"postgresql://h/a/b":           "does not name the database behind the host",
		"mysql://u:geheim@h;i/d":       "names several hosts, and a database is on one",
		"oracle://h/d":                 "has none of the known schemes",
		"sqlite://h/d":                 "needs three slashes and a path, as in sqlite:///path",
	} {
		if got := problemsOf(t, "database-address", address); !strings.Contains(got, want) || strings.Contains(got, "geheim") {
			t.Errorf("%s: %s", address, got)
		}
	}
	cfg = load(t, "storage-address: mongodb://me:geheim@h1;h2/rs/d/c")
	if a := cfg.Storage.Address; a.IsZero() || strings.Contains(a.String(), "geheim") || !cfg.Storage.StoreIn || !cfg.Storage.StoreOut {
		t.Errorf("%+v", cfg.Storage)
	}
	if got := problemsOf(t, "storage-address", "couchbase://geheim@h1/bucket"); !strings.Contains(got, "couchbase") || strings.Contains(got, "geheim") {
		t.Errorf("couchbase: %s", got)
	}
}

func TestMinFree(t *testing.T) {
	const gb = 1 << 30
	for text, want := range map[string][2]int64{"5%": {5 * gb, gb}, "50%": {5 * gb, 5 * gb}, "20GB": {20 * gb, 20 * gb}} {
		m, err := parseMinFree(text)
		if err != nil {
			t.Fatal(err)
		}
		if got := [2]int64{m.(MinFree).Floor(1000 * gb), m.(MinFree).Floor(20 * gb)}; got != want {
			t.Errorf("%s: %v, want %v", text, got, want)
		}
	}
}
