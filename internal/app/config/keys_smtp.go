package config

import (
	"math"
)

const (
	areaSMTPIn   = "Incoming mail"
	areaDelivery = "Delivery"
	areaDNS      = "DNS"
	areaDSN      = "Delivery status notifications"
	areaRelay    = "Smarthost and sink"
)

// smtpInKeys are the keys of config.md section 3.6.
func smtpInKeys() []Key {
	key := func(name string, t Type, def, since, help string, aliases ...string) Key {
		return Key{Name: name, Area: areaSMTPIn, Type: t, Default: def, Since: since, Help: help, Aliases: aliases}
	}
	warned := func(name, note string) Key {
		return Key{Name: name, Area: areaSMTPIn, Type: textType, Since: "4.0", Use: Warned, Note: note, Help: "Recognised, no effect."}
	}
	secret := key("smtp-password", textType, "", "4.0", "Password of the login.")
	secret.Secret = true
	return []Key{
		key("smtp-ip", ipListType, "0.0.0.0", "4.0", "Addresses to listen on; 0.0.0.0 is every one, also of IPv6."),
		key("smtp-port", portListType, "25", "4.0", "Plain ports, with STARTTLS if there is a certificate. Empty: none."),
		key("smtp-secure-port", portListType, "", "4.0", "Ports with TLS from the first byte."),
		key("smtp-certificate", pathType, "", "4.0", "PEM file with the certificate. Empty: no TLS."),
		key("smtp-key", pathType, "", "4.0", "PEM file with the private key. Empty: it is in the file of the certificate.", "smtp-privatekey"),
		key("smtp-ciphers", ciphersType, "", "4.0", "Allowed ciphers up to TLS 1.2, as an OpenSSL list. Empty: those of Go."),
		key("smtp-range", rangesType, "", "4.0", "Who may connect, and who may relay when no login is configured. Empty: everyone may connect and only this machine may relay.", "smtp-ranges"),
		key("smtp-username", textType, "", "4.0", "Name of the one login. Empty: no login is needed."),
		secret,
		key("smtp-auth", authType, "", "5.12", "How logins are checked; counts more than the two keys above."),
		key("smtp-check", wordsType("spf", "dkim", "dmarc", "arc", "spam"), "", "4.0", "Checks on mail from others; what they find is in the JSON."),
		key("smtp-auth-results", wordsType("local", "nonlocal"), "", "4.0", "Mail that gets an Authentication-Results header, by its recipient."),
		key("spamassassin-host", hostType, "localhost", "4.1", "Host of the spamd that the check `spam` asks."),
		key("spamassassin-port", realPortType, "783", "4.1", "Its port."),
		key("smtp-extract", boolType, "true", "4.0", "Turn `x-mq-*` headers into JSON properties and remove them."),
		key("smtp-proxy", rangesType, "", "4.0", "Peers that send a PROXY header first, version 1 or 2."),
		key("smtp-maxsize", sizeType, "100MB", "4.0", "Largest message."),
		key("smtp-connections", intType(1, math.MaxInt32), "100", "4.0", "Connections in both directions, at most."),
		key("smtp-connections-in", intType(0, math.MaxInt32), "0", "5.6", "Incoming connections, at most; 0 is no limit of its own."),
		key("smtp-connections-out", intType(0, math.MaxInt32), "0", "5.6", "Outgoing connections, at most; 0 is no limit of its own."),
		key("smtp-threads", intType(1, math.MaxInt32), "1", "4.0", "Accepted, no effect: there are no fixed threads."),
		key("smtp-timeout", positive(secondsType), "300", "5.9", "An incoming session may be idle so long."),
		key("smtp-protection", boolType, "true", "5.9", "Refuse peers on the blacklist of the database."),
		key("smtp-validate-address", wordType("strict", "loose"), "strict", "5.6", "Check of the addresses that clients send; `loose` wants an @ and a valid domain only, and no angle brackets."),
		warned("smtp-check-spf", "never worked; use smtp-check"),
		warned("smtp-check-dkim", "never worked; use smtp-check"),
		warned("smtp-check-dmarc", "never worked; use smtp-check"),
		warned("smtp-authentication-results", "never worked; use smtp-auth-results"),
		warned("smtp-hostname", "has no effect; names come from reverse DNS and the database"),
	}
}

// deliveryKeys are the keys of config.md section 3.7.
func deliveryKeys() []Key {
	key := func(name string, t Type, def, since, help string, aliases ...string) Key {
		return Key{Name: name, Area: areaDelivery, Type: t, Default: def, Since: since, Help: help, Aliases: aliases}
	}
	check := wordType("strict", "loose")
	return []Key{
		key("max-delivertime", positive(secondsType), "86400", "4.0", "Give up after this time, counted from the first pickup.", "max-deliver-time"),
		key("max-attempts", intType(0, math.MaxInt32), "0", "4.0", "Give up after so many attempts; 0 is no limit."),
		key("retry-interval", waitsType, "600,600,1800,1800,3600,3600,7200", "4.2", "Waits between attempts; the last one repeats."),
		key("smtp-default-ips", ipListType, "", "4.2", "Addresses that messages without `ips` leave from. Empty: all addresses of this machine.", "smtp-defaultip", "smtp-defaultips"),
		key("smtp-mappable-ips", rangesType, "", "4.2", "Mail taken in over SMTP leaves from the address it came in on if that is in this list. Both lists empty: always."),
		key("smtp-unmappable-ips", rangesType, "", "4.2", "... and not in this one."),
		key("validate-envelope", check, "strict", "5.6", "Check of envelope addresses from the outbox; `loose` wants an @ and a valid domain only."),
		key("validate-recipient", check, "strict", "5.6", "Check of recipient addresses from the outbox."),
		key("smtp-remote-port", realPortType, "25", "ours", "Port of the servers that lookups lead to; for trials."),
		key("smtp-allow-local", boolType, "false", "ours", "Deliver also to servers whose lookup ends at a loopback or link-local address or at this machine."),
	}
}

// dnsKeys are the keys of config.md section 3.8.
func dnsKeys() []Key {
	key := func(name string, t Type, def, absent, since, help string) Key {
		return Key{Name: name, Area: areaDNS, Type: t, Default: def, Absent: absent, Since: since, Help: help}
	}
	const system = "that of resolv.conf"
	return []Key{
		key("dns-threads", intType(1, math.MaxInt32), "5", "`dns-capacity` counts", "4.0", "Limit of parallel lookups, in place of `dns-capacity`."),
		key("dns-getaddrinfo", boolType, "true", "", "5.0", "Look addresses up as the system does, hosts file included."),
		key("dns-min-ttl", positive(secondsType), "60", "", "5.5", "Shortest life of an answer."),
		key("dns-timeout", decimalType, "60.0", system+", else 60.0", "5.13", "Wait after the last attempt."),
		key("dns-interval", decimalType, "3.0", system+", else 3.0", "5.12", "A query without an answer is sent again after this time."),
		key("dns-expire", decimalType, "60.0", "", "5.12", "Limit of a whole lookup."),
		key("dns-spread", decimalType, "15.0", "", "5.12", "When the next server is tried."),
		key("dns-attempts", intType(1, 1000), "5", system+", else 5", "5.13", "Attempts before a failure."),
		key("dns-capacity", intType(1, math.MaxInt32), "100", "value of `dns-threads`, else 100", "5.13", "Parallel lookups."),
		key("dns-sockets", intType(1, 1000), "4", "", "5.13", "UDP sockets to rotate over."),
		key("dns-buffersize", sizeType, "1MB", "", "5.12", "Buffer of a socket."),
		key("dns-rotate", boolType, "", system, "5.13", "Spread queries over the name servers."),
		key("dns-servers", hostsType, "", "those of resolv.conf", "ours", "Name servers to ask."),
	}
}

// dsnKeys are the keys of config.md section 3.9.
func dsnKeys() []Key {
	key := func(name string, t Type, def, absent, since, help string) Key {
		return Key{Name: name, Area: areaDSN, Type: t, Default: def, Absent: absent, Since: since, Help: help}
	}
	warned := func(name, note string) Key {
		return Key{Name: name, Area: areaDSN, Type: textType, Since: "3.0", Use: Warned, Note: note, Help: "Recognised, no effect."}
	}
	return []Key{
		key("dsn-notify", wordsType("NEVER", "SUCCESS", "FAILURE", "DELAY"), "FAILURE", "", "4.0", "When to notify, for messages that do not say so."),
		key("dsn-ret", wordType("FULL", "HDRS"), "HDRS", "", "4.0", "What to return, for messages that do not say so."),
		key("dsn-advertise", boolType, "true", "", "4.0", "Offer the DSN extension to SMTP clients."),
		key("dsn-mta", textType, "", "name of this host", "3.0", "Name of the reporting server in notifications."),
		key("dsn-from", textType, "", "mailerq@ and the name of this host", "4.0", "From address of notifications."),
		warned("dsn-envelope", "has no effect: notifications always have an empty envelope"),
		warned("dsn-generate", "has no effect: rabbitmq-dsn turns notifications on"),
	}
}

// relayKeys are the keys of config.md section 3.13.
func relayKeys() []Key {
	key := func(name string, t Type, def, help string) Key {
		return Key{Name: name, Area: areaRelay, Type: t, Default: def, Since: "4.0", Help: help}
	}
	secret := func(k Key) Key { k.Secret = true; return k }
	sink := key("smtp-sink-address", hostType, "0.0.0.0", "Connect here instead of to the real servers; queues stay per domain. 0.0.0.0: off.")
	sink.Aliases = []string{"smtp-sink-ip"}
	return []Key{
		key("smarthost", hostType, "", "Relay all mail to this host, as one queue. Empty: off."),
		key("smarthost-port", realPortType, "25", "Its port."),
		key("smarthost-username", textType, "", "Login there. Empty: none."),
		secret(key("smarthost-password", textType, "", "Password of the login.")),
		sink,
		key("smtp-sink-port", realPortType, "25", "Its port."),
		key("smtp-sink-username", textType, "", "Login there. Empty: none."),
		secret(key("smtp-sink-password", textType, "", "Password of the login.")),
	}
}
