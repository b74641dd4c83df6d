package compose

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	ours "posthoorn/internal/mail"
)

// bold stands in for the inliner: it changes what holds a style element.
func bold(html []byte) ([]byte, error) {
	if bytes.Contains(html, []byte("<style>bad")) {
		return html, errors.New("cannot be read")
	}
	return bytes.ReplaceAll(html, []byte("<style></style>"), []byte("<b style=\"font-family: 'Zoë €'\">")), nil
}

func TestInlineGolden(t *testing.T) {
	goldens(t, "inline", func(t *testing.T, g golden) (string, error) {
		out, err := Inline([]byte(g.message("input")), bold)
		var e *Error
		if err != nil && (!errors.As(err, &e) || e.State != ours.StateRewrite) {
			t.Errorf("%#v is no error of this package", err)
		}
		again, _ := Inline(out, bold)
		if !bytes.Equal(again, out) {
			t.Errorf("a second time: %q", again)
		}
		readBack(t, out)
		return string(out), err
	})
}

func TestInlineLeavesTheRest(t *testing.T) {
	source := []byte("Content-Type: text/html; charset=utf-8\r\n\r\n<p>x</p>" + strings.Repeat("y", 2000))
	if out, err := Inline(source, bold); err != nil || &out[0] != &source[0] {
		t.Errorf("%q %v", out, err)
	}
}
