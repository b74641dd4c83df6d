package mime

import (
	"strings"

	"golang.org/x/net/idna"
)

// Mailbox is one entry of an address field (RFC 5322 section 3.4), in plain text: nothing is quoted or encoded in the name.
type Mailbox struct {
	Name    string
	Address string // local@domain, the local part quoted where it must be; empty: the entry holds no address
	// Verbatim: the address is to be written as it is, since it holds template tags that are yet to be rendered.
	Verbatim bool
}

// IsAddressField says whether a field of that name holds a list of mailboxes.
func IsAddressField(name string) bool {
	switch strings.TrimPrefix(strings.ToLower(name), "resent-") {
	case "from", "sender", "reply-to", "to", "cc", "bcc":
		return true
	}
	return false
}

// AppendMailboxes appends an address field, CRLF included. Names are quoted or encoded (RFC 2047), domains become A-labels
// unless the local part needs SMTPUTF8 anyway (RFC 6532), long lists are folded. Whatever an entry holds, it stays one entry.
// Entries that hold nothing are left out; a field without entries, or with an invalid name, appends nothing.
func AppendMailboxes(dst []byte, name string, list []Mailbox) []byte {
	if !ValidName(name) {
		return dst
	}
	f := startField(dst, name)
	for _, m := range list {
		m.Name, m.Address = clean(m.Name), clean(m.Address)
		if m.Name+m.Address == "" {
			continue
		}
		blanks := ""
		if !f.first {
			f.out = append(f.out, ',')
			blanks = " "
		}
		f.mailbox(blanks, m)
	}
	if f.first {
		return dst
	}
	return f.end()
}

func (f *fieldWriter) mailbox(blanks string, m Mailbox) {
	address := m.Address
	if !m.Verbatim {
		address = FormatAddress(address)
	}
	switch {
	case m.Name == "":
		f.put(blanks, address)
	case address == "":
		f.name(blanks, m.Name)
	default:
		f.name(blanks, m.Name)
		f.put(" ", "<"+address+">")
	}
}

// name writes a display name: as it is, quoted or encoded. A name with a brace is never quoted, since a backslash would change
// the template tag that it may be.
func (f *fieldWriter) name(blanks, name string) {
	switch {
	case isPhrase(name) && !strings.Contains(name, "=?"):
		for name != "" {
			more, word := nextWord(name)
			f.put(blanks+more, word)
			name, blanks = name[len(more)+len(word):], ""
		}
	case isASCII(name) && len(name) <= foldAt && !strings.Contains(name, "=?") && !strings.ContainsAny(name, "{}"):
		f.put(blanks, quote(name))
	default:
		f.putEncoded(blanks, name)
	}
}

// isPhrase says whether name consists of atoms of ASCII, with one space between them.
func isPhrase(name string) bool {
	for i := range len(name) {
		switch c := name[i]; {
		case c == ' ' && i > 0 && name[i-1] != ' ':
		case c >= 0x80 || !isAtext(c):
			return false
		}
	}
	return len(name) > 0 && len(name) <= longest
}

// FormatAddress writes an address so that it can stand between angle brackets and cannot end there: the domain in A-labels
// unless the local part is not ASCII, the local part quoted where it must be. An address with an impossible domain becomes one
// quoted local part.
func FormatAddress(address string) string {
	address = strings.Trim(clean(address), " \t")
	at := strings.LastIndexByte(address, '@')
	if at < 0 {
		return quoteLocal(address)
	}
	local, domain := address[:at], address[at+1:]
	ascii, ok := asciiDomain(domain)
	switch {
	case !ok:
		return quote(address)
	case isASCII(local):
		domain = ascii
	}
	return quoteLocal(local) + "@" + domain
}

// asciiDomain is a domain in A-labels, or an address literal.
func asciiDomain(domain string) (ascii string, ok bool) {
	if n := len(domain); n > 2 && domain[0] == '[' && domain[n-1] == ']' {
		return domain, strings.Trim(domain[1:n-1], "0123456789abcdefABCDEFIPv:.-") == ""
	}
	if !isASCII(domain) {
		var err error
		if domain, err = idna.Lookup.ToASCII(domain); err != nil {
			return "", false
		}
	}
	for i := range len(domain) {
		if c := domain[i]; !isLetterOrDigit(c) && c != '-' && c != '.' && c != '_' {
			return "", false
		}
	}
	return domain, domain != ""
}

func quoteLocal(local string) string {
	if local == "" || isDotAtom(local) || isQuoted(local) {
		return local
	}
	return quote(local)
}

func isDotAtom(s string) bool {
	for i := range len(s) {
		if c := s[i]; c != '.' && !isAtext(c) {
			return false
		}
	}
	return s[0] != '.' && s[len(s)-1] != '.' && !strings.Contains(s, "..")
}

// isQuoted says whether s is one well-formed quoted-string (RFC 5322 section 3.2.4).
func isQuoted(s string) bool {
	n := len(s)
	return n >= 2 && s[0] == '"' && quotedLen(s) == n && s[n-1] == '"' && !strings.HasSuffix(s[:n-1], `\`)
}

func quote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for i := range len(s) {
		if c := s[i]; c == '"' || c == '\\' {
			b.WriteByte('\\')
		}
		b.WriteByte(s[i])
	}
	b.WriteByte('"')
	return b.String()
}

// isAtext says which bytes an atom has (RFC 5322 section 3.2.3, RFC 6532).
func isAtext(c byte) bool {
	return isLetterOrDigit(c) || c >= 0x80 || strings.IndexByte("!#$%&'*+-/=?^_`{|}~", c) >= 0
}
