package compose

import (
	"path"
	"strings"
	"unicode"

	"posthoorn/internal/mime"
)

// maxName bounds a file name, in bytes.
const maxName = 200

// fileName is a name that is fit for a file. One with tags is so when it has been rendered.
func (b *builder) fileName(s string) string {
	if len(b.tags(s)) > 0 {
		return s
	}
	return cleanName(s)
}

// cleanName takes off a file name what could lead to another place or show another name than it is: folders, control
// characters, and those that turn the direction of text.
func cleanName(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, ""))
	s = s[strings.LastIndexAny(s, `/\`)+1:]
	s = strings.TrimRight(strings.TrimSpace(s), ". ")
	if len(s) > maxName {
		ext := path.Ext(s)
		if len(ext) > 20 {
			ext = ""
		}
		s = strings.ToValidUTF8(s[:maxName-len(ext)], "") + ext
	}
	if s == "" {
		return "attachment"
	}
	return s
}

// usable says whether a media type tells something about a file.
func usable(kind string) bool {
	m := mime.ParseMedia([]byte(kind))
	return isMediaType(m.Type) && m.Type != "application/octet-stream"
}

// isMediaType says whether s is a type and a subtype (RFC 6838 section 4.2).
func isMediaType(s string) bool {
	kind, sub, _ := strings.Cut(s, "/")
	return isMediaName(kind) && isMediaName(sub)
}

func isMediaName(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') && (i == 0 || strings.IndexByte("!#$&-^_.+", c) < 0) {
			return false
		}
	}
	return s != "" && len(s) <= 127
}

// mediaOf is the type of a file: the one that is given if it is one, or that of its name. Messages and multiparts may not be in
// base64 (RFC 2046 sections 5.1 and 5.2), so they are files without a type.
func mediaOf(kind, name string) mime.Media {
	m := mime.ParseMedia([]byte(kind))
	if !isMediaType(m.Type) {
		m = mime.Media{Type: typeOfName(name)}
	}
	if strings.HasPrefix(m.Type, "message/") || strings.HasPrefix(m.Type, "multipart/") {
		return mime.Media{Type: "application/octet-stream"}
	}
	return mime.Media{Type: m.Type, Params: m.Params[:min(len(m.Params), 10)]}
}

// fileFields describe a file with its name, for old readers too (RFC 2183, RFC 2231).
func fileFields(m mime.Media, disposition, name string) []byte {
	fields := mime.AppendMedia(nil, "Content-Type", m.With("name", name))
	fields = mime.AppendMedia(fields, "Content-Disposition", mime.Media{Type: disposition}.With("filename", name))
	return append(fields, "Content-Transfer-Encoding: base64\r\n"...)
}
