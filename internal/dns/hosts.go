package dns

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	mdns "github.com/miekg/dns"
)

// hosts is the hosts file, read again when it has changed. It is looked at once in five seconds at most.
type hosts struct {
	file string

	mu      sync.Mutex
	looked  time.Time
	changed time.Time
	names   map[string][]netip.Addr
}

func newHosts(file string) *hosts { return &hosts{file: file} }

func (h *hosts) find(name string) []netip.Addr {
	h.mu.Lock()
	defer h.mu.Unlock()
	if now := time.Now(); now.Sub(h.looked) > 5*time.Second {
		h.looked = now
		h.refresh()
	}
	return h.names[name]
}

// refresh keeps what is known when the file cannot be read: it may be just being written.
func (h *hosts) refresh() {
	f, err := os.Open(h.file)
	if err != nil {
		return
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && !info.ModTime().Equal(h.changed) {
		h.changed = info.ModTime()
		h.names = parseHosts(io.LimitReader(f, 4<<20))
	}
}

func parseHosts(r io.Reader) map[string][]netip.Addr {
	names := make(map[string][]netip.Addr)
	for lines := bufio.NewScanner(r); lines.Scan(); {
		line, _, _ := strings.Cut(lines.Text(), "#")
		fields := strings.Fields(line)
		if len(fields) < 2 {
			continue
		}
		addr, err := netip.ParseAddr(fields[0])
		if err != nil || addr.Zone() != "" {
			continue
		}
		for _, f := range fields[1:] {
			name := canonical(f)
			names[name] = append(names[name], addr.Unmap())
		}
	}
	return names
}

// serversOf reads the name servers, and whether to rotate over them: from the options, what is missing from
// resolv.conf.
func serversOf(o Options) ([]netip.AddrPort, bool, error) {
	list, rotate := o.Servers, false
	if len(list) == 0 || o.Rotate == nil {
		conf, err := mdns.ClientConfigFromFile(o.ResolvConf)
		if err != nil && !os.IsNotExist(err) {
			return nil, false, fmt.Errorf("dns: %s: %w", o.ResolvConf, err)
		}
		if err == nil {
			rotate = rotates(o.ResolvConf)
			if len(list) == 0 {
				list = conf.Servers
			}
		}
	}
	if len(list) == 0 {
		list = []string{"127.0.0.1"}
	}
	if o.Rotate != nil {
		rotate = *o.Rotate
	}
	servers := make([]netip.AddrPort, 0, len(list))
	for _, s := range list {
		server, err := serverAddr(s)
		if err != nil {
			return nil, false, fmt.Errorf("dns: name server %q: %w", s, err)
		}
		servers = append(servers, server)
	}
	return servers, rotate, nil
}

// rotates looks for the option that miekg/dns does not read.
func rotates(file string) bool {
	text, err := os.ReadFile(file)
	if err != nil {
		return false
	}
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		if len(fields) == 0 || fields[0] != "options" {
			continue
		}
		for _, f := range fields[1:] {
			if f == "rotate" {
				return true
			}
		}
	}
	return false
}

func serverAddr(s string) (netip.AddrPort, error) {
	if addr, err := netip.ParseAddr(strings.Trim(s, "[]")); err == nil {
		return netip.AddrPortFrom(addr, 53), nil
	}
	host, port, err := net.SplitHostPort(s)
	if err != nil {
		return netip.AddrPort{}, err
	}
	addr, err := netip.ParseAddr(host)
	if err != nil {
		return netip.AddrPort{}, err
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || n == 0 {
		return netip.AddrPort{}, fmt.Errorf("bad port %q", port)
	}
	return netip.AddrPortFrom(addr, uint16(n)), nil
}
