package dkim

import (
	"bytes"
	"hash"
	"strings"

	"posthoorn/internal/mime"
)

// Signed is a received message whose signatures are verified. What they share is computed once, so it is for one goroutine at a
// time.
type Signed struct {
	content *content
	fields  map[string][]*mime.Field // by name in lower case
}

// ReadSigned finds the fields of a message. The errors are those of mime.ParseHeader.
func ReadSigned(source []byte) (*Signed, error) {
	header, err := mime.ParseHeader(source)
	if err != nil {
		return nil, err
	}
	s := &Signed{&content{source: source, header: header, bodies: map[bool][]byte{}}, map[string][]*mime.Field{}}
	for i := range header.Fields {
		f := &s.content.header.Fields[i]
		name := strings.ToLower(string(f.Name))
		s.fields[name] = append(s.fields[name], f)
	}
	return s, nil
}

// Header is the header of the message.
func (s *Signed) Header() *mime.Header { return &s.content.header }

// Fields are those of a name in lower case, top down.
func (s *Signed) Fields(name string) []*mime.Field { return s.fields[name] }

// cover writes what a signature covers of the header: the fields that h= names, of repeated ones the last first, then its own field
// with an empty b= (RFC 6376 section 3.7).
func (s *Signed) cover(h hash.Hash, sig *Signature) {
	used := map[string]int{}
	var line []byte
	for _, name := range sig.names {
		f := s.pick(name, used, sig.field)
		if f == nil {
			continue // one that must not be there
		}
		line = appendHeader(line[:0], s.content.source, f, sig.form.simpleHeader)
		_, _ = h.Write(line)
	}
	_, _ = h.Write(sig.appendUnsigned(line[:0], s.content.source))
}

// pick is the lowest field of a name that was not picked before. The signature itself was not there when it was made.
func (s *Signed) pick(name string, used map[string]int, own *mime.Field) *mime.Field {
	list := s.fields[name]
	for used[name] < len(list) {
		used[name]++
		if f := list[len(list)-used[name]]; f != own {
			return f
		}
	}
	return nil
}

// appendUnsigned appends the field of a signature in canonical form, with an empty b= and without its line end.
func (sig *Signature) appendUnsigned(dst, source []byte) []byte {
	f := sig.field
	value := withoutSignature(f.Value)
	if !sig.form.simpleHeader {
		return appendRelaxed(dst, f.Name, value)
	}
	colon := f.Start + bytes.IndexByte(source[f.Start:f.End], ':')
	return append(append(dst, source[f.Start:colon+1]...), value...)
}

// withoutSignature empties the tag b, wherever it stands. Only a semicolon ends a tag: other values may look like it.
func withoutSignature(value []byte) []byte {
	for start := 0; start < len(value); {
		end := len(value)
		if i := bytes.IndexByte(value[start:], ';'); i >= 0 {
			end = start + i
		}
		if i := bytes.IndexByte(value[start:end], '='); i >= 0 && string(bytes.TrimSpace(value[start:start+i])) == "b" {
			return append(bytes.Clone(value[:start+i+1]), value[end:]...)
		}
		start = end + 1
	}
	return value
}
