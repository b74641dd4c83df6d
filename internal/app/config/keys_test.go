package config

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

// samples are a good and a bad value for each type of the table.
var samples = map[string][2]string{
	"bool":            {"on", "maybe"},
	"seconds":         {"90", "soon"},
	"size":            {"3 MB", "-3MB"},
	"size or percent": {"10 %", "120%"},
	"int":             {"7", "seven"},
	"text":            {"a text # with: all", ""},
	"name":            {"queue.name", strings.Repeat("x", 256)},
	"path":            {"/some/path", strings.Repeat("/", 4096)},
	"port":            {"2525", "65536"},
	"port list":       {"25,2525,1024-1026", "26-25"},
	"IP":              {"2001:db8::1", "2001:db8::x"},
	"IP list":         {"1.2.3.4; 1.2.3.5", "1.2.3"},
	"range list":      {"10.0.0.0/8;192.0.2.1", "10.0.0.0/33"},
	"list":            {"", "%"},
	"host":            {"relay.example.com", "two hosts"},
	"auth string":     {"ldap://host:389/dc=example", "nis://host"},
	"OpenSSL list":    {"!aNULL:!eNULL:!LOW:!SSLv2:!EXPORT:!EXPORT56:FIPS:MEDIUM:HIGH:@STRENGTH", "RC4:MD5"},
}

// special are the keys whose type has no sample of its own.
var special = map[string][2]string{
	"rabbitmq-host":        {"broker.example.com", "two hosts"},
	"cluster-host":         {"h1;h2", ""},
	"rabbitmq-address":     {"amqps://u:p@h1;h2:5000/v", "http://host/"},
	"cluster-address":      {"amqp://a,amqp://b", "local:///x"},
	"database-address":     {"postgresql://u:p@h/db", "sqlite://relative"},
	"storage-address":      {"s3://key:secret@eu-west-1/bucket", "couchbase://h/b"},
	"download-cache":       {"directory:///var/cache?depth=3", "dir://x"},
	"www-url":              {"https://mta.example.com:8443/", "ftp://x"},
	"download-proxy":       {"socks://proxy:1080", "socks5://proxy"},
	"proxy-server":         {"http://proxy:3128", "http://"},
	"rabbitmq-queue-type":  {"quorum", "stream"},
	"rabbitmq-encoding":    {"gzip", "zstd"},
	"storage-policy":       {"out", "some"},
	"dsn-ret":              {"full", "HALF"},
	"dsn-notify":           {"SUCCESS, DELAY", "SOMETIMES"},
	"result-states":        {"5.0", "6.0"},
	"smtp-check":           {"spf,dkim,spam", "spf,virus"},
	"smtp-auth-results":    {"local", "remote"},
	"retry-interval":       {"60,5m,2h", "60,0"},
	"application-log":      {"stdout,syslog,/var/log/x", "stdin"},
	"dns-servers":          {"192.0.2.1:53,2001:db8::1,[2001:db8::2]:5353", "a:b:c"},
	"download-whitelist":   {"192.168.0.30/32:80, [2001:db8::]/32:443, 10.0.0.1", "10.0.0.0/8:0"},
	"rabbitmq-maxpriority": {"10", "256"},
	"dns-min-ttl":          {"30", "0"},
	"dns-timeout":          {"3.5", "0.0"},
	"smtp-port":            {"0", "25-"},
	"send-log-maxage":      {"", "0"},
}

func sampleOf(key Key) [2]string {
	if s, ok := special[key.Name]; ok {
		return s
	}
	if key.Type.Name == "word" && strings.Contains(key.Type.Allowed, "loose") {
		return [2]string{"loose", "lax"}
	}
	if key.Type.Name == "word" && strings.Contains(key.Type.Allowed, "gzip") {
		return [2]string{"gzip", "lzma"}
	}
	return samples[key.Type.Name]
}

// TestEveryKey sets each key and each alias to a good and to a bad value.
func TestEveryKey(t *testing.T) {
	for _, key := range Keys() {
		sample := sampleOf(key)
		if sample == [2]string{} {
			t.Errorf("%s: no sample for type %s", key.Name, key.Type.Name)
		}
		for _, name := range append([]string{key.Name}, key.Aliases...) {
			if problems := problemsOf(t, name, sample[0]); problems != "" {
				t.Errorf("%s: good value refused: %s", name, problems)
			}
			if sample[1] == "" {
				continue // every text is good
			}
			problems := problemsOf(t, name, sample[1])
			if !strings.Contains(problems, ownFile+":2: "+name+": ") || key.Use == Active && !strings.Contains(problems, "; allowed: "+key.Type.Allowed) {
				t.Errorf("%s: bad value %q: %s", name, sample[1], problems)
			}
		}
	}
}

// problemsOf returns what is wrong with the one key; what it misses beside it is not asked.
func problemsOf(t *testing.T, name, value string) string {
	t.Helper()
	cfg, _ := Load(nil, source(files{ownFile: "# first line\n" + name + ": " + value}))
	for _, p := range cfg.problems {
		if p.Key == name && !strings.HasPrefix(p.Reason, "needs smtp-") && !strings.HasPrefix(p.Reason, "needs www-") && !strings.Contains(p.Reason, "missing beside") {
			return p.String()
		}
	}
	return ""
}

// documented are all names of config.md sections 3 and 4.
const documented = `rabbitmq-address rabbitmq-verify rabbitmq-exchange rabbitmq-declare rabbitmq-outbox rabbitmq-inbox rabbitmq-local
rabbitmq-reports rabbitmq-refused rabbitmq-dsn rabbitmq-results rabbitmq-success rabbitmq-failure rabbitmq-retry rabbitmq-durable
rabbitmq-persistent rabbitmq-queue-type local-results-age local-results-size local-min-free rabbitmq-lazy rabbitmq-maxpriority
rabbitmq-encoding rabbitmq-consumers rabbitmq-publishers rabbitmq-qos rabbitmq-minqos rabbitmq-flush-qos rabbitmq-throttle
cluster-address cluster-exchange cluster-verify cluster-timeout server-id database database-address database-ttl database-validate
database-threads storage-address storage-threads storage-policy storage-ttl storage-timeout storage-reschedule error-log
error-log-directory error-log-prefix application-log send-log-directory send-log-prefix send-log-maxsize send-log-maxage
send-log-history send-log-compression send-log-format send-log-file send-bin-log-file received-log-directory received-log-prefix
received-log-maxsize received-log-maxage received-log-history received-log-compression received-log-format received-log-file
received-bin-log-file download-log-directory download-log-prefix download-log-maxsize download-log-maxage download-log-history
download-log-compression download-log-format download-log-file download-bin-log-file www-log-directory www-log-prefix
www-log-maxsize www-log-maxage www-log-history www-log-compression www-log-format www-log-file www-bin-log-file
send-bin-log-directory send-bin-log-prefix send-bin-log-maxsize send-bin-log-maxage send-bin-log-history smtp-ip smtp-port
smtp-secure-port smtp-certificate smtp-key smtp-privatekey smtp-ciphers smtp-range smtp-ranges smtp-username smtp-password
smtp-auth smtp-check smtp-auth-results spamassassin-host spamassassin-port smtp-extract smtp-proxy smtp-maxsize smtp-connections
smtp-connections-in smtp-connections-out smtp-threads smtp-timeout smtp-protection smtp-validate-address smtp-check-spf
smtp-check-dkim smtp-check-dmarc smtp-authentication-results smtp-hostname max-delivertime max-deliver-time max-attempts
retry-interval smtp-default-ips smtp-defaultip smtp-defaultips smtp-mappable-ips smtp-unmappable-ips validate-envelope
validate-recipient smtp-remote-port smtp-allow-local dns-threads dns-getaddrinfo dns-min-ttl dns-timeout dns-interval dns-expire
dns-spread dns-attempts dns-capacity dns-sockets dns-buffersize dns-rotate dns-servers dsn-notify dsn-ret dsn-advertise
dsn-envelope dsn-mta dsn-from dsn-generate spool-directory spool-delay spool-remove spool-extract spool-fail-directory
spool-open-files spool-threads www-port www-ip www-secure-port www-certificate www-privatekey www-private-key www-ciphers
www-password www-auth www-dir www-connections www-host www-url www-cache-control www-pprof render-useragent smarthost smarthost-port
smarthost-username smarthost-password smtp-sink-ip smtp-sink-address smtp-sink-port smtp-sink-username smtp-sink-password
cache-size cache-dimensions cache-dimension download-memory download-dimensions download-cache download-ttl download-blacklist
download-whitelist download-user-agent download-proxy proxy-server social-icons plugin-directory license user lock
state-directory heartbeat-enabled heartbeat result-states heartbeat-ip heartbeat-port heartbeat-period rabbitmq-host
rabbitmq-user rabbitmq-password rabbitmq-vhost cluster-host cluster-user cluster-password cluster-vhost storage
domain-maxmessages domain-maxconnects domain-maxconnections domain-maxqueue ip-maxmessages ip-maxconnects ip-maxconnections
connection-maxmessages connection-maxidle connection-secure max-connections max-threads max-messages max-queues max-memory
normalize-mime dns-force dns-helofile`

func TestTableIsComplete(t *testing.T) {
	want := strings.Fields(documented)
	slices.Sort(want)
	if got := keyNames(); !slices.Equal(got, want) {
		for _, name := range want {
			if !slices.Contains(got, name) {
				t.Error("missing:", name)
			}
		}
		for _, name := range got {
			if !slices.Contains(want, name) {
				t.Error("not documented:", name)
			}
		}
	}
}

// TestTableIsSound: names are unique and well formed, and every default is a value of its own type.
func TestTableIsSound(t *testing.T) {
	name := regexp.MustCompile(`^[a-z][a-z0-9]*(-[a-z0-9]+)*$`)
	seen := map[string]bool{}
	for _, key := range Keys() {
		for _, n := range append([]string{key.Name}, key.Aliases...) {
			if seen[n] || !name.MatchString(n) {
				t.Errorf("%s twice or malformed", n)
			}
			seen[n] = true
		}
		if key.Help == "" || key.Since == "" || key.Type.Allowed == "" || key.Area == "" {
			t.Errorf("%s is not described", key.Name)
		}
		if key.Default != "" {
			if _, err := key.Type.parse(key.Default); err != nil {
				t.Errorf("%s: default %q %v", key.Name, key.Default, err)
			}
		}
		if key.Use >= Warned && key.Note == "" {
			t.Errorf("%s warns without a text", key.Name)
		}
	}
	for _, pattern := range notBuilt {
		if !slices.ContainsFunc(Keys(), func(k Key) bool { return matches(pattern, k.Name) }) {
			t.Errorf("pattern %s of notBuilt matches no key", pattern)
		}
	}
}

func matches(pattern, name string) bool {
	return regexp.MustCompile("^" + strings.ReplaceAll(pattern, "*", ".*") + "$").MatchString(name)
}
