package config

import (
	"crypto/tls"
	"errors"
	"slices"
	"strings"
)

// cipherList is an OpenSSL cipher list, mapped to the suites of Go.
type cipherList struct {
	suites  []uint16
	unknown []string // items without a match
}

var ciphersType = Type{
	Name: "OpenSSL list", Allowed: "names and groups of OpenSSL, separated by colons, that leave at least one suite",
	parse: parseCiphers, empty: true,
}

type cipher struct {
	name  string // of OpenSSL
	suite uint16
	words string // groups of OpenSSL that hold the suite
}

// in says whether the suite has that name or is in that group.
func (c cipher) in(word string) bool {
	return word == c.name || word == "ALL" || word == "DEFAULT" || slices.Contains(strings.Fields(c.words), word)
}

// openSSL names the suites up to TLS 1.2 that Go can speak, strongest first. Those of TLS 1.3 cannot be chosen.
var openSSL = []cipher{
	{"ECDHE-ECDSA-AES256-GCM-SHA384", tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, "HIGH FIPS ECDHE EECDH ECDSA aECDSA AESGCM AES AES256 SHA384 TLSv1.2"},
	{"ECDHE-RSA-AES256-GCM-SHA384", tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, "HIGH FIPS ECDHE EECDH RSA aRSA AESGCM AES AES256 SHA384 TLSv1.2"},
	{"ECDHE-ECDSA-CHACHA20-POLY1305", tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, "HIGH ECDHE EECDH ECDSA aECDSA CHACHA20 TLSv1.2"},
	{"ECDHE-RSA-CHACHA20-POLY1305", tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256, "HIGH ECDHE EECDH RSA aRSA CHACHA20 TLSv1.2"},
	{"ECDHE-ECDSA-AES128-GCM-SHA256", tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, "HIGH FIPS ECDHE EECDH ECDSA aECDSA AESGCM AES AES128 SHA256 TLSv1.2"},
	{"ECDHE-RSA-AES128-GCM-SHA256", tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, "HIGH FIPS ECDHE EECDH RSA aRSA AESGCM AES AES128 SHA256 TLSv1.2"},
	{"ECDHE-ECDSA-AES256-SHA", tls.TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA, "HIGH FIPS ECDHE EECDH ECDSA aECDSA AES AES256 SHA SHA1"},
	{"ECDHE-RSA-AES256-SHA", tls.TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA, "HIGH FIPS ECDHE EECDH RSA aRSA AES AES256 SHA SHA1"},
	{"ECDHE-ECDSA-AES128-SHA", tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA, "HIGH FIPS ECDHE EECDH ECDSA aECDSA AES AES128 SHA SHA1"},
	{"ECDHE-RSA-AES128-SHA", tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA, "HIGH FIPS ECDHE EECDH RSA aRSA AES AES128 SHA SHA1"},
	{"AES256-GCM-SHA384", tls.TLS_RSA_WITH_AES_256_GCM_SHA384, "HIGH FIPS RSA kRSA aRSA AESGCM AES AES256 SHA384 TLSv1.2"},
	{"AES128-GCM-SHA256", tls.TLS_RSA_WITH_AES_128_GCM_SHA256, "HIGH FIPS RSA kRSA aRSA AESGCM AES AES128 SHA256 TLSv1.2"},
	{"AES256-SHA", tls.TLS_RSA_WITH_AES_256_CBC_SHA, "HIGH FIPS RSA kRSA aRSA AES AES256 SHA SHA1"},
	{"AES128-SHA", tls.TLS_RSA_WITH_AES_128_CBC_SHA, "HIGH FIPS RSA kRSA aRSA AES AES128 SHA SHA1"},
}

// emptyGroups are groups of OpenSSL that hold nothing that Go speaks; to exclude them is no news to the operator.
var emptyGroups = strings.Fields("aNULL eNULL NULL LOW MEDIUM EXP EXPORT EXPORT40 EXPORT56 SSLv2 SSLv3 DES 3DES RC4 RC2 MD5 IDEA SEED " +
	"CAMELLIA ARIA ADH AECDH DSS aDSS PSK SRP DH EDH DHE kDHE ECDH kECDH aECDH kEDH COMPLEMENTOFDEFAULT COMPLEMENTOFALL")

func parseCiphers(raw string) (any, error) {
	var list cipherList
	var banned []uint16
	for _, item := range splitList(raw, ": ,") {
		name := strings.TrimLeft(item, "!-+")
		if name == "" || name[0] == '@' {
			continue
		}
		matched, known := suitesOf(name)
		switch item[0] {
		case '!':
			banned = append(banned, matched...)
			list.remove(matched)
		case '-':
			list.remove(matched)
		case '+':
		default:
			if !known || len(matched) == 0 {
				list.unknown = append(list.unknown, item)
			}
			list.add(matched, banned)
			continue
		}
		if !known {
			list.unknown = append(list.unknown, item)
		}
	}
	if raw != "" && len(list.suites) == 0 {
		return list, errors.New("leaves no cipher suite that Go can speak")
	}
	return list, nil
}

// suitesOf resolves a name, a group, or groups joined by + (all of them must hold the suite).
func suitesOf(name string) (suites []uint16, known bool) {
	words := strings.Split(name, "+")
	for _, c := range openSSL {
		if !slices.ContainsFunc(words, func(w string) bool { return !c.in(w) }) {
			suites = append(suites, c.suite)
		}
	}
	known = len(suites) > 0 || !slices.ContainsFunc(words, func(w string) bool { return !slices.Contains(emptyGroups, w) })
	return suites, known
}

func (l *cipherList) add(suites, banned []uint16) {
	for _, s := range suites {
		if !slices.Contains(l.suites, s) && !slices.Contains(banned, s) {
			l.suites = append(l.suites, s)
		}
	}
}

func (l *cipherList) remove(suites []uint16) {
	l.suites = slices.DeleteFunc(l.suites, func(s uint16) bool { return slices.Contains(suites, s) })
}

// ciphers returns the suites of a key and warns once about what has no match.
func (b *builder) ciphers(key string) []uint16 {
	list := get[cipherList](b, key)
	if len(list.unknown) > 0 {
		b.warnKey(key, "no cipher suite of Go matches "+strings.Join(list.unknown, ", "))
	}
	return list.suites
}
