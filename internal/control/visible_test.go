package control

import (
	"encoding/json"
	"strings"
	"testing"
)

// hostile is what a stranger may write to steer a terminal, and how it is printed.
var hostile = map[string]string{
	"250 ok":                  "250 ok",
	"grüße 漢字":                "grüße 漢字",
	"\x1b[2J\x1b]0;title\a":   `\x1b[2J\x1b]0;title\x07`,
	"a\r\nb\tc\bd\x7f":        `a\x0d\x0ab\x09c\x08d\x7f`,
	"\u009b31m":               `\u{9b}31m`,
	"\x9b31m\xff":             `\x9b31m\xff`,
	"exe\u202egnp.moc":        `exe\u{202e}gnp.moc`,
	"a\u200bb\u2066c\u2028d":  `a\u{200b}b\u{2066}c\u{2028}d`,
	"\u00a0\ufeff\U000e0041!": `\u{a0}\u{feff}\u{e0041}!`,
	"\ufffd":                  `\u{fffd}`,
}

func TestVisible(t *testing.T) {
	for in, want := range hostile {
		if got := visible(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
	if got := text(strings.Repeat("é", maxText+1)); got != strings.Repeat("é", maxText)+"…" {
		t.Errorf("%q", got)
	}
}

func TestJSONSteersNothing(t *testing.T) {
	for in := range hostile {
		var out strings.Builder
		if err := printJSON(&out, map[string]string{"text": in, in: "key"}); err != nil {
			t.Fatal(err)
		}
		line := strings.TrimSuffix(out.String(), "\n")
		if visible(line) != strings.ReplaceAll(line, "\ufffd", `\u{fffd}`) {
			t.Errorf("%q: %q", in, line)
		}
		var back map[string]string
		if err := json.Unmarshal([]byte(line), &back); err != nil || back["text"] != strings.ToValidUTF8(in, "\ufffd") {
			t.Errorf("%q: %q, %v", in, back, err)
		}
	}
}
