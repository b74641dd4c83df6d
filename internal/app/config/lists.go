package config

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
)

// PortRange is a run of ports, both ends included. First 0 lets the system choose one.
type PortRange struct {
	First, Last uint16
}

// HostPort is a host name or address with a port; 0 when none was given.
type HostPort struct {
	Host string
	Port uint16
}

// PrefixPort is an address range, perhaps narrowed to one port; 0 is every port.
type PrefixPort struct {
	Prefix netip.Prefix
	Port   uint16
}

// maxPorts bounds the listeners of one key.
const maxPorts = 1024

// The types of ports, addresses and lists.
var (
	portType     = Type{Name: "port", Allowed: "a port from 0 to 65535", parse: parsePort}
	realPortType = Type{Name: "port", Allowed: "a port from 1 to 65535", parse: parseRealPort}
	portListType = Type{Name: "port list", Allowed: "ports and ranges such as 25,2525,1024-1026, at most 1024 ports", parse: parsePorts, empty: true}
	ipType       = Type{Name: "IP", Allowed: "an IP address", parse: parseIP}
	ipListType   = Type{Name: "IP list", Allowed: "IP addresses, separated by semicolons", parse: parseIPs, empty: true}
	rangesType   = Type{Name: "range list", Allowed: "IP addresses and CIDR ranges, separated by semicolons", parse: parsePrefixes, empty: true}
	portRanges   = Type{Name: "range list", Allowed: "IP addresses and CIDR ranges, each with :port if wanted, separated by commas", parse: parsePrefixPorts, empty: true}
	hostsType    = Type{Name: "list", Allowed: "hosts, each with :port if wanted, separated by commas", parse: parseHosts, empty: true}
	hostType     = Type{Name: "host", Allowed: "a host name or IP address", parse: parseHost, mask: maskHost, empty: true}
	waitsType    = Type{Name: "word list", Allowed: "times in seconds (or with s, m, h, d) above zero, separated by commas", parse: parseWaits}
	outputsType  = Type{Name: "list", Allowed: "stdout, stderr, syslog and absolute file paths, separated by commas", parse: parseOutputs, empty: true}
)

func parsePort(raw string) (any, error) { return portNumber(raw) }

func parseRealPort(raw string) (any, error) {
	n, err := portNumber(raw)
	if err == nil && n == 0 {
		return n, errors.New("port 0 cannot be connected to")
	}
	return n, err
}

func portNumber(raw string) (uint16, error) {
	n, err := strconv.ParseUint(raw, 10, 16)
	if err != nil {
		return 0, errors.New("is not a port")
	}
	return uint16(n), nil
}

func parsePorts(raw string) (any, error) {
	var list []PortRange
	count := 0
	for _, item := range splitList(raw, ",;") {
		first, last, isRange := strings.Cut(item, "-")
		low, err := portNumber(strings.TrimSpace(first))
		high := low
		if err == nil && isRange {
			high, err = portNumber(strings.TrimSpace(last))
		}
		if err != nil {
			return list, fmt.Errorf("%q is neither a port nor a range of ports", item)
		}
		if low > high || isRange && low == 0 {
			return list, fmt.Errorf("the range %q is empty", item)
		}
		if count += int(high) - int(low) + 1; count > maxPorts {
			return list, errors.New("are too many ports")
		}
		list = append(list, PortRange{low, high})
	}
	return list, nil
}

// splitList drops blanks and empty items.
func splitList(raw, separators string) []string {
	items := strings.FieldsFunc(raw, func(r rune) bool { return strings.ContainsRune(separators, r) })
	for i := range items {
		items[i] = strings.Trim(items[i], " \t")
	}
	return slices.DeleteFunc(items, func(s string) bool { return s == "" })
}

func parseIP(raw string) (any, error) {
	a, err := netip.ParseAddr(raw)
	if err != nil {
		return a, errors.New("is not an IP address")
	}
	return a.Unmap(), nil
}

func parseIPs(raw string) (any, error) {
	var list []netip.Addr
	for _, item := range splitList(raw, ";,") {
		a, err := netip.ParseAddr(item)
		if err != nil || a.Zone() != "" {
			return list, fmt.Errorf("%q is not an IP address", item)
		}
		list = append(list, a.Unmap())
	}
	return list, nil
}

func parsePrefixes(raw string) (any, error) {
	var list []netip.Prefix
	for _, item := range splitList(raw, ";,") {
		p, err := prefixOf(item)
		if err != nil {
			return list, err
		}
		list = append(list, p)
	}
	return list, nil
}

// prefixOf takes a bare address as a range of one, and cuts host bits off.
func prefixOf(item string) (netip.Prefix, error) {
	if a, err := netip.ParseAddr(item); err == nil && a.Zone() == "" {
		a = a.Unmap()
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	p, err := netip.ParsePrefix(item)
	if err != nil || p.Addr().Is4In6() {
		return netip.Prefix{}, fmt.Errorf("%q is neither an IP address nor a CIDR range", item)
	}
	return p.Masked(), nil
}

func parsePrefixPorts(raw string) (any, error) {
	var list []PrefixPort
	for _, item := range splitList(raw, ";,") {
		p, err := prefixPortOf(item)
		if err != nil {
			return list, err
		}
		list = append(list, p)
	}
	return list, nil
}

func prefixPortOf(item string) (PrefixPort, error) {
	if p, err := prefixOf(item); err == nil {
		return PrefixPort{Prefix: p}, nil
	}
	i := strings.LastIndexByte(item, ':')
	if i < 0 {
		return PrefixPort{}, fmt.Errorf("%q is no range", item)
	}
	port, err := portNumber(item[i+1:])
	if err != nil || port == 0 {
		return PrefixPort{}, fmt.Errorf("%q has no valid port", item)
	}
	p, err := prefixOf(strings.NewReplacer("[", "", "]", "").Replace(item[:i]))
	return PrefixPort{p, port}, err
}

func parseWaits(raw string) (any, error) {
	var list []time.Duration
	for _, item := range splitList(raw, ",;") {
		v, err := parseSeconds(item)
		d := v.(time.Duration)
		if err != nil || d == 0 {
			return list, fmt.Errorf("%q is not a time above zero", item)
		}
		list = append(list, d)
	}
	if len(list) == 0 || len(list) > 1000 {
		return list, errors.New("is not a list of 1 to 1000 times")
	}
	return list, nil
}

func parseOutputs(raw string) (any, error) {
	list := splitList(raw, ",")
	for i, item := range list {
		switch lower := strings.ToLower(item); {
		case lower == "stdout", lower == "stderr", lower == "syslog":
			list[i] = lower
		case !strings.HasPrefix(item, "/"):
			return list, fmt.Errorf("%q is neither an output nor an absolute path", item)
		}
	}
	return list, nil
}
