package mail

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"unicode/utf8"
)

func seeds() []string {
	return []string{
		`{}`, `{"a":1}`, ` { "a" : [ 1 , -2.5e+3 , true , false , null , "x\u00e9\ud83d\ude00" ] } `,
		`{"a":01}`, `{"a":1.}`, `{"a":+1}`, `{"a":-}`, `{"a":1e}`, `{"a":"\x"}`, `{"a":"\u12g4"}`, "{\"a\":\"\x01\"}",
		`{"a":}`, `{"a"}`, `{,}`, `{"a":1,}`, `{"a":[1,]}`, `{"a":tru}`, `{} x`, `[]`, `"a"`, ``, `{`, `{"a":"`,
		`{"a":"\ud800"}`, `{"a":{"b":{"c":[{},[],""]}}}`, `{"a":"\/\b\f\n\r\t\"\\"}`,
	}
}

func agrees(t *testing.T, text string) {
	var want map[string]json.RawMessage
	valid := utf8.ValidString(text) && json.Unmarshal([]byte(text), &want) == nil && want != nil
	got := map[string][]byte{}
	err := object([]byte(text), func(n, v []byte) error {
		got[string(appendUnquoted(nil, n))] = v
		return nil
	})
	if utf8.ValidString(text) && valid != (err == nil) {
		t.Fatalf("%q: encoding/json says valid=%v, we say %v", text, valid, err)
	}
	if err != nil {
		return
	}
	for name, raw := range want {
		var s string
		if json.Unmarshal(raw, &s) == nil && raw[0] == '"' {
			if ours := string(appendUnquoted(nil, got[name])); ours != s {
				t.Fatalf("%q: %q is %q, want %q", text, name, ours, s)
			}
		}
		if string(raw) != string(got[name]) {
			t.Fatalf("%q: raw %q, want %q", text, got[name], raw)
		}
	}
}

func TestScanAgreesWithEncodingJSON(t *testing.T) {
	for _, s := range seeds() {
		agrees(t, s)
	}
}

func FuzzScan(f *testing.F) {
	for _, s := range seeds() {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if strings.Count(s, "[")+strings.Count(s, "{") < MaxDepth {
			agrees(t, s)
		}
	})
}

func TestDepthIsBounded(t *testing.T) {
	text := `{"a":` + strings.Repeat("[", 1_000_000)
	err := object([]byte(text), nil)
	if e, ok := errors.AsType[*SyntaxError](err); !ok || e.Reason != "nested too deep" {
		t.Fatalf("got %v", err)
	}
}

func TestAppendStringRoundTrip(t *testing.T) {
	for _, s := range []string{"", "plain", "a\"b\\c\r\n\t\x00\x1f\x7f", "é😀", "bad\xff\xfeutf8", strings.Repeat("x\n", 5000)} {
		var back string
		if err := json.Unmarshal(AppendString(nil, s), &back); err != nil || back != validated(s) {
			t.Errorf("%q came back as %q (%v)", s, back, err)
		}
	}
}

// validated replaces each byte that is not UTF-8, as encoding/json does.
func validated(s string) string { return string([]rune(s)) }
