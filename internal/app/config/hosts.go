package config

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
)

func parseHosts(raw string) (any, error) {
	var list []HostPort
	for _, item := range splitList(raw, ";,") {
		h, err := parseHostPort(item)
		if err != nil {
			return list, fmt.Errorf("%q: %w", item, err)
		}
		list = append(list, h)
	}
	return list, nil
}

func parseHost(raw string) (any, error) {
	if raw == "" {
		return "", nil
	}
	h, err := parseHostPort(raw)
	if err == nil && h.Port != 0 {
		err = errors.New("has a port, which has a key of its own")
	}
	return h.Host, err
}

// parseHostPort takes name, IPv4, IPv6, each with :port; an IPv6 address with a port needs brackets.
func parseHostPort(item string) (HostPort, error) {
	if a, err := netip.ParseAddr(item); err == nil {
		return HostPort{Host: a.Unmap().String()}, nil
	}
	host, port, hasPort := item, "", false
	if rest, ok := strings.CutPrefix(item, "["); ok {
		inner, after, closed := strings.Cut(rest, "]")
		a, err := netip.ParseAddr(inner)
		if !closed || err != nil {
			return HostPort{}, errors.New("is not an IPv6 address in brackets")
		}
		host = a.Unmap().String()
		if after != "" {
			port, hasPort = strings.CutPrefix(after, ":")
			if !hasPort {
				return HostPort{}, errors.New("is not an IPv6 address in brackets")
			}
		}
	} else {
		host, port, hasPort = strings.Cut(item, ":")
		if !isHostName(host) {
			return HostPort{}, errors.New("is not a host")
		}
	}
	if !hasPort {
		return HostPort{Host: host}, nil
	}
	n, err := portNumber(port)
	if err != nil || n == 0 {
		return HostPort{}, errors.New("has no valid port")
	}
	return HostPort{host, n}, nil
}

// isHostName is loose: underscores and UTF-8 occur in names of containers and in internationalised names.
func isHostName(s string) bool {
	return s != "" && len(s) <= 253 && !strings.ContainsFunc(s, func(r rune) bool {
		return r <= ' ' || strings.ContainsRune("/\\@:?#[]<>\"'%,;*$", r) || r == 0x7f
	})
}
