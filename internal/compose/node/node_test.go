package node

import (
	"errors"
	"strings"
	"testing"
)

func TestPaths(t *testing.T) {
	root, err := Parse([]byte(`{"content":{"blocks":[{"size":1},{"odd\nname":{"x":null,"x":2}}]},"a":1,"a":2}`), "mime")
	if err != nil {
		t.Fatal(err)
	}
	second := &root.Get("content").Get("blocks").Items[1]
	for _, c := range []struct {
		v    *Value
		path string
	}{
		{root, "mime"},
		{second, "mime.content.blocks[1]"},
		{root.Get("content").Get("blocks").Items[0].Get("length", "size"), "mime.content.blocks[0].size"},
		{second.Get("odd\nname").Get("x"), `mime.content.blocks[1]."odd\nname".x`},
		{second.ObjectAt("image"), "mime.content.blocks[1].image"},
		{root.Get("nothing").Get("below"), ""},
	} {
		if got := c.v.Path(); got != c.path {
			t.Errorf("%q, want %q", got, c.path)
		}
	}
	if got := root.Get("a").Text; got != "2" {
		t.Errorf("of two members of one name %s counts", got)
	}
	if got := string(second.Raw); got != `{"odd\nname":{"x":null,"x":2}}` {
		t.Errorf("raw is %s", got)
	}
	if root.Get("content").ObjectAt("blocks").Kind != Object || root.Members[0].Name != "content" {
		t.Error("kinds and order")
	}
}

func TestRefused(t *testing.T) {
	for name, c := range map[string]struct{ doc, wrong string }{
		"nothing": {"", "not JSON: it has no end"},
		"two":     {"{} {}", "not JSON: something follows the end"},
		"deep":    {strings.Repeat("[", 101) + strings.Repeat("]", 101), "not JSON: nested too deep"},
		"deeper":  {strings.Repeat(`{"a":`, 1_000_000), "not JSON: nested too deep"},
		"many":    {"[" + strings.Repeat("0,", 200_000) + "0]", "not JSON: too many values"},
		"cut":     {`{"a":`, "not JSON: it has no end"},
		"comma":   {`[1,]`, "not JSON: invalid character ']' looking for beginning of value"},
	} {
		_, err := Parse([]byte(c.doc), "")
		if err == nil || err.Error() != c.wrong {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTypes(t *testing.T) {
	root, err := Parse([]byte(`{"text":"a\u0000b","n":5,"half":1.5,"yes":true,"one":"1","list":[1],"object":{},"null":null}`), "")
	if err != nil {
		t.Fatal(err)
	}
	var p Problems
	for name, good := range map[string]bool{
		"text": p.String(root.Get("text")) == "a\uFFFDb", "number": p.String(root.Get("n")) == "5", "absent": p.String(root.Get("x")) == "",
		"true": p.Bool(root.Get("yes")), "1": p.Bool(root.Get("one")), "false": !p.Bool(root.Get("n")) && !p.Bool(nil),
		"int": p.Int(root.Get("n"), 1) == 5, "text as int": p.Int(root.Get("one"), 7) == 1, "no int": p.Int(root.Get("null"), 7) == 7,
		"list": len(p.List(root.Get("list"))) == 1, "object": p.Object(root.Get("object")) != nil, "null": root.Get("null") == nil,
	} {
		if !good {
			t.Error(name)
		}
	}
	if err := p.Err(); err != nil {
		t.Error(err)
	}
	for want, read := range map[string]func(*Problems){
		"list: a text is expected":         func(p *Problems) { p.String(root.Get("list")) },
		"half: a whole number is expected": func(p *Problems) { p.Int(root.Get("half"), 0) },
		"text: an object is expected":      func(p *Problems) { p.Object(root.Get("text")) },
		"object: an array is expected":     func(p *Problems) { p.List(root.Get("object")) },
	} {
		var p Problems
		if read(&p); p.Err() == nil || p.Err().Error() != want {
			t.Errorf("%v, want %s", p.Err(), want)
		}
	}
}

// TestWhichProblemDecides: one that stays before one that may pass, else the first.
func TestWhichProblemDecides(t *testing.T) {
	var p Problems
	cause := errors.New("cause")
	p.AddError(&Error{Path: "a", Text: "slow", Fault: Timeout, Cause: cause})
	p.AddError(&Error{Path: "b", Text: "lost", Fault: Lost})
	if err := p.Err(); err.Error() != "a: slow: cause" || !errors.Is(err, cause) {
		t.Error(err)
	}
	p.AddError(&Error{Text: "wrong"})
	p.AddError(&Error{Path: "d", Text: "too late"})
	if err := p.Err(); err.Error() != "wrong" {
		t.Error(err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"a":[1,{"b":"c"}]}`))
	f.Fuzz(func(t *testing.T, doc []byte) {
		root, err := Parse(doc, "x")
		if err != nil {
			return
		}
		for i := range root.Members {
			if !strings.HasPrefix(root.Members[i].Value.Path(), "x.") {
				t.Error(root.Members[i].Value.Path())
			}
		}
	})
}
