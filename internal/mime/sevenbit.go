package mime

import "strings"

// SevenBit makes a message that can go anywhere (RFC 6152 section 3): parts that are sent as they are and that hold bytes above 127,
// or lines of more than 998 bytes, become quoted-printable. False: that cannot be done, as such bytes stand in a header, between parts,
// in an attached message, or where something is signed or encrypted; or the message has no structure that can be told.
func SevenBit(source []byte) ([]byte, bool) {
	if staysPlain(source) {
		return source, true
	}
	parts, err := Parts(source)
	if err != nil {
		return nil, false
	}
	var edits []Edit
	for i := range parts {
		edits = parts[i].appendSevenBit(edits, source)
	}
	out := Rewrite(source, edits)
	return out, staysPlain(out)
}

// appendSevenBit appends the edits for one part. What has parts or a message in it can have no encoding (RFC 2045 section 6.4), but
// may say that it is 8bit.
func (p *Part) appendSevenBit(edits []Edit, source []byte) []Edit {
	composite := strings.HasPrefix(p.Media.Type, "multipart/") || strings.HasPrefix(p.Media.Type, "message/")
	switch {
	case !p.isPlain():
	case !composite && !staysPlain(source[p.Body:p.End]):
		return p.appendQuoted(edits, source, nil, source[p.Body:p.End])
	case p.Encoding == "8bit" || p.Encoding == "binary":
		edits, _ = p.setField(edits, source, nil, "Content-Transfer-Encoding", []byte("Content-Transfer-Encoding: 7bit\r\n"))
	}
	return edits
}
