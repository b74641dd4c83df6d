package report

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"io"
	"regexp"
	"strings"

	"golang.org/x/text/encoding/unicode"

	"posthoorn/internal/mime"
)

// Limits of a compressed attachment. A report over them is recognised by its name, but not read.
const (
	MaxPacked   = 10 << 20 // bytes of the attachment
	MaxUnpacked = 16 << 20 // bytes that may come out of it
	MaxRatio    = 200      // and so many for each byte of it, beyond 64 KiB
	maxAttached = 5        // attachments of a message that are opened
	maxMarks    = 1 << 20  // tags and attributes in all of them: they are what reading costs
)

var (
	errPacked  = errors.New("attachment is too large")
	errBomb    = errors.New("compressed attachment becomes too large")
	errArchive = errors.New("archive that cannot be read")
)

// fileName is how RFC 7489, 8460 and 9990 name a report: receiver!domain!begin!end, an id, and what it is.
var fileName = regexp.MustCompile(`(?i)^[^!/\\\s]+![^!/\\\s]+!\d{1,15}!\d{1,15}(?:[!.][^!/\\]*?)??\.(xml|json)?(?:\.?(?:gz|gzip|zip))?$`)

// attachment is a part that may be a report.
type attachment struct {
	part  *mime.Part
	named bool // its file name is that of a report
}

// attachments are the parts of certain media types that may hold a report, or whose name says that they do. The form is xml or
// json; archives may hold either.
func (m *message) attachments(form string) (found []attachment) {
	for _, p := range m.leaves() {
		if len(found) == maxAttached {
			break
		}
		kind := p.Media.Type
		packed := strings.Contains(kind, "zip") || strings.HasSuffix(kind, "/octet-stream")
		if name := fileName.FindStringSubmatch(nameOf(p)); name == nil && !packed && !strings.Contains(kind, form) {
			continue
		} else if name == nil {
			found = append(found, attachment{part: p})
		} else if name[1] == "" || strings.EqualFold(name[1], form) {
			found = append(found, attachment{part: p, named: true})
		}
	}
	return found
}

// nameOf is the file name of a part.
func nameOf(p *mime.Part) string {
	name := ""
	if f := p.Field("Content-Disposition"); f != nil {
		name = mime.ParseMedia(f.Value).Get("filename")
	}
	if name == "" {
		name = p.Media.Get("name")
	}
	return strings.TrimSpace(mime.DecodeWords(name))
}

// unpacked is the content of a part, out of its archive if it is one, as UTF-8 if it has a byte order mark.
func (m *message) unpacked(p *mime.Part) ([]byte, error) {
	data, err := m.opened(p)
	if err != nil {
		return nil, err
	}
	if data, err = decoded(data); err != nil {
		return nil, err
	}
	m.marks += bytes.Count(data, []byte("<")) + bytes.Count(data, []byte("="))
	if m.marks > maxMarks {
		return nil, errBomb
	}
	return data, nil
}

// decoded is a text as UTF-8 without a byte order mark, if it has one.
func decoded(data []byte) ([]byte, error) {
	if bytes.HasPrefix(data, []byte("\xff\xfe")) || bytes.HasPrefix(data, []byte("\xfe\xff")) {
		return unicode.UTF16(unicode.BigEndian, unicode.UseBOM).NewDecoder().Bytes(data)
	}
	return bytes.TrimPrefix(data, []byte("\ufeff")), nil
}

// opened sees what a part is by its first bytes: the media types of reports are often wrong.
func (m *message) opened(p *mime.Part) ([]byte, error) {
	if p.End-p.Body > 2*MaxPacked {
		return nil, errPacked
	}
	data := p.AppendDecoded(nil, m.source)
	switch {
	case len(data) > MaxPacked:
		return nil, errPacked
	case bytes.HasPrefix(data, []byte{0x1f, 0x8b}):
		r, err := gzip.NewReader(bytes.NewReader(data))
		if err != nil {
			return nil, err
		}
		r.Multistream(false) // what follows the report is of no interest
		return inflate(r, len(data))
	case bytes.HasPrefix(data, []byte("PK\x03\x04")):
		return unzip(data)
	}
	return data, nil
}

// unzip is the first file of a zip archive; folders may stand before it. The central directory, in which there may be far more to
// read than there is, is not looked at.
func unzip(data []byte) ([]byte, error) {
	const header, folders = 30, 10
	for range folders {
		if len(data) < header || !bytes.HasPrefix(data, []byte("PK\x03\x04")) {
			return nil, errArchive
		}
		flags, method := binary.LittleEndian.Uint16(data[6:]), binary.LittleEndian.Uint16(data[8:])
		size := binary.LittleEndian.Uint32(data[18:])
		nameEnd := header + int(binary.LittleEndian.Uint16(data[26:]))
		start := nameEnd + int(binary.LittleEndian.Uint16(data[28:]))
		encrypted, sizeLater := flags&1 != 0, flags&8 != 0
		switch {
		case encrypted || start > len(data):
			return nil, errArchive
		case data[nameEnd-1] == '/' && size == 0 && !sizeLater:
			data = data[start:]
		case method == 8:
			return inflate(flate.NewReader(bytes.NewReader(data[start:])), len(data)-start)
		case method == 0 && !sizeLater && int64(size) <= int64(len(data)-start):
			return data[start : start+int(size)], nil
		default:
			return nil, errArchive
		}
	}
	return nil, errArchive
}

// inflate reads what comes out of packed bytes, up to the limits.
func inflate(r io.Reader, packed int) ([]byte, error) {
	limit := min(MaxUnpacked, 64<<10+MaxRatio*packed)
	data, err := io.ReadAll(io.LimitReader(r, int64(limit)+1))
	if err != nil {
		return nil, err
	}
	if len(data) > limit {
		return nil, errBomb
	}
	return data, nil
}
