package control

import (
	"net/netip"
	"strconv"
	"strings"

	"posthoorn/internal/mail"
)

// whatDestination tells the operator what would have been understood.
const whatDestination = "expected is a domain such as example.com, a smarthost with its port such as relay.example.com:587, or an IP address"

// Destination is the key of a destination as the engine has it, from what an operator writes. The error says what was expected.
func Destination(text string) (string, error) { return destination(text) }

// destination is the key of a destination as the engine has it: the domain in A-labels and lower case, an address literal
// for mail to a bare IP address, or host and port of a smarthost.
func destination(text string) (string, error) {
	if ip, ok := address(text); ok {
		return literal(ip)
	}
	if host, port, ok := hostPort(text); ok {
		name, err := hostName(host, text)
		return name + ":" + strconv.Itoa(int(port)), err
	}
	return domain(text)
}

// address takes an IP address in any spelling, in the brackets of SMTP too.
func address(text string) (netip.Addr, bool) {
	inner, ok := strings.CutPrefix(text, "[")
	if ok {
		if inner, ok = strings.CutSuffix(inner, "]"); !ok {
			return netip.Addr{}, false
		}
		if len(inner) > 5 && strings.EqualFold(inner[:5], "IPv6:") {
			inner = inner[5:]
		}
	}
	ip, err := netip.ParseAddr(inner)
	return ip.Unmap(), err == nil
}

func literal(ip netip.Addr) (string, error) {
	if err := usable(ip); err != nil {
		return "", err
	}
	if ip.Is4() {
		return "[" + ip.String() + "]", nil
	}
	return "[IPv6:" + ip.String() + "]", nil
}

// usable refuses what is no address of one machine.
func usable(ip netip.Addr) error {
	if ip.Zone() != "" || ip.IsUnspecified() || ip.IsMulticast() {
		return usage("%s is not the IP address of a machine", visible(ip.String()))
	}
	return nil
}

// hostPort tells a smarthost from a domain: it ends in a colon and a number.
func hostPort(text string) (host string, port uint16, ok bool) {
	colon := strings.LastIndexByte(text, ':')
	if colon < 0 {
		return "", 0, false
	}
	n, err := strconv.ParseUint(text[colon+1:], 10, 16)
	return text[:colon], uint16(n), err == nil && n > 0
}

// hostName is the host of a smarthost; an IPv6 address stands in brackets before its port, and without them in the key.
func hostName(host, whole string) (string, error) {
	ip, ok := address(host)
	switch {
	case ok && ip.Is6() && host[0] != '[':
		return "", usage("%s: an IPv6 address before a port stands in brackets, as in [2001:db8::1]:25", shown(whole))
	case ok:
		return ip.String(), usable(ip)
	}
	return domain(host)
}

func domain(text string) (string, error) {
	if strings.Contains(text, "@") {
		return "", usage("%s is not a destination: name the domain alone; %s", shown(text), whatDestination)
	}
	_, ascii, err := mail.ParseDomain(strings.TrimSuffix(text, "."))
	if err != nil || ascii[0] == '[' || isNumber(ascii[strings.LastIndexByte(ascii, '.')+1:]) {
		return "", usage("%s is not a destination: %s", shown(text), whatDestination)
	}
	return ascii, nil
}

// isNumber: no top-level domain is one, and an address with a digit too many must not pass as a domain.
func isNumber(label string) bool { return strings.Trim(label, "0123456789") == "" }

// shown quotes what the operator wrote, shortened.
func shown(text string) string { return `"` + visible(shorten(text, 100)) + `"` }
