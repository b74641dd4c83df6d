package config

import (
	"flag"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write golden files anew")

func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(want) != got {
		t.Errorf("%s differs (-update writes it):\n%s", path, got)
	}
}

const secretive = `rabbitmq-address: amqp://me:geheim@h1;h2/v, amqps://you:geheim@h3
cluster-address: amqp://me:ge,heim@h1
database: mysql://root:geheim@db/mailerq?password=geheim&x=1
storage-address: mongodb://me:geheim@h1;h2/rs/d/c
download-cache: s3://id:geheim@eu-west-1/b
smtp-username: me
smtp-password: geheim
smtp-auth: hardcoded://me:geheim,you:geheim
www-auth: hardcoded://you:geheim
www-password: geheim
smarthost: relay.example.com
smarthost-password: geheim
smtp-sink-password: geheim
proxy-server: http://me:geheim@proxy:3128
rabbitmq-password: geheim
cluster-password: geheim
smtp-password-geheim: geheim
smtp-port:
max-attempts:
www-secure-port:
smtp-privatekey: /k
`

func TestCheckText(t *testing.T) {
	cfg, err := Load(command(t, "--smtp-certificate", "/c"), source(files{ownFile: secretive}, "MAILERQ_SERVER_ID=3"))
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "testdata/check.txt", strings.ReplaceAll(cfg.CheckText(), "smtp-password-geheim", "smtp-password-x"))
	cfg, err = Load(nil, source(files{}))
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "testdata/check-defaults.txt", cfg.CheckText())
}

// TestCheckTextIsAConfiguration: what is printed reads as the same configuration.
func TestCheckTextIsAConfiguration(t *testing.T) {
	for _, text := range []string{
		"", "rabbitmq-address:\nsmtp-port:\nwww-secure-port:\ndatabase:\nmax-attempts:\nsend-log-file:\nerror-log:",
		"smtp-default-ips: 10.0.0.1, 10.0.0.2\nretry-interval: 1m,2m\nsmtp-privatekey: /k\nsmtp-certificate: /c\nuser:a # b",
	} {
		first := load(t, text)
		again := load(t, first.CheckText())
		for _, cfg := range []*Config{first, again} {
			cfg.set, cfg.Warnings, cfg.RabbitMQ.Why = nil, nil, "" // these speak of places
		}
		if !reflect.DeepEqual(first, again) {
			t.Errorf("%q:\n%+v\n%+v", text, first, again)
		}
	}
}

// TestNoSecretAnywhere prints everything that can be printed, with good and with broken values.
func TestNoSecretAnywhere(t *testing.T) {
	check := func(what, text string) {
		t.Helper()
		text = strings.ReplaceAll(text, "smtp-password-geheim", "")
		if i := strings.Index(text, "geheim"); i >= 0 {
			t.Errorf("%s shows a secret: %s", what, text[max(0, i-60):min(len(text), i+20)])
		}
	}
	cfg, _ := Load(nil, source(files{ownFile: secretive + "smtp-certificate: /c"}))
	check("CheckText", cfg.CheckText())
	cfg.set = nil // not exported, so that only this package could print it
	check("%v", fmt.Sprintf("%v %+v %#v", cfg, cfg, cfg))
	var out strings.Builder
	slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "config", cfg, "secret", Secret("geheim"))
	slog.New(slog.NewTextHandler(&out, nil)).Info("x", "secret", Secret("geheim"), "node", cfg.RabbitMQ.Nodes[0])
	check("slog", out.String())
	for _, key := range Keys() {
		if !key.Secret && key.Type.mask == nil {
			continue
		}
		for _, value := range []string{
			"amqp://u:geheim", "amqp://u:geheim/x@h/v", "amqp://u:ge@geheim@h:x/v", "mysql://u:geheim#@h:1x/db", "couchbase://geheim@h:x/b", "hardcoded://u,geheim",
			"hardcoded://u:p:geheim,geheim", "s3://id:geheim@", "radius://id:geheim", "nis://u:geheim@h", "amqp://h/v,mysql://u:geheim@h", "u:geheim@h", "geheim@h:99999",
			"amqp://u:a?geheim@h/v", "mysql://h/db?%zz&password=geheim", "amqp://u:a,geheim@h:x/", "u:geheim",
		} {
			for _, name := range append([]string{key.Name}, key.Aliases...) {
				cfg, err := Load(nil, source(files{ownFile: name + ": " + value}))
				check(name+" "+value, cfg.CheckText()+warnings(cfg)+fmt.Sprint(err))
			}
		}
	}
}
