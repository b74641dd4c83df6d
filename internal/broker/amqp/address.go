package amqp

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"

	amqp091 "github.com/rabbitmq/amqp091-go"
)

// node is one member of the broker's cluster.
type node struct {
	url  string // with the password: never printed
	name string // without login, for logs and errors
}

// errAddress says nothing of the address itself, which may hold a password.
var errAddress = errors.New("address of the broker cannot be read: amqp://user:password@host:port/vhost is wanted, with reserved characters of user and password percent-encoded")

// parseAddress reads rabbitmq-address: one address, complete addresses joined by commas, or one address with hosts joined by
// semicolons (queues.md section 5). Errors do not repeat the address.
func parseAddress(address string) ([]node, error) {
	var nodes []node
	for _, one := range splitAddresses(address) {
		urls, err := splitHosts(one)
		if err != nil {
			return nil, err
		}
		for _, u := range urls {
			uri, err := amqp091.ParseURI(u)
			if err != nil {
				return nil, errAddress
			}
			host := net.JoinHostPort(uri.Host, strconv.Itoa(uri.Port))
			nodes = append(nodes, node{url: u, name: fmt.Sprintf("%s://%s/%s", uri.Scheme, host, strings.TrimPrefix(uri.Vhost, "/"))})
		}
	}
	if len(nodes) == 0 {
		return nil, errAddress
	}
	return nodes, nil
}

// splitAddresses cuts at commas that begin a new address; a comma in a password stays.
func splitAddresses(s string) []string {
	var parts []string
	for _, piece := range strings.Split(s, ",") {
		trimmed := strings.TrimSpace(piece)
		switch {
		case strings.HasPrefix(trimmed, "amqp://") || strings.HasPrefix(trimmed, "amqps://"):
			parts = append(parts, trimmed)
		case len(parts) > 0 && trimmed != "":
			parts[len(parts)-1] += "," + piece
		case trimmed != "":
			parts = append(parts, trimmed)
		}
	}
	return parts
}

// splitHosts makes one address for each host of "scheme://login@h1;h2;h3/vhost".
func splitHosts(address string) ([]string, error) {
	scheme, rest, ok := strings.Cut(address, "://")
	if !ok {
		return nil, errAddress
	}
	authority, path := rest, ""
	if i := strings.IndexByte(rest, '/'); i >= 0 {
		authority, path = rest[:i], rest[i:]
	}
	login := ""
	if i := strings.LastIndexByte(authority, '@'); i >= 0 {
		login, authority = authority[:i+1], authority[i+1:]
	}
	var urls []string
	for _, host := range strings.Split(authority, ";") {
		urls = append(urls, scheme+"://"+login+strings.TrimSpace(host)+path)
	}
	return urls, nil
}
