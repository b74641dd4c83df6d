package config

import (
	"errors"
	"fmt"
	"strings"
)

// Login is a user name with its password.
type Login struct {
	User     string
	Password Secret
}

// Auth says how logins are checked (config.md section 3.15). The zero value has no Kind: nothing is configured.
type Auth struct {
	Kind    string   // hardcoded, ldap, radius, users, http, https, file or exec
	Logins  []Login  // of hardcoded
	Users   []string // of users: names of system users, perhaps with wildcards
	Address Address  // of the other kinds
}

// IsZero says that there is no such key.
func (a Auth) IsZero() bool { return a.Kind == "" }

var authType = Type{
	Name: "auth string",
	Allowed: "hardcoded://user:password,…, ldap://host:389/base_dn, radius://identifier:secret@host:1812, users://user1,client*, " +
		"http://host:80/path, file:///path or exec:///path",
	parse: parseAuth, mask: maskAddress, empty: true,
}

func parseAuth(raw string) (any, error) {
	if raw == "" {
		return Auth{}, nil
	}
	kind, rest, _ := strings.Cut(raw, "://")
	a := Auth{Kind: strings.ToLower(kind)}
	var err error
	switch a.Kind {
	case "hardcoded":
		a.Logins, err = parseLogins(rest)
	case "users":
		if a.Users = splitList(rest, ","); len(a.Users) == 0 {
			err = errors.New("names no user")
		}
	default:
		a.Address, err = parseAddress(raw, []string{"ldap", "radius", "http", "https", "file!", "exec!"})
	}
	if a.Kind == "radius" && err == nil && a.Address.Password == "" {
		err = errors.New("has no secret")
	}
	if err != nil {
		return Auth{}, err
	}
	return a, nil
}

func parseLogins(list string) ([]Login, error) {
	var logins []Login
	for i, item := range splitList(list, ",") {
		user, password, ok := strings.Cut(item, ":")
		if !ok || user == "" || password == "" {
			// The item is not shown: a password with a comma would be part of it.
			return nil, fmt.Errorf("has an entry that is not user:password (number %d)", i+1)
		}
		logins = append(logins, Login{user, Secret(password)})
	}
	if len(logins) == 0 {
		return nil, errors.New("names no user")
	}
	return logins, nil
}
