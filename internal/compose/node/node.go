// Package node is a JSON document as its reader needs it: members keep their order, every value knows the path that leads to
// it, and what is wrong is collected instead of ending the reading, so that a reader who must can go on without it.
//
// It is bounded in depth and in values, starts no goroutine and opens nothing.
package node

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strconv"
	"strings"
)

const (
	maxDepth  = 100
	maxValues = 200_000
)

// Kind is what a Value is.
type Kind uint8

// The kinds of JSON.
const (
	Null Kind = iota
	Bool
	Number
	String
	Array
	Object
)

// Value is one value. Its methods may be called on nil, which is an absent value; null counts as absent too.
type Value struct {
	Kind    Kind
	Text    string   // of a string, number or boolean, without NUL
	Items   []Value  // of an array
	Members []Member // of an object, in order; of a name that occurs twice the last one counts
	Raw     []byte   // of an array or object

	parent *Value
	name   string // in an object, or of the root
	index  int    // in an array
}

// Member is a property of an object.
type Member struct {
	Name  string
	Value Value
}

// Parse reads a document. The path of each value begins with root, which may be empty.
func Parse(raw []byte, root string) (*Value, error) {
	p := parser{dec: json.NewDecoder(bytes.NewReader(raw)), raw: raw}
	p.dec.UseNumber()
	v := &Value{name: root}
	if err := p.value(v, 0); err == io.EOF || err == io.ErrUnexpectedEOF {
		return nil, &Error{Path: root, Text: "not JSON: it has no end"}
	} else if err != nil {
		return nil, &Error{Path: root, Text: "not JSON: " + err.Error()}
	}
	if _, err := p.dec.Token(); err != io.EOF {
		return nil, &Error{Path: root, Text: "not JSON: something follows the end"}
	}
	v.link()
	return v, nil
}

type parser struct {
	dec    *json.Decoder
	raw    []byte
	values int
}

var (
	errDepth  = errors.New("nested too deep")
	errValues = errors.New("too many values")
)

func (p *parser) value(v *Value, depth int) error {
	token, err := p.dec.Token()
	if err != nil {
		return err
	}
	if p.values++; p.values > maxValues {
		return errValues
	}
	switch t := token.(type) {
	case bool:
		v.Kind, v.Text = Bool, strconv.FormatBool(t)
	case json.Number:
		v.Kind, v.Text = Number, t.String()
	case string:
		v.Kind, v.Text = String, strings.ReplaceAll(t, "\x00", "\uFFFD")
	case json.Delim:
		return p.container(v, t, depth+1)
	}
	return nil
}

func (p *parser) container(v *Value, open json.Delim, depth int) (err error) {
	if depth > maxDepth {
		return errDepth
	}
	start := p.dec.InputOffset() - 1
	if v.Kind = Array; open == '{' {
		v.Kind = Object
	}
	for p.dec.More() {
		if v.Kind == Array {
			err = p.item(v, depth)
		} else {
			err = p.member(v, depth)
		}
		if err != nil {
			return err
		}
	}
	if _, err = p.dec.Token(); err != nil {
		return err
	}
	v.Raw = p.raw[start:p.dec.InputOffset()]
	return nil
}

func (p *parser) item(v *Value, depth int) error {
	v.Items = append(v.Items, Value{})
	return p.value(&v.Items[len(v.Items)-1], depth)
}

func (p *parser) member(v *Value, depth int) error {
	name, err := p.dec.Token()
	if err != nil {
		return err
	}
	v.Members = append(v.Members, Member{Name: name.(string)})
	return p.value(&v.Members[len(v.Members)-1].Value, depth)
}

// link tells the values below v where they stand; only now do they stay in one place.
func (v *Value) link() {
	for i := range v.Items {
		child := &v.Items[i]
		child.parent, child.index = v, i
		child.link()
	}
	for i := range v.Members {
		child := &v.Members[i].Value
		child.parent, child.name = v, v.Members[i].Name
		child.link()
	}
}

// Path is where the value stands, such as content.blocks[3].size.
func (v *Value) Path() string {
	switch {
	case v == nil:
		return ""
	case v.parent == nil:
		return v.name
	case v.parent.Kind == Array:
		return v.parent.Path() + "[" + strconv.Itoa(v.index) + "]"
	}
	path := v.parent.Path()
	if path != "" {
		path += "."
	}
	return path + printable(v.name)
}

// printable keeps a name from the document short and on one line.
func printable(name string) string {
	if quoted := strconv.Quote(name); quoted != `"`+name+`"` || len(name) > 60 {
		return strconv.Quote(name[:min(len(name), 60)])
	}
	return name
}

// Get is the member of one of the names, of which the first that is there wins; nil if there is none or if v is no object.
func (v *Value) Get(names ...string) *Value {
	if v == nil {
		return nil
	}
	for _, name := range names {
		for i := len(v.Members) - 1; i >= 0; i-- {
			if m := &v.Members[i]; m.Name == name && m.Value.Kind != Null {
				return &m.Value
			}
		}
	}
	return nil
}

// Is says that v is there and of one of the kinds.
func (v *Value) Is(kinds ...Kind) bool {
	if v == nil {
		return false
	}
	for _, k := range kinds {
		if v.Kind == k {
			return true
		}
	}
	return false
}

// ObjectAt is the object of a name; an empty one if there is none.
func (v *Value) ObjectAt(name string) *Value {
	if m := v.Get(name); m.Is(Object) {
		return m
	}
	return &Value{Kind: Object, parent: v, name: name}
}
