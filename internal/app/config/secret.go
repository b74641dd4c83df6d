package config

import (
	"log/slog"
	"strings"
)

// mask stands where a secret would.
const mask = "***"

// Secret is text that no log, error or listing may show. Reveal gives it to the code that has to log in somewhere.
type Secret string

// Reveal returns the secret itself.
func (s Secret) Reveal() string { return string(s) }

// String hides the secret, but shows whether there is one.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return mask
}

// GoString hides the secret from %#v.
func (s Secret) GoString() string { return s.String() }

// LogValue hides the secret from slog.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText hides the secret from encoders.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

func maskAll(raw string) string {
	if raw == "" {
		return ""
	}
	return mask
}

// maskAddresses hides the passwords in addresses joined by commas, well formed or not.
func maskAddresses(raw string) string {
	parts := splitAddresses(raw)
	for i, p := range parts {
		parts[i] = maskAddress(p)
	}
	return strings.Join(parts, ",")
}

// maskAddress errs on the side of hiding: a password may itself contain @, / or ?, unescaped by mistake. So what is
// between the first colon and the last @ is hidden, wherever that is, and where there is no @ everything that does
// not look like hosts and a path. A scheme whose user is the password shows neither.
func maskAddress(raw string) string {
	scheme, rest, ok := strings.Cut(raw, "://")
	if !ok {
		return maskLoose(raw)
	}
	if scheme == "hardcoded" {
		return scheme + "://" + maskAll(rest)
	}
	at := strings.LastIndexByte(rest, '@')
	if at < 0 {
		return scheme + "://" + maskLoose(rest)
	}
	user, _, both := strings.Cut(rest[:at], ":")
	switch {
	case scheme == "couchbase" || strings.ContainsAny(user, "/?"):
		user = mask
	case both:
		user += ":" + mask
	}
	return scheme + "://" + user + "@" + maskOptions(rest[at+1:])
}

// maskLoose is for text without credentials: hosts, ports, a path and options. A port that is no number may be a
// password whose host was forgotten.
func maskLoose(rest string) string {
	hosts, path, slash := strings.Cut(rest, "/")
	for host := range strings.SplitSeq(hosts, ";") {
		if _, err := parseHostPort(strings.TrimSpace(host)); host != "" && err != nil {
			return mask
		}
	}
	if !slash {
		return maskOptions(hosts)
	}
	return hosts + "/" + maskOptions(path)
}

// maskHost hides what was put where only a host belongs, if it may be a login.
func maskHost(raw string) string {
	if _, err := parseHostPort(raw); err != nil && strings.ContainsAny(raw, "@:/") {
		return mask
	}
	return raw
}

// maskOptions hides the values of options, which drivers use for secrets too.
func maskOptions(rest string) string {
	path, query, ok := strings.Cut(rest, "?")
	if !ok {
		return rest
	}
	options := strings.Split(query, "&")
	for i, o := range options {
		name, value, _ := strings.Cut(o, "=")
		lower := strings.ToLower(name)
		if value == "" || !containsAny(lower, "pass", "secret", "key", "token", "credential", "pwd", "auth") {
			continue
		}
		options[i] = name + "=" + mask
	}
	return path + "?" + strings.Join(options, "&")
}

func containsAny(s string, subs ...string) bool {
	for _, sub := range subs {
		if strings.Contains(s, sub) {
			return true
		}
	}
	return false
}
