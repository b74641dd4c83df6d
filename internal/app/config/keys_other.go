package config

import (
	"math"
)

const (
	areaSpool    = "Spool directory"
	areaConsole  = "Console"
	areaDownload = "Responsive mail and downloads"
	areaGeneral  = "General"

	defaultState = "/var/lib/posthoorn"
)

// spoolKeys are the keys of config.md section 3.11.
func spoolKeys() []Key {
	key := func(name string, t Type, def, since, help string) Key {
		return Key{Name: name, Area: areaSpool, Type: t, Default: def, Since: since, Help: help}
	}
	return []Key{
		key("spool-directory", pathType, "", "4.0", "Directory to watch for mail. Empty: off."),
		key("spool-delay", secondsType, "0", "4.0", "Wait before a file is picked up."),
		key("spool-remove", boolType, "true", "4.0", "Remove a file after it was published."),
		key("spool-extract", boolType, "true", "4.0", "Handle `x-mq-*` headers."),
		key("spool-fail-directory", pathType, "", "5.4", "Files that cannot be processed are moved here. Empty: they stay."),
		key("spool-open-files", intType(1, 100000), "10", "5.4", "Files open at a time."),
		key("spool-threads", intType(1, 1000), "1", "5.4", "Workers."),
	}
}

// consoleKeys are the keys of config.md section 3.12.
func consoleKeys() []Key {
	key := func(name string, t Type, def, since, help string) Key {
		return Key{Name: name, Area: areaConsole, Type: t, Default: def, Since: since, Help: help}
	}
	private := key("www-privatekey", pathType, "", "4.0", "PEM file with the private key. Empty: it is in the file of the certificate.")
	private.Aliases = []string{"www-private-key"}
	secure := key("www-secure-port", portType, "", "4.0", "Port for HTTPS. Empty: none.")
	secure.Empty = true
	password := key("www-password", textType, "", "4.0", "Password of the console.")
	password.Secret = true
	host := key("www-host", hostType, "", "4.0", "Another name that browsers may call this host by.")
	host.Absent = "from reverse DNS"
	web := key("www-url", addressType("http://host or https://host, with a port and path if wanted", "http", "https"), "", "5.0", "Address of the console as browsers see it, if that is not host and port: changes are taken from its pages.")
	web.Absent = "from host and port"
	dir := key("www-dir", pathType, "", "4.0", "Directory with other files for the console.")
	dir.Absent = "embedded files"
	return []Key{
		key("www-port", portType, "8485", "4.0", "Port for HTTP; 0 is off."),
		key("www-ip", ipType, "0.0.0.0", "4.0", "Address to listen on. Without a login it is loopback only."),
		secure,
		key("www-certificate", pathType, "", "4.0", "PEM file with the certificate."),
		private,
		key("www-ciphers", ciphersType, "", "4.0", "As `smtp-ciphers`."),
		password,
		key("www-auth", authType, "", "5.12", "How logins are checked; counts more than the password."),
		dir,
		key("www-connections", intType(1, math.MaxInt32), "10", "4.0", "Requests at a time, websockets included; connections that stand idle do not count."),
		host,
		web,
		key("www-cache-control", textType, "", "5.0", "Cache-Control header of static files."),
		key("www-pprof", boolType, "false", "ours", "Serve the profiles of Go under `/debug/pprof/`, to who comes from this machine."),
		key("render-useragent", textType, "", "5.1", "Only browsers with this User-Agent may render mail."),
	}
}

// downloadKeys are the keys of responsive mail and downloads in config.md section 3.14.
func downloadKeys() []Key {
	key := func(name string, t Type, def, since, help string, aliases ...string) Key {
		return Key{Name: name, Area: areaDownload, Type: t, Default: def, Since: since, Help: help, Aliases: aliases}
	}
	proxy := addressType("http://host:port or socks://host:port", "http", "socks")
	agent := key("download-user-agent", textType, "", "5.2", "User-Agent of downloads.")
	agent.Absent = "name and version of the product"
	own := key("download-proxy", proxy, "", "5.6", "Proxy for downloads.")
	own.Absent = "value of `proxy-server`"
	return []Key{
		key("cache-size", sizeType, "100MB", "4.0", "Cache in memory for downloads.", "download-memory"),
		key("cache-dimensions", intType(0, math.MaxInt32), "100000", "4.0", "Image dimensions to remember.", "cache-dimension", "download-dimensions"),
		key("download-cache", storageType(), "", "5.0", "Cache in a store. Empty: none."),
		key("download-ttl", secondsType, "3600", "5.0", "Longest life in the cache."),
		key("download-blacklist", rangesType, "", "5.0", "Addresses that must not be fetched; private, loopback and link-local ones never are."),
		key("download-whitelist", portRanges, "", "5.0", "Exceptions from that, with a port if wanted."),
		agent,
		own,
		key("proxy-server", proxy, "", "5.6", "Proxy for all outgoing HTTP."),
		key("social-icons", textType, "", "ours", "URL pattern of icons with `{type}`, `{size}`, `{platform}`. Empty: text links."),
	}
}

// generalKeys are the rest of config.md section 3.14.
func generalKeys() []Key {
	key := func(name string, t Type, def, since, help string) Key {
		return Key{Name: name, Area: areaGeneral, Type: t, Default: def, Since: since, Help: help}
	}
	ignored := func(name, since string, aliases ...string) Key {
		return Key{Name: name, Area: areaGeneral, Type: textType, Since: since, Use: Ignored, Aliases: aliases, Help: "Accepted and ignored."}
	}
	lock := key("lock", pathType, "", "4.0", "Lock file with the process id; the two sockets stand beside it.")
	lock.Absent = "posthoorn.pid in the state directory"
	return []Key{
		key("user", nameType, "", "4.0", "The program changes to this user once its ports are open. Empty: no change."),
		lock,
		key("server-id", intType(0, math.MaxInt32), "1", "4.0", "Makes generated message ids unique; another one on every instance."),
		key("result-states", wordType("4.0", "5.0"), "4.0", "ours", "Words that are written in results."),
		key("plugin-directory", pathType, "/usr/share/posthoorn/plugins", "4.0", "Plugins, loaded in alphabetical order."),
		ignored("license", "4.0"),
		ignored("heartbeat-enabled", "4.2", "heartbeat"),
		ignored("heartbeat-ip", "4.4"),
		ignored("heartbeat-port", "4.4"),
		ignored("heartbeat-period", "4.4"),
	}
}

// oldKeys are the keys of 3.0 that 4.0 dropped (config.md section 4).
func oldKeys() []Key {
	var keys []Key
	add := func(note string, names ...string) {
		for _, name := range names {
			keys = append(keys, Key{
				Name: name, Area: "Keys of version 3.0", Type: textType, Since: "3.0", Use: OldNames, Note: note,
				Secret: name == "rabbitmq-password" || name == "cluster-password", Help: "Dropped; " + note + ".",
			})
		}
	}
	add("part of rabbitmq-address now; used to build it when it is absent", "rabbitmq-host", "rabbitmq-user", "rabbitmq-password", "rabbitmq-vhost")
	add("part of cluster-address now; used to build it when it is absent", "cluster-host", "cluster-user", "cluster-password", "cluster-vhost")
	add("use storage-address, where mongo:// is mongodb://", "storage")
	add("it is a column of the row without domain and IP in the database now",
		"domain-maxmessages", "domain-maxconnects", "domain-maxconnections", "domain-maxqueue",
		"ip-maxmessages", "ip-maxconnects", "ip-maxconnections",
		"connection-maxmessages", "connection-maxidle", "connection-secure")
	add("it has no successor", "max-connections", "max-threads", "max-messages", "max-queues", "max-memory", "normalize-mime", "dns-force")
	add("use the table mtanames of the database", "dns-helofile")
	for i := range keys {
		switch keys[i].Name {
		case "storage":
			keys[i].Type.mask = maskAddresses
		case "rabbitmq-host", "cluster-host":
			keys[i].Type.mask = maskHost
		}
	}
	return keys
}
