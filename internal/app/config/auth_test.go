package config

import (
	"strings"
	"testing"
)

func TestAuthStrings(t *testing.T) {
	for raw, want := range map[string]Auth{
		"":                                 {},
		"hardcoded://a:b, c:d:e":           {Kind: "hardcoded", Logins: []Login{{"a", "b"}, {"c", "d:e"}}},
		"FILE:///etc/logins":               {Kind: "file", Address: Address{Path: "/etc/logins"}},
		"exec:///usr/local/bin/check%20it": {Kind: "exec", Address: Address{Path: "/usr/local/bin/check it"}},
		"http://host:80/path?a=b":          {Kind: "http", Address: Address{Path: "/path"}},
		"https://host":                     {Kind: "https"},
		"ldap://host/ou=people,dc=example": {Kind: "ldap", Address: Address{Path: "/ou=people,dc=example"}},
		"ldaps://host:1/ou=a%20b,dc=c":     {Kind: "ldaps", Address: Address{Path: "/ou=a b,dc=c"}},
	} {
		got, err := parseAuth(raw)
		a, _ := got.(Auth)
		if err != nil || a.Kind != want.Kind || len(a.Logins) != len(want.Logins) || a.Address.Path != want.Address.Path {
			t.Errorf("%s: %+v %v", raw, got, err)
		}
		for i, l := range want.Logins {
			if a.Logins[i] != l {
				t.Errorf("%s: login %d is %+v", raw, i, a.Logins[i])
			}
		}
	}
}

// TestWrongAuthStrings: no error repeats what may be a password.
func TestWrongAuthStrings(t *testing.T) {
	for raw, want := range map[string]string{
		"hardcoded://":           "names no user",
		"hardcoded://geheim":     "not user:password",
		"hardcoded://a:b,geheim": "number 2",
		"users://geheim,b":       "not supported",
		"radius://a:geheim@host": "not supported",
		"Radius://a:geheim@host": "not supported",
		"exec://geheim":          "three slashes",
		"file://geheim/x":        "three slashes",
		"geheim":                 "schemes",
		"nis://geheim":           "schemes",
		"ldap://":                "no host",
		"ldap://host":            "base_dn",
		"ldap://host/":           "base_dn",
		"ldap://a:geheim@host/b": "user of its own",
		"http://a:geheim@host/":  "user of its own",
		"https://:geheim@host/":  "user of its own",
		"http://host;geheim/":    "several hosts",
	} {
		if a, err := parseAuth(raw); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "geheim") {
			t.Errorf("%s: %+v %v", raw, a, err)
		}
	}
}

func TestDirectory(t *testing.T) {
	for raw, want := range map[string][2]string{
		"ldap://host/dc=a,dc=b":  {"ldap://host:389", "dc=a,dc=b"},
		"ldaps://[::1]/dc=a%2Cb": {"ldaps://[::1]:636", "dc=a,b"},
		"ldaps://host:1636/o=x":  {"ldaps://host:1636", "o=x"},
	} {
		a, err := parseAuth(raw)
		if err != nil {
			t.Fatal(raw, err)
		}
		if server, base := a.(Auth).Directory(); server != want[0] || base != want[1] {
			t.Errorf("%s: %s %s", raw, server, base)
		}
	}
}
