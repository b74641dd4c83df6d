package config

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// Address is a URL in the style of config.md section 1: several hosts may be joined by semicolons, and user, password
// and path may be percent-encoded.
type Address struct {
	Scheme   string
	User     string
	Password Secret // for couchbase, where the address has a password alone, User is empty
	Hosts    []HostPort
	Path     string            // decoded, with its leading slash; empty when there is none
	Options  map[string]Secret // behind the question mark; of a name given twice the first value
	Raw      Secret            // as it was written, for a driver that reads addresses itself
}

// IsZero says that no address was given.
func (a Address) IsZero() bool { return a.Scheme == "" }

// String shows the address without its secrets.
func (a Address) String() string { return maskAddress(string(a.Raw)) }

// StoreAddress is the place of a message store (storage.md section 1), which package store reads.
type StoreAddress struct{ Raw Secret }

// IsZero says that no address was given.
func (a StoreAddress) IsZero() bool { return a.Raw == "" }

// String shows the address without its secrets.
func (a StoreAddress) String() string { return maskAddress(string(a.Raw)) }

// addressType takes one address with one of the schemes. Those that end in "!" have a path on this machine and no host.
func addressType(allowed string, schemes ...string) Type {
	return Type{Name: "address", Allowed: allowed, mask: maskAddress, empty: true, parse: func(raw string) (any, error) {
		if raw == "" {
			return Address{}, nil
		}
		return parseAddress(raw, schemes)
	}}
}

// databaseType is for the database of the settings: a file, or one server with the name of the database on it.
func databaseType() Type {
	t := addressType("sqlite:///path, mysql://user:password@host/db or postgresql://user:password@host/db", "sqlite!", "mysql", "postgresql")
	inner := t.parse
	t.parse = func(raw string) (any, error) {
		v, err := inner(raw)
		a, _ := v.(Address)
		switch name := strings.TrimPrefix(a.Path, "/"); {
		case err != nil || a.IsZero() || a.Scheme == "sqlite":
			return v, err
		case len(a.Hosts) != 1:
			return Address{}, errors.New("names several hosts, and a database is on one")
		case name == "" || strings.Contains(name, "/"):
			return Address{}, errors.New("does not name the database behind the host")
		}
		return v, nil
	}
	return t
}

// errors here never repeat a part of the value: any part may belong to a password.
func parseAddress(raw string, schemes []string) (Address, error) {
	scheme, rest, ok := strings.Cut(raw, "://")
	scheme = strings.ToLower(scheme)
	local := slices.Contains(schemes, scheme+"!")
	if !ok || !local && !slices.Contains(schemes, scheme) {
		return Address{}, errors.New("has none of the known schemes")
	}
	a := Address{Scheme: scheme, Raw: Secret(raw)}
	rest, query, _ := strings.Cut(rest, "?")
	authority, path, slash := strings.Cut(rest, "/")
	var err error
	if a.Options, err = parseOptions(query); err != nil {
		return Address{}, err
	}
	if slash {
		if a.Path, err = url.PathUnescape("/" + path); err != nil {
			return Address{}, errors.New("has a wrong percent-encoding in its path")
		}
	}
	if local {
		return a, localOnly(a, authority)
	}
	if socket := string(a.Options["host"]); a.hasSockets() && strings.HasPrefix(socket, "/") {
		return a, a.setSocket(authority, socket)
	}
	err = a.setAuthority(authority)
	return a, err
}

// hasSockets says whether the server may be reached by a unix socket too. Its path (of PostgreSQL its folder) stands in place of the
// host, percent-encoded, or behind ?host=: libpq has both.
func (a *Address) hasSockets() bool { return a.Scheme == "mysql" || a.Scheme == "postgresql" }

func (a *Address) setSocket(authority, path string) error {
	info, alone := strings.CutSuffix(authority, "@")
	if !alone && authority != "" {
		return errors.New("names a host before the / and another behind ?host=")
	}
	a.Hosts = []HostPort{{Host: path}}
	return a.setUser(info)
}

func parseOptions(query string) (map[string]Secret, error) {
	values, err := url.ParseQuery(query)
	if err != nil {
		return nil, errors.New("has options that are not name=value")
	}
	options := make(map[string]Secret, len(values))
	for name := range values {
		options[name] = Secret(values.Get(name))
	}
	return options, nil
}

func localOnly(a Address, authority string) error {
	if authority != "" || len(a.Path) < 2 {
		return fmt.Errorf("needs three slashes and a path, as in %s:///path", a.Scheme)
	}
	return nil
}

func (a *Address) setAuthority(authority string) error {
	hosts := authority
	if at := strings.LastIndexByte(authority, '@'); at >= 0 {
		hosts = authority[at+1:]
		if err := a.setUser(authority[:at]); err != nil {
			return err
		}
	}
	for _, item := range splitList(hosts, ";") {
		h, err := a.parseHost(item)
		if err != nil {
			return errors.New("has a host or port that is none (a /, @, ? or % in a password must be percent-encoded)")
		}
		a.Hosts = append(a.Hosts, h)
	}
	if len(a.Hosts) == 0 {
		return errors.New("has no host")
	}
	return nil
}

func (a *Address) parseHost(item string) (HostPort, error) {
	host, port, _ := strings.Cut(item, ":")
	path, err := url.PathUnescape(host)
	if !a.hasSockets() || err != nil || !strings.HasPrefix(path, "/") || hasControl(path) {
		return parseHostPort(item)
	}
	h := HostPort{Host: path}
	if port == "" {
		return h, nil
	}
	if h.Port, err = portNumber(port); h.Port == 0 {
		err = errors.New("has no valid port")
	}
	return h, err
}

func (a *Address) setUser(info string) error {
	user, password, both := strings.Cut(info, ":")
	if a.Scheme == "couchbase" && !both {
		user, password = "", info
	}
	u, err1 := url.PathUnescape(user)
	p, err2 := url.PathUnescape(password)
	if err1 != nil || err2 != nil || hasControl(u) || hasControl(p) {
		return errors.New("has a wrong percent-encoding in user or password")
	}
	a.User, a.Password = u, Secret(p)
	return nil
}

// splitAddresses splits at the commas that begin a new address; others may be part of a password.
func splitAddresses(raw string) []string {
	var parts []string
	for item := range strings.SplitSeq(raw, ",") {
		scheme, _, ok := strings.Cut(item, "://")
		if len(parts) > 0 && (!ok || !isScheme(strings.Trim(scheme, " \t"))) {
			parts[len(parts)-1] += "," + item
			continue
		}
		parts = append(parts, strings.Trim(item, " \t"))
	}
	return parts
}

func isScheme(s string) bool {
	return s != "" && strings.Trim(strings.ToLower(s), "abcdefghijklmnopqrstuvwxyz0123456789") == ""
}
