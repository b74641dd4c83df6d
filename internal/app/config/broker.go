package config

import (
	"errors"
	"net"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
)

// Node is one node of a RabbitMQ cluster.
type Node struct {
	TLS      bool
	Host     string
	Port     uint16 // never 0: 5672, with TLS 5671, when the address has none
	User     string
	Password Secret
	VHost    string // "/" when the address has none
}

// URL is the address of the node as an AMQP client library reads it. It holds the password.
func (n Node) URL() string {
	scheme := "amqp"
	if n.TLS {
		scheme = "amqps"
	}
	host := net.JoinHostPort(n.Host, strconv.Itoa(int(n.Port)))
	return scheme + "://" + url.UserPassword(n.User, n.Password.Reveal()).String() + "@" + host + "/" + url.PathEscape(n.VHost)
}

// String names the node without its password.
func (n Node) String() string {
	return n.User + "@" + net.JoinHostPort(n.Host, strconv.Itoa(int(n.Port))) + " vhost " + n.VHost
}

// Broker is a parsed rabbitmq-address or cluster-address: nodes to try in turn, or the embedded queue.
type Broker struct {
	Nodes     []Node
	LocalPath string // of local:///path; empty otherwise
}

var brokerType = Type{
	Name:    "address",
	Allowed: "amqp://user:password@host/vhost or amqps://…, several hosts joined by semicolons or several addresses by commas, or local:///path",
	parse:   func(raw string) (any, error) { return parseBroker(raw, true) },
	mask:    maskAddresses, empty: true,
}

var clusterType = Type{
	Name:    "address",
	Allowed: "amqp://user:password@host/vhost or amqps://…, several hosts joined by semicolons or several addresses by commas",
	parse:   func(raw string) (any, error) { return parseBroker(raw, false) },
	mask:    maskAddresses, empty: true,
}

// parseBroker takes the spellings of all versions (queues.md section 5).
func parseBroker(raw string, local bool) (Broker, error) {
	var b Broker
	if raw == "" {
		return b, nil
	}
	schemes := []string{"amqp", "amqps"}
	if local {
		schemes = append(schemes, "local!")
	}
	for _, part := range splitAddresses(raw) {
		a, err := parseAddress(part, schemes)
		if err != nil {
			return Broker{}, err
		}
		if a.Scheme == "local" {
			b.LocalPath = filepath.Clean(a.Path)
			continue
		}
		nodes, err := nodesOf(a)
		if err != nil {
			return Broker{}, err
		}
		b.Nodes = append(b.Nodes, nodes...)
	}
	if b.LocalPath != "" && len(b.Nodes) > 0 || b.LocalPath == "/" {
		return Broker{}, errors.New("local:/// stands alone and names a directory")
	}
	return b, nil
}

func nodesOf(a Address) ([]Node, error) {
	if len(a.Options) > 0 {
		return nil, errors.New("has options, and there are none for a broker")
	}
	n := Node{TLS: a.Scheme == "amqps", User: a.User, Password: a.Password, VHost: strings.TrimPrefix(a.Path, "/")}
	if n.VHost == "" {
		n.VHost = "/"
	}
	if n.User == "" {
		n.User, n.Password = "guest", "guest"
	}
	nodes := make([]Node, 0, len(a.Hosts))
	for _, h := range a.Hosts {
		n.Host, n.Port = h.Host, h.Port
		switch {
		case n.Port == 0 && n.TLS:
			n.Port = 5671
		case n.Port == 0:
			n.Port = 5672
		}
		nodes = append(nodes, n)
	}
	return nodes, nil
}

// oldBroker builds the address from the four keys of 3.0 (config.md section 4).
func oldBroker(host, user, password, vhost string) (Broker, error) {
	if host == "" {
		host = "localhost"
	}
	address := "amqp://"
	if user != "" {
		address += url.UserPassword(user, password).String() + "@"
	}
	address += host + "/"
	if vhost != "/" {
		address += url.PathEscape(strings.TrimPrefix(vhost, "/"))
	}
	return parseBroker(address, false)
}
