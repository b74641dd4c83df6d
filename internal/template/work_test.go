package template

import (
	"strings"
	"testing"
)

// TestWorkIsShared: renderings with one budget take from it, and none goes on when it is empty; a text without tags costs nothing.
func TestWorkIsShared(t *testing.T) {
	loop, err := Compile("{foreach $l as $i}{$i}{/foreach}")
	if err != nil {
		t.Fatal(err)
	}
	text, err := Compile("no tags")
	if err != nil {
		t.Fatal(err)
	}
	left := 1_000_000
	env := Env{Vars: []Value{JSON([]byte(`{"l":[` + strings.Repeat("1,", 999) + `1]}`))}, Work: &left}
	for n := 0; ; n++ {
		before := left
		_, err := loop.Append(nil, &env)
		if err != nil {
			if !strings.HasSuffix(err.Error(), tooLong) || n < 2 || left != 0 {
				t.Errorf("after %d: %v, %d left", n, err, left)
			}
			break
		}
		if left >= before || left < 0 {
			t.Fatalf("%d of %d left", left, before)
		}
	}
	if _, err := loop.Append(nil, &env); err == nil {
		t.Error("it goes on without budget")
	}
	if out, err := text.Append(nil, &env); err != nil || string(out) != "no tags" {
		t.Errorf("%q, %v", out, err)
	}
}
