package compose

import (
	"strings"
	"testing"
)

// TestManyTemplates: however many parts and fields a message has, its templates take no longer than those of another one.
func TestManyTemplates(t *testing.T) {
	var source strings.Builder
	source.WriteString("Subject: {$name}\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n")
	for range 100 {
		source.WriteString("--b\r\n\r\n{foreach $l as $i}{$i}{/foreach}\r\n")
	}
	source.WriteString("--b--\r\n")
	data := []byte(`{"name":"Ada","l":[` + strings.Repeat("1,", 999) + `1]}`)
	left := 1_000_000 // for ten parts or so
	out, err := Personalize([]byte(source.String()), Personalization{Data: data, Work: &left})
	if err == nil || !strings.Contains(err.Error(), "too long") || left != 0 {
		t.Errorf("%v, %d left", err, left)
	}
	if lines := strings.Count(err.Error(), "\n"); lines >= maxErrors {
		t.Errorf("an error of %d lines", lines)
	}
	if made := strings.Count(string(out), "111111"); made == 0 || strings.Count(string(out), "{foreach") < 50 {
		t.Errorf("%.3000s", out)
	}
	p := Personalization{Data: data, Work: &left}
	if _, err := p.Text("https://a.test/{$name}"); err == nil {
		t.Error("a further string is rendered")
	}
	if out, err := Personalize([]byte(source.String()), Personalization{Data: data}); err != nil || strings.Contains(string(out), "{") {
		t.Errorf("%v", err)
	}
}
