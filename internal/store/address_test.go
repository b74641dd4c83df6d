package store

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
)

func TestParseAddress(t *testing.T) {
	for text, want := range map[string]string{
		"dir:///var/spool/x":                                         `Dir Path=/var/spool/x Depth=4 name=dir:///var/spool/x`,
		"directory:///x/?depth=3":                                    `Dir Path=/x Depth=3 name=dir:///x`,
		"DIR:///a%20%3Fb@c:d?compression=gzip":                       `Dir Gzip Path=/a ?b@c:d Depth=4 name=dir:///a%20%3Fb@c:d`,
		"dir:///x/../y?depth=0":                                      `Dir Path=/y Depth=0 name=dir:///y`,
		"sqlite:///var/m%25.db?compression=gzip":                     `SQLite Gzip SQL=sqlite:///var/m%25.db name=sqlite:///var/m%25.db`,
		"mysql://u:p%40w/?x@h:1/db?sslmode=require&compression=gzip": `MySQL Gzip SQL=mysql://u:p%40w/?x@h:1/db?sslmode=require name=mysql://u@h:1/db`,
		"mariadb://u:pw@h/db":                                        `MySQL SQL=mysql://u:pw@h/db name=mysql://u@h/db`,
		"postgres://u:pw@[::1]:5433/db":                              `PostgreSQL SQL=postgresql://u:pw@[::1]:5433/db name=postgresql://u@[::1]:5433/db`,
		"postgresql://u:pw@%2Frun%2Fpg/db":                           `PostgreSQL SQL=postgresql://u:pw@%2Frun%2Fpg/db name=postgresql://u@%2Frun%2Fpg/db`,
		"mongodb://h/d/c":                                            `MongoDB Hosts=[h] Database=d Collection=c ReadAttempts=1 Driver=map[] name=mongodb://h/d/c`,
		"mongo://h:27018/d/c/":                                       `MongoDB Hosts=[h:27018] Database=d Collection=c ReadAttempts=1 Driver=map[] name=mongodb://h:27018/d/c`,
		"mongodb://h1;h2:2;[::1]:3/rs/mailerq/messages/":             `MongoDB Hosts=[h1 h2:2 [::1]:3] ReplicaSet=rs Database=mailerq Collection=messages ReadAttempts=1 Driver=map[] name=mongodb://h1;h2:2;[::1]:3/rs/mailerq/messages`,
		"mongodb://u:p%25/w@h1,h2/d/c?replicaSet=rs&w=majority&readAttempts=3&maxQuerySize=100&compression=gzip": `MongoDB Gzip Hosts=[h1 h2] ReplicaSet=rs User=u Database=d Collection=c ReadAttempts=3 Driver=map[w:[majority]] secret=p%/w name=mongodb://h1,h2/d/c`,
		"s3://AKIA:a/b+c=@eu-west-1/bucket":            `S3 User=AKIA Region=eu-west-1 Bucket=bucket secret=a/b+c= name=s3://eu-west-1/bucket`,
		"s3://k:s@r/b/?endpoint=https://h:9000/":       `S3 User=k Region=r Bucket=b Endpoint=https://h:9000 secret=s name=s3://r/b`,
		"s3://k:s@r/b?endpoint=http%3A%2F%2F127.0.0.1": `S3 User=k Region=r Bucket=b Endpoint=http://127.0.0.1 secret=s name=s3://r/b`,
	} {
		a, err := ParseAddress(text)
		if have := describe(a); err != nil || have != want {
			t.Errorf("%s\nhave %s %v\nwant %s", text, have, err, want)
		}
	}
}

// describe is what is set in an address.
func describe(a Address) string {
	names := map[string]string{Dir: "Dir", SQLite: "SQLite", MySQL: "MySQL", PostgreSQL: "PostgreSQL", MongoDB: "MongoDB", S3: "S3"}
	words := []string{names[a.Scheme]}
	if a.Gzip {
		words = append(words, "Gzip")
	}
	v := reflect.ValueOf(a)
	for i := range v.NumField() {
		field := v.Type().Field(i).Name
		switch {
		case field == "Scheme" || field == "Gzip" || v.Field(i).IsZero() && !(field == "Depth" && a.Scheme == Dir):
			continue
		case field == "secret" && strings.Contains(a.secret, "://"):
			field = "SQL"
		}
		words = append(words, fmt.Sprintf("%s=%v", field, v.Field(i)))
	}
	return strings.Join(words, " ")
}

func TestParseAddressErrors(t *testing.T) {
	for text, want := range map[string]string{
		"":                                       "a storage address is dir:///path",
		"/var/x":                                 "a storage address is",
		"ftp://h":                                "a storage address is",
		"couchbase://geheim@h/b":                 "couchbase is not supported, since there is no server to test it with; use dir:///path",
		"dir://var/x":                            "three slashes",
		"dir:///x?depth=9":                       "depth is a number from 0 to 8",
		"dir:///x?depth=":                        "depth is a number",
		"dir:///x?deep=1":                        `no option "deep"`,
		"dir:///x?depth=1&depth=2":               "twice",
		"dir:///x?compression=lzma":              "compression is gzip, or absent",
		"dir:///x%zz":                            "write %25",
		"dir:///x%00":                            "control character",
		"dir:///x\n":                             "control character",
		"sqlite://x":                             "three slashes",
		"sqlite:///x?depth=1":                    `no option "depth"`,
		"mysql://u:geheim@h":                     "user:password@host/database",
		"mysql://u:geheim@/d":                    "user:password@host/database",
		"mysql://u:geheim@h/d/e":                 "user:password@host/database",
		"mysql://u:geheim@h/d?geheim=%":          "name=value",
		"mongodb://h/d":                          "database/collection",
		"mongodb://h/":                           "database/collection",
		"mongodb://h":                            "database/collection",
		"mongodb://h/a/b/c/d":                    "database/collection",
		"mongodb://h//c":                         "database/collection",
		"mongodb:///d/c":                         "no host",
		"mongodb://u:geheim@h:x/d/c":             "bad host or port",
		"mongodb://u:geheim@h:0/d/c":             "bad host or port",
		"mongodb://u:geheim%@h/d/c":              "the password has a %",
		"mongodb://h/d/c?readAttempts=0":         "readAttempts is a number from 1",
		"s3://r/b":                               "no login",
		"s3://k@r/b":                             "no login",
		"s3://k:geheim@r":                        "region and the name of the bucket",
		"s3://k:geheim@r/b/c":                    "region and the name of the bucket",
		"s3://k:geheim@/b":                       "region and the name of the bucket",
		"s3://k:geheim@r/b?endpoint=h:9000":      "endpoint is https://host",
		"s3://k:geheim@r/b?endpoint=ftp://h":     "endpoint is https://host",
		"s3://k:geheim@r/b?endpoint=http://h/x":  "endpoint is https://host",
		"s3://k:geheim@r/b?endpoint=http://h:x/": "endpoint is https://host",
	} {
		a, err := ParseAddress(text)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "geheim") || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q: %v", text, err)
		}
		if !reflect.DeepEqual(a, Address{}) {
			t.Errorf("%q: an address with an error", text)
		}
	}
}

func TestAddressKeepsSecret(t *testing.T) {
	for _, text := range []string{"mysql://u:geheim@h/d", "postgresql://u:ge@geheim@h/d", "mongodb://u:geheim@h/d/c?tlsCertificateKeyFilePassword=geheim", "s3://k:geheim@r/b"} {
		a, err := ParseAddress(text)
		if err != nil {
			t.Fatal(err)
		}
		if shown := fmt.Sprintf("%s %v %+v", a, a, a); strings.Contains(shown, "geheim") {
			t.Error(shown)
		}
	}
}

func FuzzParseAddress(f *testing.F) {
	f.Add("mongodb://u:p@h1;h2/rs/d/c?x=y")
	f.Add("s3://k:s@r/b?endpoint=https://h:9000")
	f.Add("dir:///x?depth=3&compression=gzip")
	f.Fuzz(func(t *testing.T, text string) {
		a, err := ParseAddress(text)
		if err == nil && (a.String() == "" || a.Scheme == "" || strings.ContainsAny(a.String(), "\r\n\x00")) {
			t.Errorf("%q: %+v", text, a)
		}
	})
}
