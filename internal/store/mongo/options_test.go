package mongo

import (
	"strings"
	"testing"
	"time"

	"posthoorn/internal/store"
)

func TestClientOptions(t *testing.T) {
	for address, want := range map[string]string{
		"mongodb://h1;h2:2/rs/d/c":                                    "mongodb://h1,h2:2/d",
		"mongodb://[::1]:3/d/c/?replicaSet=rs":                        "mongodb://[::1]:3/d",
		"mongodb://us%40er:p%25:@/x@h/d/c?authSource=admin":           "mongodb://us%40er:p%25%3A%40%2Fx@h/d?authSource=admin",
		"mongodb://h/d/c?appName=a%20b&serverSelectionTimeoutMS=1000": "mongodb://h/d?appName=a%20b&serverSelectionTimeoutMS=1000",
	} {
		a, err := store.ParseAddress(address)
		if err != nil {
			t.Fatal(err)
		}
		if have := uri(a); have != want {
			t.Errorf("%s\nhave %s\nwant %s", address, have, want)
		}
		o := clientOptions(a, store.Options{Threads: 7})
		if err := o.Validate(); err != nil {
			t.Errorf("%s: %v", address, err)
		}
		if *o.MaxPoolSize != 8 {
			t.Errorf("%d connections", *o.MaxPoolSize)
		}
		if a.User != "" && (o.Auth.Username != "us@er" || o.Auth.Password != "p%:@/x" || o.Auth.AuthSource != "admin") {
			t.Errorf("%s: %+v", address, o.Auth)
		}
		if a.ReplicaSet != "" && *o.ReplicaSet != "rs" {
			t.Errorf("%s: replica set %q", address, *o.ReplicaSet)
		}
		if strings.Contains(address, "serverSelection") && *o.ServerSelectionTimeout != time.Second {
			t.Errorf("the address does not win: %v", *o.ServerSelectionTimeout)
		}
	}
}

func TestWrongOptions(t *testing.T) {
	for _, address := range []string{
		"mongodb://u:ge%25he/im@h/d/c?w=-1",
		"mongodb://u:ge%25he/im@h/d/c?authMechanism=none",
		"mongodb://u:ge%25he/im@h/d/c?tls=perhaps",
		"mongodb://u:ge%25he/im@h/d/c?tlsCertificateKeyFile=/nowhere&tlsCertificateKeyFilePassword=ge%25he/im",
		"mongodb://u:ge%25he/im@h/d/c?authMechanism=GSSAPI&authMechanismProperties=ge%25he/im",
	} {
		a, err := store.ParseAddress(address)
		if err != nil {
			t.Fatal(err)
		}
		s, err := Open(a, store.Options{})
		if err == nil {
			t.Errorf("%s was taken", address)
			_ = s.Close()
			continue
		}
		for _, secret := range []string{"ge%he/im", "ge%25he"} {
			if strings.Contains(err.Error(), secret) {
				t.Errorf("the password is in %v", err)
			}
		}
	}
}
