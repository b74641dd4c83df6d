package sqldb

import (
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	for _, c := range []struct {
		text string
		want address
		show string
	}{
		{"sqlite:///var/lib/settings.db", address{scheme: "sqlite", name: "/var/lib/settings.db"}, ""},
		{"SQLite:///a%20b%3Fc.db", address{scheme: "sqlite", name: "/a b?c.db"}, "sqlite:///a%20b%3Fc.db"},
		{"sqlite:///a?b.db", address{scheme: "sqlite", name: "/a?b.db"}, "sqlite:///a%3Fb.db"},
		{"mysql://u:p@h/db", address{"mysql", "u", "p", "h", "", "db", "prefer"}, "mysql://u@h/db"},
		{"mysql://u@h/db", address{"mysql", "u", "", "h", "", "db", "prefer"}, "mysql://u@h/db"},
		{"mysql://u:@h:3307/db", address{"mysql", "u", "", "h", "3307", "db", "prefer"}, "mysql://u@h:3307/db"},
		{"mysql://u:p@ss:w/rd?#@h/db", address{"mysql", "u", "p@ss:w/rd?#", "h", "", "db", "prefer"}, "mysql://u@h/db"},
		{"mysql://a%3Ab:%25%40%2F+@h/d%40b", address{"mysql", "a:b", "%@/+", "h", "", "d@b", "prefer"}, "mysql://a%3Ab@h/d%40b"},
		{"postgres://u:p@[::1]:5433/db", address{"postgresql", "u", "p", "::1", "5433", "db", "prefer"}, "postgresql://u@[::1]:5433/db"},
		{"postgresql://u:p@[2001:db8::1]/db?sslmode=verify-full", address{"postgresql", "u", "p", "2001:db8::1", "", "db", "verify-full"}, "postgresql://u@[2001:db8::1]/db"},
		{"mysql://u:p@[fe80::1%25eth0]:3307/db", address{"mysql", "u", "p", "fe80::1%eth0", "3307", "db", "prefer"}, "mysql://u@[fe80::1%25eth0]:3307/db"},
		{"postgresql://u:p@%2Frun%2Fpostgresql/db", address{"postgresql", "u", "p", "/run/postgresql", "", "db", "prefer"}, "postgresql://u@%2Frun%2Fpostgresql/db"},
		{"postgresql://u:p@%2Frun:5433/db", address{"postgresql", "u", "p", "/run", "5433", "db", "prefer"}, "postgresql://u@%2Frun:5433/db"},
		{"postgresql://u@/db?host=/run/postgresql", address{"postgresql", "u", "", "/run/postgresql", "", "db", "prefer"}, "postgresql://u@%2Frun%2Fpostgresql/db"},
		{"mysql://u:p@/db?sslmode=disable&host=%2Frun%2Fmysqld%2Fmysqld.sock", address{"mysql", "u", "p", "/run/mysqld/mysqld.sock", "", "db", "disable"}, "mysql://u@%2Frun%2Fmysqld%2Fmysqld.sock/db"},
	} {
		a, err := parse(c.text)
		if err != nil || a != c.want {
			t.Errorf("%s: %#v, %v", c.text, a, err)
		}
		if c.show == "" {
			c.show = c.text
		}
		if a.String() != c.show {
			t.Errorf("%s shows as %s", c.text, a)
		}
	}
}

func TestParseErrors(t *testing.T) {
	for text, says := range map[string]string{
		"":                                     "begins with",
		"/var/lib/secret.db":                   "begins with",
		"oracle://u:secret@h/db":               "begins with",
		"mysql:u:secret@h/db":                  "begins with",
		"sqlite://secret.db":                   "three slashes",
		"sqlite:///":                           "three slashes",
		"sqlite:///secret/":                    "three slashes",
		"sqlite:///a%00secret":                 "control character",
		"mysql://h/db":                         "no user",
		"mysql://:secret@h/db":                 "no user",
		"mysql://u:secret@/db":                 "no host",
		"mysql://u:secret@h":                   "one database",
		"mysql://u:secret@h/":                  "one database",
		"mysql://u:secret@h/a/b":               "one database",
		"mysql://u:secret%@h/db":               "the password has a %",
		"mysql://u%zz:secret@h/db":             "the user has a %",
		"mysql://u:secret%0a@h/db":             "control character",
		"mysql://u:secret@h:/db":               "bad port",
		"mysql://u:secret@h:http/db":           "bad port",
		"mysql://u:secret@h:0/db":              "bad port",
		"mysql://u:secret@h:99999/db":          "bad port",
		"mysql://u:secret@h:1:2/db":            "bad host",
		"mysql://u:secret@[::1/db":             "bad host",
		"mysql://u:secret@h/db?parseTime=1":    "sslmode",
		"mysql://u:secret@h/db?sslmode=good":   "sslmode",
		"mysql://u:secret@h/db?host=/run/a":    "no host is named",
		"mysql://u:secret@/db?host=elsewhere":  "unix socket",
		"mysql://u:secret@/db?host=/a&host=/b": "no host is named",
	} {
		if _, err := parse(text); err == nil || !strings.Contains(err.Error(), says) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v, want %q", text, err, says)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("mysql://u:p@h/db")
	f.Add("postgresql://u:%25@[::1]:1/d?sslmode=disable")
	f.Add("sqlite:///%2f")
	f.Fuzz(func(t *testing.T, text string) {
		a, err := parse(text)
		if err != nil {
			return
		}
		if strings.ContainsAny(a.String(), "\r\n\x00") {
			t.Errorf("%q shows as %q", text, a)
		}
		// What is shown is an address again, less the password.
		again, err := parse(a.String())
		a.password, a.sslmode, again.sslmode = "", "", ""
		if err != nil || again != a {
			t.Errorf("%q shows as %q, which is %#v, %v", text, a, again, err)
		}
	})
}
