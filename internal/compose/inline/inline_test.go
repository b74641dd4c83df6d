package inline

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/net/html"
)

// TestCases runs testdata/cases.txt: name, input, output, each part between lines of dashes. Case n of the reference is
// named by its number.
func TestCases(t *testing.T) {
	cases := load(t)
	i := New(1 << 20)
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			out := inline(t, i, c.in)
			if out != c.out {
				t.Errorf("%s\nbecame\n%s\nwanted\n%s", c.in, out, c.out)
			}
			if again := inline(t, i, out); again != out {
				t.Errorf("%s\nbecame in a second run\n%s", out, again)
			}
			check(t, c.in, out)
		})
	}
	if len(cases) < 30 {
		t.Errorf("only %d cases were found", len(cases))
	}
}

type testCase struct{ name, in, out string }

func load(t testing.TB) []testCase {
	b, err := os.ReadFile(filepath.Join("testdata", "cases.txt"))
	if err != nil {
		t.Fatal(err)
	}
	var cases []testCase
	for _, block := range strings.Split(string(b), "\n=== ")[1:] {
		name, rest, _ := strings.Cut(block, "\n")
		in, out, ok := strings.Cut(rest, "\n---\n")
		if !ok {
			t.Fatalf("case %s has no output", name)
		}
		out = strings.TrimSuffix(out, "\n")
		if out == "same" {
			out = in
		}
		cases = append(cases, testCase{name, in, out})
	}
	return cases
}

func inline(t testing.TB, i *Inliner, in string) string {
	src := []byte(in)
	out, err := i.HTML(src)
	if err != nil {
		t.Fatalf("%q: %v", in, err)
	}
	if string(src) != in {
		t.Fatalf("the source was written to")
	}
	return string(out)
}

// check fails if anything but start tags and style elements has changed.
func check(t testing.TB, in, out string) {
	if a, b := skeleton(in), skeleton(out); a != b {
		t.Errorf("%q\nbecame\n%q\nwhich differs outside of start tags and style elements:\n%q\n%q", in, out, a, b)
	}
}

// skeleton is the source without the attributes of start tags and without style elements.
func skeleton(src string) string {
	var b strings.Builder
	z := html.NewTokenizer(strings.NewReader(src))
	style := false
	for {
		kind := z.Next()
		raw := string(z.Raw())
		switch kind {
		case html.ErrorToken:
			b.WriteString(raw)
			return b.String()
		case html.StartTagToken, html.SelfClosingTagToken:
			name, _ := z.TagName()
			if style = string(name) == "style"; !style {
				b.WriteString("<" + string(name) + ">")
			}
		case html.EndTagToken:
			if !style {
				b.WriteString(raw)
			}
			style = false
		default:
			if !style {
				b.WriteString(raw)
			}
		}
	}
}
