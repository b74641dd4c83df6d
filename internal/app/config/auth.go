package config

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
)

// Login is a user name with its password.
type Login struct {
	User     string
	Password Secret
}

// Auth says how logins are checked (config.md section 3.15). The zero value has no Kind: nothing is configured.
type Auth struct {
	Kind    string  // hardcoded, ldap, ldaps, http, https, file or exec
	Logins  []Login // of hardcoded
	Address Address // of the other kinds
}

// IsZero says that there is no such key.
func (a Auth) IsZero() bool { return a.Kind == "" }

// Directory is the server of an LDAP address and the name under which its users are.
func (a Auth) Directory() (server, base string) {
	h := a.Address.Hosts[0]
	usual := map[string]uint16{"ldap": 389, "ldaps": 636}[a.Kind]
	port := strconv.Itoa(int(cmp.Or(h.Port, usual)))
	return a.Kind + "://" + net.JoinHostPort(h.Host, port), strings.TrimPrefix(a.Address.Path, "/")
}

var authType = Type{
	Name:    "auth string",
	Allowed: "hardcoded://user:password,…, file:///path, http://host/path, https://host/path, exec:///path, ldap://host/base_dn or ldaps://host/base_dn",
	parse:   parseAuth, mask: maskAddress, empty: true,
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
	case "radius", "users":
		err = errors.New("is a way to check logins that is not supported: exec can ask such a server by a program")
	default:
		if a.Address, err = parseAddress(raw, []string{"ldap", "ldaps", "http", "https", "file!", "exec!"}); err == nil {
			err = checkAuthAddress(&a.Address)
		}
	}
	if err != nil {
		return Auth{}, err
	}
	return a, nil
}

// checkAuthAddress: the user that logs in is the only one, and the server too.
func checkAuthAddress(a *Address) error {
	switch {
	case a.User != "" || a.Password != "":
		return errors.New("has a user of its own")
	case len(a.Hosts) > 1:
		return errors.New("names several hosts")
	case strings.HasPrefix(a.Scheme, "ldap") && len(a.Path) < 2:
		return errors.New("does not name the base_dn behind the host, under which the users are")
	}
	return nil
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
