package mail

import (
	"bytes"
	"slices"
)

// Append appends the message as JSON: the properties as they came, in their order, with the changes made.
func (m *Message) Append(dst []byte) []byte {
	open := len(dst)
	dst = append(dst, '{')
	var done uint64 // bit i: change i is written
	results := false
	for _, f := range m.fields {
		i := m.changeOf(f.name)
		switch {
		case len(m.results) > 0 && string(f.name) == "results":
			if !results {
				dst, results = m.appendResults(dst, f.value), true
			}
		case i < 0:
			dst = appendMember(dst, f.name, f.value)
		case m.changes[i].value != nil && done>>i&1 == 0:
			dst = appendMember(dst, f.name, m.changes[i].value)
			done |= 1 << i
		}
	}
	for i, c := range m.changes {
		if c.value != nil && done>>i&1 == 0 {
			dst = appendMember(dst, []byte(c.name), c.value)
		}
	}
	if len(m.results) > 0 && !results {
		dst = m.appendResults(dst, nil)
	}
	return closeObject(dst, open)
}

// AppendBare appends the message without its MIME data, whatever becomes of that, and without its secrets, the keys in dkim and
// the password of smarthost: for logs.
func (m *Message) AppendBare(dst []byte) []byte {
	bare := *m
	bare.changes = slices.Clone(m.changes)
	bare.RemoveContent()
	bare.RemoveSecrets()
	if value := m.Property("smarthost"); value != nil {
		bare.Set("smarthost", without("password", value)) // also of one that is no smarthost
	}
	return bare.Append(dst)
}

// RemoveSecrets leaves out what nobody needs who reads of a message that was sent: the keys in dkim, also those of a document in
// mime, and the password of smarthost.
func (m *Message) RemoveSecrets() {
	if m.Property("dkim") != nil {
		m.Remove("dkim")
	}
	if m.Content == SourceObject && m.changeOf([]byte("mime")) < 0 {
		m.Set("mime", without("dkim", m.Property("mime")))
	}
	if m.Smarthost != nil && m.Smarthost.Password != "" {
		m.Set("smarthost", without("password", m.Property("smarthost")))
	}
}

// without is an object as it was but for one member; of what is no object nothing is left.
func without(member string, value []byte) []byte {
	dst := []byte{'{'}
	err := object(value, func(name, v []byte) error {
		if s, _ := text(name); s != member {
			dst = appendMember(dst, name[1:len(name)-1], v)
		}
		return nil
	})
	if err != nil {
		return nil
	}
	return closeObject(dst, 0)
}

// closeObject ends the object that starts at open. Members begin with a comma: the first one's is taken out.
func closeObject(dst []byte, open int) []byte {
	if len(dst) > open+1 && dst[open+1] == ',' {
		copy(dst[open+1:], dst[open+2:])
		dst = dst[:len(dst)-1]
	}
	return append(dst, '}')
}

func (m *Message) changeOf(name []byte) int {
	for i := range m.changes {
		if string(name) == m.changes[i].name {
			return i
		}
	}
	return -1
}

// appendMember takes a name as it stands between quotes in JSON.
func appendMember(dst, name, value []byte) []byte {
	dst = append(append(dst, ',', '"'), name...)
	return append(append(dst, '"', ':'), value...)
}

// appendResults extends the results that came with the message; what is no array is replaced.
func (m *Message) appendResults(dst, old []byte) []byte {
	dst = append(dst, `,"results":[`...)
	added := m.results
	if inner := arrayInner(old); len(inner) > 0 {
		dst = append(dst, inner...)
	} else {
		added = added[1:]
	}
	return append(append(dst, added...), ']')
}

// arrayInner is what stands between the brackets of an array, nil for anything else.
func arrayInner(raw []byte) []byte {
	if len(raw) < 2 || raw[0] != '[' {
		return nil
	}
	return bytes.TrimSpace(raw[1 : len(raw)-1])
}

// InvalidMessage is what is published of a body that is no JSON object: the result, and the body as text.
func InvalidMessage(body []byte, r *Result) []byte {
	return (&Object{}).Raw("results", append(append([]byte{'['}, r.AppendJSON(nil)...), ']')).Text("body", body).Bytes()
}
