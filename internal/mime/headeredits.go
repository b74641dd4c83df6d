package mime

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
)

// HeaderEdits are changes to the header of a message (message-json.md section 8), done in the order of the members.
// Names are compared without regard to case; values are written by [AppendField].
type HeaderEdits struct {
	Remove  []string    // all fields of these names go
	Replace []NameValue // the first field of the name gets the value, further ones go; an absent one is added at the end
	Update  []NameValue // the same, but an absent one stays absent
	Append  []NameValue // added at the end
	Prepend []NameValue // added in front, in their order
}

// NameValue is a field that is to be written.
type NameValue struct{ Name, Value string }

// NameError is a text that cannot be the name of a field.
type NameError string

// Error is for the log.
func (e NameError) Error() string {
	return fmt.Sprintf("%.80q is no name of a header field", string(e))
}

// IsZero says that there is nothing to do.
func (e *HeaderEdits) IsZero() bool {
	return len(e.Remove)+len(e.Replace)+len(e.Update)+len(e.Append)+len(e.Prepend) == 0
}

// EditHeader does the edits. Fields that they do not name keep their bytes and their order, as does what follows the header; a blank
// line is put between them if there was none. A value with which the field cannot be written, such as a To without an address, leaves
// the field out. The errors are [NameError], [ErrFields] and those of [ParseHeader]; the result is the source then.
func EditHeader(source []byte, e *HeaderEdits) ([]byte, error) {
	if e.IsZero() {
		return source, nil
	}
	if err := e.check(); err != nil {
		return source, err
	}
	h, err := ParseHeader(source)
	if err != nil {
		return source, err
	}
	l := newFieldList(source, &h)
	l.apply(e)
	if len(l) > MaxFields {
		return source, ErrFields
	}
	out := l.join(len(source))
	if !h.Closed && len(l) > 0 {
		out = append(out, '\r', '\n') // a body that begins with a blank would be part of the last field
	}
	return append(out, source[h.Body:]...), nil
}

func (e *HeaderEdits) check() error {
	if len(e.Remove) > MaxFields {
		return ErrFields
	}
	for _, name := range e.Remove {
		if !ValidName(name) {
			return NameError(name)
		}
	}
	for _, list := range [][]NameValue{e.Replace, e.Update, e.Append, e.Prepend} {
		for _, f := range list {
			if !ValidName(f.Name) {
				return NameError(f.Name)
			}
		}
	}
	return nil
}

// fieldList is a header as its fields, each with its name and all its bytes.
type fieldList []listedField

type listedField struct{ name, bytes []byte }

func newFieldList(source []byte, h *Header) fieldList {
	l := make(fieldList, len(h.Fields), len(h.Fields)+8)
	for i, f := range h.Fields {
		l[i] = listedField{f.Name, source[f.Start:f.End:f.End]}
	}
	return l
}

func (l *fieldList) apply(e *HeaderEdits) {
	for _, name := range e.Remove {
		l.remove(name, 0)
	}
	for _, f := range e.Replace {
		if !l.replace(f) {
			*l = append(*l, f.listed())
		}
	}
	for _, f := range e.Update {
		l.replace(f)
	}
	for _, f := range e.Append {
		*l = append(*l, f.listed())
	}
	front := make(fieldList, 0, len(e.Prepend)+len(*l))
	for _, f := range e.Prepend {
		front = append(front, f.listed())
	}
	*l = slices.DeleteFunc(append(front, *l...), func(f listedField) bool { return len(f.bytes) == 0 })
}

func (f NameValue) listed() listedField {
	return listedField{[]byte(f.Name), AppendField(nil, f.Name, f.Value)}
}

// remove takes out the fields of a name from index on.
func (l *fieldList) remove(name string, from int) {
	kept := (*l)[:from]
	for _, f := range (*l)[from:] {
		if !EqualName(f.name, name) {
			kept = append(kept, f)
		}
	}
	*l = kept
}

// replace gives the first field of the name its value and takes out the others; false when there is none.
func (l *fieldList) replace(f NameValue) bool {
	for i := range *l {
		if EqualName((*l)[i].name, f.Name) {
			(*l)[i] = f.listed()
			l.remove(f.Name, i+1)
			return true
		}
	}
	return false
}

// join is the header again. Its last field may have come without a line end, and may not be the last one any more.
func (l fieldList) join(size int) []byte {
	out := make([]byte, 0, size+256)
	for i, f := range l {
		out = append(out, f.bytes...)
		if i < len(l)-1 && !bytes.HasSuffix(f.bytes, []byte("\n")) {
			out = append(out, '\r', '\n')
		}
	}
	return out
}

// UnmarshalJSON reads the headers property of a message: remove is a text or a list of them, replace and update are objects
// with texts, append (or add) and prepend are objects with texts or lists of them. Unknown members are ignored, and null is
// as good as absent.
func (e *HeaderEdits) UnmarshalJSON(raw []byte) error {
	*e = HeaderEdits{}
	return eachMember(raw, "headers", func(key string, value json.RawMessage) (err error) {
		switch key {
		case "remove":
			e.Remove, err = texts(value, "headers.remove")
		case "replace":
			err = fieldsOf(&e.Replace, value, "headers.replace", false)
		case "update":
			err = fieldsOf(&e.Update, value, "headers.update", false)
		case "append", "add":
			err = fieldsOf(&e.Append, value, "headers."+key, true)
		case "prepend":
			err = fieldsOf(&e.Prepend, value, "headers.prepend", true)
		}
		return err
	})
}

// fieldsOf reads an object of names and values in its order.
func fieldsOf(to *[]NameValue, raw json.RawMessage, path string, lists bool) error {
	return eachMember(raw, path, func(name string, value json.RawMessage) error {
		if !ValidName(name) {
			return fmt.Errorf("%s: %w", path, NameError(name))
		}
		if !lists && !bytes.HasPrefix(value, []byte{'"'}) && !bytes.Equal(value, []byte("null")) {
			return fmt.Errorf("%s.%s must be a string", path, name)
		}
		values, err := texts(value, path+"."+name)
		for _, v := range values {
			*to = append(*to, NameValue{name, v})
		}
		if len(*to) > MaxFields {
			return ErrFields
		}
		return err
	})
}

// texts reads a text, or a list of them.
func texts(raw json.RawMessage, path string) ([]string, error) {
	var list []string
	if bytes.HasPrefix(raw, []byte{'"'}) {
		list = make([]string, 1)
		return list, json.Unmarshal(raw, &list[0])
	}
	if err := json.Unmarshal(raw, &list); err != nil {
		return nil, fmt.Errorf("%s must be a string or an array of strings", path)
	}
	return list, nil
}

// eachMember calls f for the members of an object in their order; for null there are none.
func eachMember(raw []byte, path string, f func(key string, value json.RawMessage) error) error {
	d := json.NewDecoder(bytes.NewReader(raw))
	first, err := d.Token()
	if err != nil {
		return err
	}
	if first == nil {
		return nil
	}
	if first != json.Delim('{') {
		return errors.New(path + " must be an object")
	}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return err
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return err
		}
		if err := f(key.(string), value); err != nil {
			return err
		}
	}
	return nil
}
