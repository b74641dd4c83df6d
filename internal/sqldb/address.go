package sqldb

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// address of a database in its parts, decoded.
type address struct {
	scheme         string // a key of dialects
	user, password string
	host           string // begins with / = unix socket
	port           string // empty = the usual one
	name           string // of the database; the path of SQLite's file
	sslmode        string // one of sslmodes
}

// String is the address without the password, and without what would break a line.
func (a address) String() string {
	if a.scheme == "sqlite" {
		return (&url.URL{Scheme: a.scheme, Path: a.name}).String()
	}
	host := escape(a.host)
	if _, err := netip.ParseAddr(a.host); err == nil && strings.Contains(a.host, ":") {
		host = "[" + strings.ReplaceAll(a.host, "%", "%25") + "]"
	}
	if a.port != "" {
		host += ":" + a.port
	}
	return a.scheme + "://" + escape(a.user) + "@" + host + "/" + escape(a.name)
}

func escape(part string) string {
	return strings.NewReplacer(":", "%3A", "@", "%40").Replace(url.PathEscape(part))
}

var sslmodes = []string{"disable", "prefer", "require", "verify-full"}

// parse reads an address. It is more lenient than net/url: a password may have any character, only % and what ends an address (@ in
// the database's name) need encoding. Errors say what is wrong and quote nothing that could be the password.
func parse(text string) (address, error) {
	scheme, rest, found := strings.Cut(text, "://")
	scheme = strings.ToLower(scheme)
	if scheme == "postgres" {
		scheme = "postgresql"
	}
	switch {
	case !found || dialects[scheme] == nil:
		return address{}, errors.New("a database address begins with sqlite:///, mysql:// or postgresql://")
	case scheme == "sqlite":
		return parseFile(rest)
	}
	a, err := parseServer(rest)
	a.scheme = scheme
	if err != nil {
		return address{}, fmt.Errorf("%s address: %w", scheme, err)
	}
	return a, nil
}

func parseFile(rest string) (address, error) {
	path, err := decode("path", rest)
	switch {
	case err != nil:
		return address{}, fmt.Errorf("sqlite address: %w", err)
	case !strings.HasPrefix(path, "/") || strings.HasSuffix(path, "/"):
		return address{}, errors.New("sqlite address: it has three slashes and the path of a file, as in sqlite:///var/lib/settings.db")
	}
	return address{scheme: "sqlite", name: path}, nil
}

// parseServer reads user:password@host:port/name?sslmode=…&host=…
func parseServer(rest string) (address, error) {
	var a address
	login, place := "", rest
	if at := strings.LastIndexByte(rest, '@'); at >= 0 {
		login, place = rest[:at], rest[at+1:]
	}
	user, password, _ := strings.Cut(login, ":")
	place, query, _ := strings.Cut(place, "?")
	host, name, _ := strings.Cut(place, "/")
	host, port, err := splitPort(host)
	if err != nil {
		return a, err
	}
	for _, part := range []struct {
		what, text string
		to         *string
	}{{"user", user, &a.user}, {"password", password, &a.password}, {"host", host, &a.host}, {"port", port, &a.port}, {"name of the database", name, &a.name}} {
		if *part.to, err = decode(part.what, part.text); err != nil {
			return a, err
		}
	}
	if err = a.parseQuery(query); err != nil {
		return a, err
	}
	switch {
	case a.user == "":
		return a, errors.New("it has no user, as in user:password@host/name")
	case a.host == "":
		return a, errors.New("it has no host")
	case a.name == "" || strings.Contains(a.name, "/"):
		return a, errors.New("behind the host stands the name of one database")
	}
	return a, nil
}

// splitPort takes the port off; an IPv6 address stands in brackets.
func splitPort(text string) (host, port string, err error) {
	if !strings.Contains(text, ":") {
		return text, "", nil
	}
	if strings.HasPrefix(text, "[") && strings.HasSuffix(text, "]") {
		return text[1 : len(text)-1], "", nil
	}
	if host, port, err = net.SplitHostPort(text); err != nil {
		return "", "", errors.New("bad host or port")
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return "", "", errors.New("bad port")
	}
	return host, port, nil
}

// parseQuery takes sslmode, and the path of a unix socket as host, which libpq has there too.
func (a *address) parseQuery(query string) error {
	a.sslmode = "prefer"
	if query == "" {
		return nil
	}
	for option := range strings.SplitSeq(query, "&") {
		name, value, _ := strings.Cut(option, "=")
		switch {
		case name == "sslmode" && slices.Contains(sslmodes, value):
			a.sslmode = value
		case name == "host" && a.host == "":
			path, err := decode("host", value)
			if err != nil {
				return err
			}
			if !strings.HasPrefix(path, "/") {
				return errors.New("behind ?host= stands the path of a unix socket")
			}
			a.host = path
		default:
			return fmt.Errorf("behind ? stands sslmode=%s, or host= with the path of a unix socket where no host is named", strings.Join(sslmodes, "|"))
		}
	}
	return nil
}

func decode(what, text string) (string, error) {
	plain, err := url.PathUnescape(text)
	if err != nil {
		return "", fmt.Errorf("the %s has a %% that is not percent-encoding (write %%25)", what)
	}
	if strings.ContainsAny(plain, "\x00\r\n") {
		return "", fmt.Errorf("the %s has a control character", what)
	}
	return plain, nil
}
