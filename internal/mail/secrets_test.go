package mail

import (
	"strings"
	"testing"
)

// TestRemoveSecrets: keys and passwords are in nothing that is told of a message, wherever they may stand, and all else stays.
func TestRemoveSecrets(t *testing.T) {
	for body, want := range map[string]string{
		`{"recipient":"a@b.c","mime":{"from":"x@y.z","dkim":{"key":"SECRET"},"text":"t"}}`:               `{"recipient":"a@b.c","mime":{"from":"x@y.z","text":"t"}}`,
		`{"recipient":"a@b.c","mime":{"\u0064kim":[{"key":"SECRET"}],"dkim":"SECRET", "n": 1 }}`:         `{"recipient":"a@b.c","mime":{"n":1}}`,
		`{"recipient":"a@b.c","dkim":[{"key":"SECRET"}],"mime":"dkim"}`:                                  `{"recipient":"a@b.c","mime":"dkim"}`,
		`{"recipient":"a@b.c","smarthost":{"host":"h.test","password":"SECRET"},"mime":{"text":"dkim"}}`: `{"recipient":"a@b.c","smarthost":{"host":"h.test"},"mime":{"text":"dkim"}}`,
	} {
		m, err := Parse([]byte(body), Rules{})
		if err != nil {
			t.Fatal(err)
		}
		m.RemoveSecrets()
		if got := string(m.Append(nil)); got != want {
			t.Errorf("%s\nwant %s", got, want)
		}
		if m.RemoveContent(); strings.Contains(string(m.Append(nil)), `"mime"`) {
			t.Errorf("%s", m.Append(nil))
		}
	}
	m, err := Parse([]byte(`{"recipient":"a@b.c","mime":{"dkim":{"key":"SECRET"}}}`), Rules{})
	if err != nil {
		t.Fatal(err)
	}
	m.RemoveContent()
	m.RemoveSecrets()
	if got := string(m.Append(nil)); got != `{"recipient":"a@b.c"}` {
		t.Error(got)
	}
}
