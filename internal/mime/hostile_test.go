package mime

import (
	"fmt"
	"strings"
	"testing"
)

// TestDelimiterInDepth: a line that looks like a boundary is compared with what it can be, not with the boundary of every multipart
// around it, some of which end alike and some with dashes.
func TestDelimiterInDepth(t *testing.T) {
	var source strings.Builder
	for i := range MaxDepth {
		fmt.Fprintf(&source, "Content-Type: multipart/mixed; boundary=\"b%s%d\"\r\n\r\n--b%[1]s%[2]d\r\n", strings.Repeat("-", i%3), i)
	}
	source.WriteString("\r\nbody\r\n--b0x\r\n--\r\n----\r\n--b0--x\r\n--b0-\r\n")
	before := source.String()
	source.WriteString("--b0--\r\nepilogue")
	parts, err := Parts([]byte(source.String()))
	if err != nil || len(parts) != MaxDepth+1 {
		t.Fatalf("%d parts, %v", len(parts), err)
	}
	last := &parts[MaxDepth]
	if body := source.String()[last.Body:last.End]; body != "body\r\n--b0x\r\n--\r\n----\r\n--b0--x\r\n--b0-" || last.Depth != MaxDepth {
		t.Errorf("%q", body)
	}
	if parts[1].End != len(before)-len("\r\n") {
		t.Errorf("the part ends at %d, not at %d", parts[1].End, len(before)-2)
	}
	s := partScanner{}
	for i := range MaxDepth {
		s.look(append(s.stack, inner{boundary: fmt.Sprintf("b%d ", i)}))
	}
	s.look(append(s.stack, inner{boundary: "b7--"}, inner{boundary: "b8"}))
	for line, want := range map[string]int{"--b7\n": 7, "--b7--  \r\n": MaxDepth, "--b8\n": MaxDepth + 1, "--b8--\n": MaxDepth + 1, "--b9--\n": 9, "--b77 \t\n": 77, "--\n": -1, "--b\n": -1, "--b100\n": -1} {
		if level, _ := s.match([]byte(line)); level != want {
			t.Errorf("%q: %d, not %d", line, level, want)
		}
	}
}

// TestTextOfDashes: a text is not compared with a hundred boundaries line by line; it is encoded, which is always right.
func TestTextOfDashes(t *testing.T) {
	source := []byte("Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nx\r\n--b--\r\n")
	parts, err := Parts(source)
	if err != nil {
		t.Fatal(err)
	}
	for lines, plain := range map[int]bool{10: true, 100_000: false} {
		text := []byte(strings.Repeat("-- \r\n", lines))
		out := Rewrite(source, parts[1].AppendTextEdits(nil, source, text))
		if strings.Contains(string(out), "quoted-printable") == plain {
			t.Errorf("%d lines: %.200q", lines, out)
		}
	}
}
