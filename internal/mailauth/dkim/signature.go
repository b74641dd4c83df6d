package dkim

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"hash"
	"slices"
	"strconv"
	"time"

	"posthoorn/internal/mime"
)

// content is one message while it is signed. Whatever signatures share is computed once.
type content struct {
	source []byte
	header mime.Header
	bodies map[bool][]byte // hash by "relaxed", as base64
	covers []cover
}

// cover is the header as far as signatures of one kind cover it.
type cover struct {
	simple, oversign bool
	extra            []string
	names            []string
	digest           hash.Hash // has taken in the fields; cloned for each signature
}

// ErrContinued says that a source cannot have a field put in front of it: its first line would become part of that.
var ErrContinued = errors.New("the message begins with the continuation of a header field")

func newContent(source []byte) (*content, error) {
	if len(source) > 0 && blank(source[0]) {
		return nil, ErrContinued
	}
	header, err := mime.ParseHeader(source)
	return &content{source: source, header: header, bodies: map[bool][]byte{}}, err
}

// body is the hash of the body for bh=.
func (c *content) body(relaxed bool) []byte {
	if sum, ok := c.bodies[relaxed]; ok {
		return sum
	}
	body := c.source[c.header.Body:]
	if c.header.Closed && len(body) >= len(crlf) && body[0] == '\r' && body[1] == '\n' {
		body = body[len(crlf):]
	}
	h := sha256.New()
	if relaxed {
		writeRelaxed(h, body)
	} else {
		writeSimple(h, body)
	}
	c.bodies[relaxed] = base64.StdEncoding.AppendEncode(nil, h.Sum(nil))
	return c.bodies[relaxed]
}

// cover selects and hashes what k covers of the header.
func (c *content) cover(k *Key) *cover {
	for i := range c.covers {
		if v := &c.covers[i]; v.simple == k.form.simpleHeader && v.oversign == k.oversign && slices.Equal(v.extra, k.extra) {
			return v
		}
	}
	chosen := choose(&c.header, k)
	var canonical []byte
	for _, f := range chosen.fields {
		if f != nil {
			canonical = appendHeader(canonical, c.source, f, k.form.simpleHeader)
		}
	}
	digest := sha256.New()
	_, _ = digest.Write(canonical)
	c.covers = append(c.covers, cover{k.form.simpleHeader, k.oversign, k.extra, chosen.names, digest})
	return &c.covers[len(c.covers)-1]
}

// append appends the signature of k as a header field with its line end.
func (c *content) append(dst []byte, k *Key, now time.Time) ([]byte, error) {
	v, start := c.cover(k), len(dst)
	field := k.appendTags(dst, v.names, c.body(k.form.relaxedBody), now)
	digest, err := sum(v, field[start:])
	if err != nil {
		return dst, err
	}
	signature, err := k.private.sign(digest)
	if err != nil {
		return dst, &KeyError{Domain: k.Domain, Selector: k.Selector, Reason: err.Error()}
	}
	return append(appendFolded(field, base64.StdEncoding.EncodeToString(signature)), '\r', '\n'), nil
}

// sum is the hash to sign: the header and the new field without its signature and line end (RFC 6376 section 3.7).
func sum(v *cover, field []byte) (digest [sha256.Size]byte, err error) {
	h, err := v.digest.(hash.Cloner).Clone()
	if err != nil {
		return digest, err
	}
	if !v.simple {
		name, value := field[:len(fieldName)], field[len(fieldName)+1:]
		field = appendRelaxed(make([]byte, 0, len(field)), name, value)
	}
	_, _ = h.Write(field)
	h.Sum(digest[:0])
	return digest, nil
}

const fieldName = "DKIM-Signature"

// appendTags appends the field up to the signature itself (RFC 6376 section 3.5).
func (k *Key) appendTags(dst []byte, names []string, bodyHash []byte, now time.Time) []byte {
	dst = append(append(append(dst, fieldName+": v=1; a="...), k.Algorithm()...), "; c="...)
	dst = append(append(dst, k.form.String()...), ";\r\n\td="...)
	dst = append(append(append(append(dst, k.Domain...), "; s="...), k.Selector...), ";\r\n\tt="...)
	dst = strconv.AppendInt(dst, now.Unix(), 10)
	if !k.Expire.IsZero() {
		dst = strconv.AppendInt(append(dst, "; x="...), k.Expire.Unix(), 10)
	}
	if k.report {
		dst = append(dst, "; r=y"...)
	}
	dst = appendNames(append(dst, ";\r\n\th="...), names)
	dst = append(append(dst, ";\r\n\tbh="...), bodyHash...)
	return append(dst, ";\r\n\tb="...)
}

const lineWidth = 76

// appendNames appends the list for h=, folded behind colons.
func appendNames(dst []byte, names []string) []byte {
	column := len("\th=")
	for i, name := range names {
		if i > 0 {
			dst = append(dst, ':')
			column++
		}
		if i > 0 && column+len(name) > lineWidth {
			dst = append(dst, "\r\n\t "...)
			column = 2
		}
		dst = append(dst, name...)
		column += len(name)
	}
	return dst
}

// appendFolded appends base64 in lines. The first begins beside the tag: some verifiers cut only what follows it directly.
func appendFolded(dst []byte, text string) []byte {
	for room := lineWidth - len("\tb="); len(text) > room; room = lineWidth - 2 {
		dst = append(append(dst, text[:room]...), "\r\n\t "...)
		text = text[room:]
	}
	return append(dst, text...)
}
