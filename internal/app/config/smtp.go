package config

import (
	"cmp"
	"net/netip"
	"slices"
	"time"
)

// SMTPIn is config.md section 3.6.
type SMTPIn struct {
	IPs         []netip.Addr // none: every address
	Ports       []PortRange
	SecurePorts []PortRange // TLS from the first byte
	Certificate string      // PEM file; empty: no TLS
	Key         string      // PEM file; that of the certificate when the key is not set
	Ciphers     []uint16    // suites of crypto/tls; nil: those of Go

	Range    []netip.Prefix // who may connect; none: everyone
	OpenAll  bool           // Range holds a /0 and no login is configured: everyone may relay
	Login    Login          // zero: none
	Auth     Auth           // zero: none; counts more than Login
	HasLogin bool           // a login is configured, so relaying needs one

	Check            []string // spf, dkim, dmarc, arc, spam
	ResultsLocal     bool     // Authentication-Results for local recipients
	ResultsNonlocal  bool
	SpamAssassinHost string
	SpamAssassinPort uint16
	Extract          bool
	Proxy            []netip.Prefix
	MaxSize          int64 // bytes
	Connections      int   // both directions together
	ConnectionsIn    int   // 0: no limit of its own
	Timeout          time.Duration
	Protection       bool
	StrictAddress    bool
}

func (b *builder) buildSMTPIn() {
	s := &b.cfg.SMTPIn
	if s.IPs = get[[]netip.Addr](b, "smtp-ip"); slices.ContainsFunc(s.IPs, netip.Addr.IsUnspecified) {
		s.IPs = nil
	}
	s.Ports, s.SecurePorts = get[[]PortRange](b, "smtp-port"), get[[]PortRange](b, "smtp-secure-port")
	s.Certificate = b.text("smtp-certificate")
	s.Key = cmp.Or(b.text("smtp-key"), s.Certificate)
	s.Ciphers = b.ciphers("smtp-ciphers")
	s.Range, s.Proxy = get[[]netip.Prefix](b, "smtp-range"), get[[]netip.Prefix](b, "smtp-proxy")
	s.Login = Login{b.text("smtp-username"), Secret(b.text("smtp-password"))}
	s.Auth = get[Auth](b, "smtp-auth")
	s.HasLogin = !s.Auth.IsZero() || s.Login != Login{}
	for _, p := range s.Range {
		s.OpenAll = s.OpenAll || p.Bits() == 0 && !s.HasLogin
	}
	s.Check = get[[]string](b, "smtp-check")
	for _, word := range get[[]string](b, "smtp-auth-results") {
		s.ResultsLocal = s.ResultsLocal || word == "local"
		s.ResultsNonlocal = s.ResultsNonlocal || word == "nonlocal"
	}
	s.SpamAssassinHost = cmp.Or(b.text("spamassassin-host"), "localhost")
	s.SpamAssassinPort = get[uint16](b, "spamassassin-port")
	s.Extract, s.Protection = get[bool](b, "smtp-extract"), get[bool](b, "smtp-protection")
	s.MaxSize, s.Timeout = get[int64](b, "smtp-maxsize"), get[time.Duration](b, "smtp-timeout")
	s.Connections, s.ConnectionsIn = get[int](b, "smtp-connections"), get[int](b, "smtp-connections-in")
	s.StrictAddress = b.text("smtp-validate-address") == "strict"
}

// Delivery is config.md section 3.7.
type Delivery struct {
	MaxDeliverTime  time.Duration   // from the first pickup
	MaxAttempts     int             // 0: no limit
	RetryIntervals  []time.Duration // never empty; the last one repeats
	DefaultIPs      []netip.Addr    // none: all addresses of this machine
	MappableIPs     []netip.Prefix
	UnmappableIPs   []netip.Prefix
	StrictEnvelope  bool
	StrictRecipient bool
	RemotePort      uint16
	AllowLocal      bool
	Connections     int // outgoing, 0: no limit besides SMTPIn.Connections
}

// Mappable says whether mail that came in on ip over SMTP leaves from it.
func (d *Delivery) Mappable(ip netip.Addr) bool {
	ip = ip.Unmap()
	if len(d.MappableIPs) == 0 && len(d.UnmappableIPs) == 0 {
		return true
	}
	return contains(d.MappableIPs, ip) && !contains(d.UnmappableIPs, ip)
}

func contains(list []netip.Prefix, ip netip.Addr) bool {
	for _, p := range list {
		if p.Contains(ip) {
			return true
		}
	}
	return false
}

func (b *builder) buildDelivery() {
	b.cfg.Delivery = Delivery{
		MaxDeliverTime:  get[time.Duration](b, "max-delivertime"),
		MaxAttempts:     get[int](b, "max-attempts"),
		RetryIntervals:  get[[]time.Duration](b, "retry-interval"),
		DefaultIPs:      get[[]netip.Addr](b, "smtp-default-ips"),
		MappableIPs:     get[[]netip.Prefix](b, "smtp-mappable-ips"),
		UnmappableIPs:   get[[]netip.Prefix](b, "smtp-unmappable-ips"),
		StrictEnvelope:  b.text("validate-envelope") == "strict",
		StrictRecipient: b.text("validate-recipient") == "strict",
		RemotePort:      get[uint16](b, "smtp-remote-port"),
		AllowLocal:      get[bool](b, "smtp-allow-local"),
		Connections:     get[int](b, "smtp-connections-out"),
	}
}

// Relay is one server that mail is sent to instead of the real ones.
type Relay struct {
	On    bool
	Host  string // name or address
	Port  uint16
	Login Login // zero: none
}

func (b *builder) buildRelays() {
	b.cfg.Smarthost = b.relay("smarthost", "smarthost")
	b.cfg.Sink = b.relay("smtp-sink-address", "smtp-sink")
	if ip, err := netip.ParseAddr(b.cfg.Sink.Host); err == nil && ip.IsUnspecified() {
		b.cfg.Sink.On = false
	}
}

func (b *builder) relay(hostKey, prefix string) Relay {
	host := b.text(hostKey)
	return Relay{
		On: host != "", Host: host, Port: get[uint16](b, prefix+"-port"),
		Login: Login{b.text(prefix + "-username"), Secret(b.text(prefix + "-password"))},
	}
}
