package e2e

import (
	"strings"
	"testing"

	"posthoorn/internal/sink"
)

// Addresses are UTF-8 inside; what goes out depends on what the receiver knows (RFC 6531, message-json.md section 1).
func TestInternationalAddresses(t *testing.T) {
	const zone = "*.test A 127.0.0.1\nold.test A 127.0.4.1\nxn--ld-eka.test A 127.0.4.1\n"
	cases := []struct{ recipient, wire string }{
		{"you@müller.test", "you@xn--mller-kva.test"},
		{"you@xn--mller-kva.test", "you@xn--mller-kva.test"},
		{"you@MÜLLER.test", "you@xn--mller-kva.test"},
		{"übung@new.test", "übung@new.test"},
		{"you@öld.test", "you@xn--ld-eka.test"},
		{"übung@old.test", ""},
	}
	onBoth(t, setup{zone: zone}, func(t *testing.T, r *rig) {
		old := r.sinkAt("127.0.4.1", sink.Options{Without: []string{"SMTPUTF8"}})
		for _, c := range cases {
			r.publish(`{"recipient":%q,"mime":"Subject: x\r\n\r\nx\r\n"}`, c.recipient)
			o := r.one("results")
			if c.wire == "" {
				if l := o.last(); l.Result != "error" || l.Code/100 != 5 || !strings.HasPrefix(l.Status, "5.6.7") {
					t.Errorf("%s: %s", c.recipient, o.raw)
				}
				continue
			}
			if l := o.last(); l.Result != "accepted" {
				t.Errorf("%s: %s", c.recipient, o.raw)
			}
			found := false
			for _, m := range append(r.sink.Messages(), old.Messages()...) {
				found = found || sameAddress(m.Recipients[0], c.wire)
			}
			if !found {
				t.Errorf("%s did not arrive as %s", c.recipient, c.wire)
			}
		}
		r.empty("retry")
	})
}

// sameAddress takes the domain in either of its forms: a receiver that knows SMTPUTF8 knows both.
func sameAddress(got, want string) bool {
	return strings.ToLower(strings.NewReplacer("müller", "xn--mller-kva", "öld", "xn--ld-eka").Replace(got)) == want
}
