package e2e

import (
	"encoding/json"
	"strings"
	"testing"

	"posthoorn/internal/sink"
)

// Encryption is used where it is offered, and demanded where the message says so (message-json.md section 5, results-json.md
// section 8).
func TestEncryptedDelivery(t *testing.T) {
	const zone = "tls.test A 127.0.0.1\nclear.test A 127.0.5.1\n"
	cases := []struct {
		domain, security string
		want             string
		encrypted        bool
	}{
		{"tls.test", ``, "message/accepted 250 2.0.0", true},
		{"tls.test", `,"security":"opportunistic"`, "message/accepted 250 2.0.0", true},
		{"tls.test", `,"security":"optional"`, "message/accepted 250 2.0.0", false},
		{"tls.test", `,"security":"required"`, "message/accepted 250 2.0.0", true},
		{"tls.test", `,"security":"verified"`, "starttls/", false}, // the receiver's certificate is signed by itself
		{"clear.test", ``, "message/accepted 250 2.0.0", false},
		{"clear.test", `,"security":"required"`, "starttls/error 451 4.7.10", false},
		{"clear.test", `,"security":"verified"`, "starttls/error 451 4.7.10", false},
	}
	onBoth(t, setup{zone: zone, sink: sink.Options{StartTLS: true}}, func(t *testing.T, r *rig) {
		r.sinkAt("127.0.5.1", sink.Options{})
		for _, c := range cases {
			r.publish(`{"recipient":"you@%s","mime":"x","maxattempts":1%s}`, c.domain, c.security)
			o := r.one("results")
			if got := o.last().brief(); !strings.HasPrefix(got, c.want) {
				t.Errorf("%s%s: %s, want %s", c.domain, c.security, got, c.want)
			}
			if !strings.HasPrefix(c.want, "message/") {
				continue
			}
			var results []struct {
				Cipher      *struct{ Name, Version string }
				Certificate *struct {
					Verified bool
					Result   string
				}
			}
			if err := json.Unmarshal(o.fields["results"], &results); err != nil {
				t.Fatal(err)
			}
			l := results[0]
			if (l.Cipher != nil) != c.encrypted || (l.Certificate != nil) != c.encrypted {
				t.Errorf("%s%s: %s", c.domain, c.security, o.raw)
			}
			if c.encrypted && (!strings.HasPrefix(l.Cipher.Version, "TLSv1.") || l.Cipher.Name == "" || l.Certificate.Verified || l.Certificate.Result == "ok") {
				t.Errorf("%s%s: %s", c.domain, c.security, o.raw)
			}
		}
	})
}
