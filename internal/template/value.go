package template

import (
	"math"
	"strconv"
)

type kind uint8

const (
	unset kind = iota
	null
	boolean
	integer
	float
	text
	list
	object
)

// A Value is what a variable holds: a JSON value, read from its text as far as a template asks for
// it, or one made in Go. The zero Value is unset. Values are immutable and cheap to copy.
type Value struct {
	kind   kind
	exempt bool   // went through escape or raw: the mode of the template leaves it alone
	bits   uint64 // boolean, integer, float
	str    string // text
	raw    []byte // text that needs no decoding, without its quotes; list and object as JSON
	tree   *tree  // list and object made in Go
}

type tree struct {
	members []Member
	values  []Value
	size    int // weight of all in it
}

// Member is one named value of an [Object].
type Member struct {
	Name  string
	Value Value
}

// String is a text. It should be UTF-8.
func String(s string) Value { return Value{kind: text, str: s} }

// Int is an integer.
func Int(n int64) Value { return Value{kind: integer, bits: uint64(n)} }

// Bool is a boolean.
func Bool(b bool) Value {
	if b {
		return Value{kind: boolean, bits: 1}
	}
	return Value{kind: boolean}
}

// List is an array. It keeps values, which must not change any more.
func List(values []Value) Value {
	t := &tree{values: values}
	for i := range values {
		t.size += 20 + values[i].weight()
	}
	return Value{kind: list, tree: t}
}

// Object is an object whose members keep their order. It keeps members, which must not change any more.
func Object(members []Member) Value {
	t := &tree{members: members}
	for i := range members {
		t.size += 20 + members[i].Value.weight()
	}
	return Value{kind: object, tree: t}
}

// JSON is the value that raw holds as JSON text. It keeps raw, which must not change while the value
// is in use. An object is not decoded, only searched when a member is wanted; of two members with the
// same name the last one counts. Nothing, or something that cannot begin a JSON value, is unset; text
// that is damaged further on gives what can be read.
func JSON(raw []byte) Value {
	raw = trimSpace(raw)
	if len(raw) == 0 {
		return Value{}
	}
	switch c := raw[0]; {
	case c == '"':
		return jsonString(raw)
	case c == '{':
		return Value{kind: object, raw: raw}
	case c == '[':
		return Value{kind: list, raw: raw}
	case c == '-' || isDigit(c):
		n, _ := parseNumber(string(raw))
		return n
	}
	switch string(raw) {
	case "true", "false":
		return Bool(raw[0] == 't')
	case "null":
		return Value{kind: null}
	}
	return Value{}
}

func jsonString(raw []byte) Value {
	end := skipString(raw, 0)
	if end < 2 {
		return Value{}
	}
	inner := raw[1 : end-1]
	if isPlain(inner) {
		return Value{kind: text, raw: inner}
	}
	return String(decodeString(inner))
}

func newFloat(f float64) Value { return Value{kind: float, bits: math.Float64bits(f)} }

func (v Value) int() int64     { return int64(v.bits) }
func (v Value) float() float64 { return math.Float64frombits(v.bits) }

func (v Value) isScalar() bool { return v.kind < list }

// isVoid: what the language treats as "has no value".
func (v Value) isVoid() bool {
	return v.kind == unset || v.kind == null || v.kind == text && len(v.raw)+len(v.str) == 0
}

// truth is that of section 6.
func (v Value) truth() bool {
	switch v.kind {
	case boolean, integer:
		return v.bits != 0
	case float:
		return v.float() != 0
	case text:
		return !v.isVoid() && string(v.raw) != "0" && v.str != "0"
	case list, object:
		return !v.isEmptyContainer()
	}
	return false
}

func (v Value) isEmptyContainer() bool {
	if v.tree != nil {
		return len(v.tree.members)+len(v.tree.values) == 0
	}
	i := skipSpace(v.raw, 1)
	return i == len(v.raw) || v.raw[i] == ']' || v.raw[i] == '}'
}

// weight is about the number of bytes that a look at the whole value takes.
func (v Value) weight() int {
	n := len(v.str) + len(v.raw)
	if v.tree != nil {
		n += v.tree.size
	}
	return n
}

// text is the value as it prints.
func (v Value) text() string {
	if v.kind == text && v.raw == nil {
		return v.str
	}
	return string(v.appendTo(nil))
}

func (v Value) appendTo(dst []byte) []byte {
	switch v.kind {
	case boolean:
		return strconv.AppendBool(dst, v.bits != 0)
	case integer:
		return strconv.AppendInt(dst, v.int(), 10)
	case float:
		return appendFloat(dst, v.float())
	case text:
		return append(append(dst, v.raw...), v.str...)
	case list, object:
		return v.appendJSON(dst)
	}
	return dst
}

// appendJSON writes the JSON text of the value, with a blank inside each bracket.
func (v Value) appendJSON(dst []byte) []byte {
	switch {
	case v.kind == unset || v.kind == null:
		return append(dst, "null"...)
	case v.kind == text:
		dst = append(dst, '"')
		return append(escapeJSON(dst, v.text()), '"')
	case v.isScalar():
		return v.appendTo(dst)
	case v.tree == nil:
		return appendSpaced(dst, v.raw)
	case v.kind == list:
		return v.tree.appendList(dst)
	}
	return v.tree.appendObject(dst)
}

func (t *tree) appendList(dst []byte) []byte {
	dst = append(dst, '[')
	for i, v := range t.values {
		dst = appendComma(dst, i)
		dst = v.appendJSON(dst)
	}
	return appendClose(dst, len(t.values), ']')
}

func (t *tree) appendObject(dst []byte) []byte {
	dst = append(dst, '{')
	for i, m := range t.members {
		dst = append(appendComma(dst, i), '"')
		dst = append(escapeJSON(dst, m.Name), `": `...)
		dst = m.Value.appendJSON(dst)
	}
	return appendClose(dst, len(t.members), '}')
}

func appendComma(dst []byte, i int) []byte {
	if i > 0 {
		dst = append(dst, ',')
	}
	return append(dst, ' ')
}

func appendClose(dst []byte, n int, c byte) []byte {
	if n > 0 {
		dst = append(dst, ' ')
	}
	return append(dst, c)
}
