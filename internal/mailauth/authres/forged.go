package authres

import (
	"strings"

	"posthoorn/internal/mail"
	"posthoorn/internal/mime"
)

// Forged tells which fields claim to be Authentication-Results of the server that is called id here. In mail from outside such a
// field is a lie and must go before anybody believes it (RFC 8601 section 5). It is for the methods of mime.Header:
//
//	pieces := header.Without(authres.Forged("mx.shop.test"))
func Forged(id string) func(*mime.Field) bool {
	id = canonical(id)
	return func(f *mime.Field) bool {
		return id != "" && f.Is("Authentication-Results") && claims(f.Value, id)
	}
}

// claims says that a field has the id, for any reader: some take comments out before anything else, some blanks around dots (which
// were allowed once) or control characters, and some decode encoded words, which mean nothing here.
func claims(value []byte, id string) bool {
	text := string(mime.Unfold(value))
	for _, text := range [...]string{text, mime.DecodeWords(text)} {
		if canonical(ServerID([]byte(text))) == id || canonical(bareID(text)) == id {
			return true
		}
	}
	return false
}

// bareID is the first word before the semicolon, when comments, control characters and blanks around dots are taken out.
func bareID(s string) string {
	var b strings.Builder
	for i := 0; i < len(s) && s[i] != ';'; i++ {
		switch {
		case s[i] == '(':
			i += mime.CommentLen(s[i:]) - 1
		case s[i] >= ' ' && s[i] != 0x7f:
			b.WriteByte(s[i])
		}
	}
	words := strings.Join(strings.Fields(b.String()), " ")
	word, _, _ := strings.Cut(strings.NewReplacer(" . ", ".", " .", ".", ". ", ".").Replace(words), " ")
	return word
}

// ServerID is the authserv-id of an Authentication-Results field: comments and quotes are taken off. Empty: there is none.
func ServerID(value []byte) string {
	s := strings.TrimLeft(string(mime.Unfold(value)), " \t")
	for strings.HasPrefix(s, "(") {
		s = strings.TrimLeft(s[mime.CommentLen(s):], " \t")
	}
	if strings.HasPrefix(s, `"`) {
		return unquoted(s)
	}
	if end := strings.IndexAny(s, " \t;("); end >= 0 {
		s = s[:end]
	}
	return s
}

// unquoted reads the quoted-string that s begins with.
func unquoted(s string) string {
	var b strings.Builder
	for i := 1; i < len(s) && s[i] != '"'; i++ {
		if s[i] == '\\' && i+1 < len(s) {
			i++
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// canonical is the form in which ids are compared: that of names in the DNS, with A-labels.
func canonical(id string) string {
	id = strings.ToLower(strings.TrimSuffix(strings.TrimSpace(id), "."))
	if _, ascii, err := mail.ParseDomain(id); err == nil {
		return ascii
	}
	return id
}
