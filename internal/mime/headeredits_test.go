package mime

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"net/mail"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the results of the golden files anew")

// A case has the edits as JSON, the input and the output or the error, each under a line such as "-- input --". Lines end with
// CRLF where they are used.
func TestHeaderEditsGolden(t *testing.T) {
	files, _ := filepath.Glob("testdata/headers/*.txt")
	if len(files) == 0 {
		t.Fatal("no cases")
	}
	for _, path := range files {
		t.Run(filepath.Base(path), func(t *testing.T) {
			raw, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			head, result, _ := strings.Cut(string(raw), "-- output --\n")
			edits, input, ok := strings.Cut(strings.TrimPrefix(head, "-- edits --\n"), "-- input --\n")
			if !ok {
				t.Fatal("no input")
			}
			got := edited(t, edits, strings.ReplaceAll(input, "\n", "\r\n"))
			if *update {
				if err := os.WriteFile(path, []byte(head+"-- output --\n"+got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if got != result {
				t.Errorf("got\n%s\nwant\n%s", got, result)
			}
		})
	}
}

func edited(t *testing.T, edits, source string) string {
	var e HeaderEdits
	if err := json.Unmarshal([]byte(edits), &e); err != nil {
		return "error: " + err.Error() + "\n"
	}
	out, err := EditHeader([]byte(source), &e)
	if err != nil {
		return "error: " + err.Error() + "\n"
	}
	if _, err := mail.ReadMessage(bytes.NewReader(out)); err != nil {
		t.Errorf("read back: %v", err)
	}
	return strings.ReplaceAll(string(out), "\r\n", "\n")
}

// A field that cannot be written leaves no blank line behind: that would end the header.
func TestHeaderEditsWithoutAnAddress(t *testing.T) {
	bad := []NameValue{{"To", "(Zo\u00eb"}}
	out, err := EditHeader([]byte("A: b\r\nTo: c@d.test\r\nE: f\r\n\r\nbody"), &HeaderEdits{Prepend: bad, Replace: bad, Append: bad})
	if want := "A: b\r\nE: f\r\n\r\nbody"; err != nil || string(out) != want {
		t.Errorf("%q, %v; want %q", out, err, want)
	}
}

func TestHeaderEditsHaveLimits(t *testing.T) {
	source := []byte("A: b\r\n\r\n")
	for _, e := range []HeaderEdits{
		{Remove: make([]string, MaxFields+1)},
		{Append: many(MaxFields)},
		{Append: many(MaxFields / 2), Prepend: many(MaxFields / 2)},
	} {
		if out, err := EditHeader(source, &e); !errors.Is(err, ErrFields) || &out[0] != &source[0] {
			t.Errorf("%v", err)
		}
	}
	var name NameError
	if _, err := EditHeader(source, &HeaderEdits{Replace: []NameValue{{"a b", "c"}}}); !errors.As(err, &name) {
		t.Error(err)
	}
	same, err := EditHeader(source, &HeaderEdits{})
	if err != nil || &same[0] != &source[0] {
		t.Error("nothing to do, and something was done")
	}
}

func many(n int) []NameValue {
	list := make([]NameValue, n)
	for i := range list {
		list[i] = NameValue{"X", "y"}
	}
	return list
}

func FuzzHeaderEdits(f *testing.F) {
	f.Add([]byte("A: b\r\nB: c\r\n\r\nbody"), "A", "x\r\nB: y")
	f.Add([]byte("A: b"), "To", "Zoë, \"x\" <a@b.test>")
	f.Add([]byte("no header\n"), "X", strings.Repeat("long ", 60))
	f.Fuzz(func(t *testing.T, source []byte, name, value string) {
		before, err := ParseHeader(source)
		if err != nil {
			return
		}
		e := HeaderEdits{Replace: []NameValue{{name, value}}, Prepend: []NameValue{{name, value}}, Remove: []string{"B"}}
		out, err := EditHeader(source, &e)
		if err != nil {
			return
		}
		after, err := ParseHeader(out)
		if err != nil {
			return // longer than allowed now
		}
		rest := out[after.Body:]
		if !before.Closed && len(after.Fields) > 0 {
			rest = bytes.TrimPrefix(rest, []byte("\r\n"))
		}
		if !bytes.Equal(rest, source[before.Body:]) {
			t.Fatalf("%q became %q", source, out)
		}
		if AppendField(nil, name, value) == nil || EqualName([]byte(name), "B") {
			return
		}
		others := 0
		for _, f := range before.Fields {
			if !f.Is(name) && !f.Is("B") {
				others++
			}
		}
		if len(after.Fields) != others+2 || string(after.Fields[0].Name) != name {
			t.Fatalf("%q became %q", source, out)
		}
	})
}
