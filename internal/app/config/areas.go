package config

import (
	"cmp"
	"net/netip"
	"path/filepath"
	"strings"
	"time"
)

// DNS is config.md section 3.8. What is not Set is taken from resolv.conf first.
type DNS struct {
	Servers     []HostPort // none: those of resolv.conf; port 0 is 53
	GetAddrInfo bool       // look addresses up as the system does
	MinTTL      time.Duration
	Timeout     Opt[time.Duration]
	Interval    Opt[time.Duration]
	Expire      time.Duration
	Spread      time.Duration
	Attempts    Opt[int]
	Rotate      Opt[bool]
	Capacity    int // parallel lookups
	Sockets     int
	BufferSize  int64 // bytes
}

func (b *builder) buildDNS() {
	b.cfg.DNS = DNS{
		Servers:     get[[]HostPort](b, "dns-servers"),
		GetAddrInfo: get[bool](b, "dns-getaddrinfo"),
		MinTTL:      get[time.Duration](b, "dns-min-ttl"),
		Timeout:     optional[time.Duration](b, "dns-timeout"),
		Interval:    optional[time.Duration](b, "dns-interval"),
		Expire:      get[time.Duration](b, "dns-expire"),
		Spread:      get[time.Duration](b, "dns-spread"),
		Attempts:    optional[int](b, "dns-attempts"),
		Rotate:      optional[bool](b, "dns-rotate"),
		Capacity:    get[int](b, "dns-capacity"),
		Sockets:     get[int](b, "dns-sockets"),
		BufferSize:  get[int64](b, "dns-buffersize"),
	}
	if b.isGiven("dns-threads") && !b.isGiven("dns-capacity") {
		b.cfg.DNS.Capacity = get[int](b, "dns-threads")
	}
}

// DSN is config.md section 3.9.
type DSN struct {
	Notify    []string // NEVER alone, or some of SUCCESS, FAILURE, DELAY
	Ret       string   // FULL or HDRS
	Advertise bool
	MTA       string // reporting name
	From      string
}

func (b *builder) buildDSN() {
	b.cfg.DSN = DSN{
		Notify:    get[[]string](b, "dsn-notify"),
		Ret:       b.text("dsn-ret"),
		Advertise: get[bool](b, "dsn-advertise"),
		MTA:       cmp.Or(b.text("dsn-mta"), b.src.Hostname),
		From:      cmp.Or(b.text("dsn-from"), "mailerq@"+b.src.Hostname),
	}
}

// Spool is config.md section 3.11.
type Spool struct {
	Directory     string // empty: off
	FailDirectory string // empty: files that cannot be processed stay
	Delay         time.Duration
	Remove        bool
	Extract       bool
	OpenFiles     int
	Threads       int
}

func (b *builder) buildSpool() {
	b.cfg.Spool = Spool{
		Directory:     b.text("spool-directory"),
		FailDirectory: b.text("spool-fail-directory"),
		Delay:         get[time.Duration](b, "spool-delay"),
		Remove:        get[bool](b, "spool-remove"),
		Extract:       get[bool](b, "spool-extract"),
		OpenFiles:     get[int](b, "spool-open-files"),
		Threads:       get[int](b, "spool-threads"),
	}
}

// Console is config.md section 3.12.
type Console struct {
	IP              netip.Addr // loopback as long as there is no login
	Port            uint16     // 0: off
	SecurePort      uint16     // 0: off
	Certificate     string
	Key             string // that of the certificate when the key is not set
	Ciphers         []uint16
	Password        Secret
	Auth            Auth   // counts more than Password
	Dir             string // empty: the embedded files
	Connections     int
	Host            string // empty: from reverse DNS
	URL             Address
	CacheControl    string
	RenderUserAgent string
	Profile         bool
}

// UsualConsolePort is the port of the console where nobody chose one.
const UsualConsolePort = 8485

// On says that the console has a port.
func (c *Console) On() bool { return c.Port != 0 || c.SecurePort != 0 }

func (b *builder) buildConsole() {
	c := &b.cfg.Console
	c.IP, c.Port, c.SecurePort = get[netip.Addr](b, "www-ip"), get[uint16](b, "www-port"), get[uint16](b, "www-secure-port")
	c.Certificate = b.text("www-certificate")
	c.Key, c.Ciphers = cmp.Or(b.text("www-privatekey"), c.Certificate), b.ciphers("www-ciphers")
	c.Password, c.Auth = Secret(b.text("www-password")), get[Auth](b, "www-auth")
	if c.Password == "" && c.Auth.IsZero() && !c.IP.IsLoopback() {
		c.IP = loopbackOf(c.IP)
	}
	c.Dir, c.Host, c.URL = b.text("www-dir"), b.text("www-host"), get[Address](b, "www-url")
	c.Connections, c.CacheControl = get[int](b, "www-connections"), b.text("www-cache-control")
	c.RenderUserAgent, c.Profile = b.text("render-useragent"), get[bool](b, "www-pprof")
}

func loopbackOf(ip netip.Addr) netip.Addr {
	if ip.Is6() {
		return netip.IPv6Loopback()
	}
	return netip.AddrFrom4([4]byte{127, 0, 0, 1})
}

// Downloads is the part of config.md section 3.14 about responsive mail.
type Downloads struct {
	CacheSize   int64        // bytes in memory
	Dimensions  int          // image sizes to remember
	Cache       StoreAddress // a store; zero: none
	TTL         time.Duration
	Blacklist   []netip.Prefix // besides private, loopback and link-local ranges, which always count
	Whitelist   []PrefixPort
	UserAgent   string  // empty: name and version of the product
	Proxy       Address // for downloads; zero: none
	ProxyServer Address // for all other outgoing HTTP
	SocialIcons string
}

func (b *builder) buildDownloads() {
	d := Downloads{
		CacheSize:   get[int64](b, "cache-size"),
		Dimensions:  get[int](b, "cache-dimensions"),
		Cache:       get[StoreAddress](b, "download-cache"),
		TTL:         get[time.Duration](b, "download-ttl"),
		Blacklist:   get[[]netip.Prefix](b, "download-blacklist"),
		Whitelist:   get[[]PrefixPort](b, "download-whitelist"),
		UserAgent:   b.text("download-user-agent"),
		Proxy:       get[Address](b, "download-proxy"),
		ProxyServer: get[Address](b, "proxy-server"),
		SocialIcons: b.text("social-icons"),
	}
	if !b.isSet("download-proxy") {
		d.Proxy = d.ProxyServer
	}
	b.cfg.Downloads = d
}

// General is the rest: who runs, where, and how it names things.
type General struct {
	Hostname        string
	StateDirectory  string
	Lock            string // path of the lock file
	InjectSocket    string // beside the lock (operations.md section 8)
	ControlSocket   string
	User            string // empty: no change
	ServerID        int
	States5         bool // result-states is 5.0
	PluginDirectory string
	Paused          bool // --paused: start with all deliveries paused
	Loopback        bool // --loopback: offer loopback addresses as sending addresses too
}

func (b *builder) buildGeneral() {
	g := &b.cfg.General
	g.Hostname, g.Paused, g.Loopback = b.src.Hostname, b.cmd.Paused, b.cmd.Loopback
	g.StateDirectory = b.stateDirectory()
	g.Lock = cmp.Or(b.text("lock"), filepath.Join(g.StateDirectory, "posthoorn.pid"))
	base := strings.TrimSuffix(g.Lock, ".pid")
	g.InjectSocket, g.ControlSocket = base+".inject", base+".control"
	g.User, g.ServerID = b.text("user"), get[int](b, "server-id")
	g.States5 = b.text("result-states") == "5.0"
	g.PluginDirectory = b.text("plugin-directory")
}

// stateDirectory is the key, else the path of local:///path, else the default.
func (b *builder) stateDirectory() string {
	local := get[Broker](b, "rabbitmq-address").LocalPath
	if b.isGiven("state-directory") {
		return filepath.Clean(b.text("state-directory"))
	}
	return cmp.Or(local, defaultState)
}
