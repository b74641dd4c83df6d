package e2e

import (
	"encoding/json"
	"strings"
	"testing"

	"posthoorn/internal/testbed"
)

// A real server sends mail of ours on, is refused, and tells us: its bounce arrives in the reports queue, understood.
func TestBounceOfPostfix(t *testing.T) {
	onBoth(t, setup{keys: map[string]string{"rabbitmq-reports": "yes", "rabbitmq-local": "yes", "received-log-format": "{$report} <{$json.envelope}> <{$json.recipient}>"}},
		func(t *testing.T, r *rig) {
			r.set("locals", row{"type": "fnmatch", "address": "bounce-*@shop.test"})
			r.open()
			postfix := testbed.PostfixRelay(t, testbed.Next{Addr: "127.0.0.1:" + r.port},
				"transport_maps = inline:{shop.test=smtp:[127.0.0.1]:"+portOf(t, r.door)+"}", "mynetworks = 127.0.0.0/8",
				"smtpd_relay_restrictions = permit_mynetworks, reject")
			converse(t, postfix.Addr(), "EHLO client.test", "250", "MAIL FROM:<bounce-17@shop.test> ENVID=order+2B17", "250",
				"RCPT TO:<refuse@away.test> ORCPT=rfc822;nobody@away.test", "250", "DATA", "354",
				"From: shop@shop.test\r\nMessage-ID: <17@shop.test>\r\nSubject: Your order\r\n\r\nThank you.\r\n.", "250", "QUIT", "221")
			o := r.one("reports")
			var got struct {
				Kind         string
				ReportingMTA string `json:"reporting-mta"`
				EnvelopeID   string `json:"envelope-id"`
				MessageID    string `json:"message-id"`
				Recipients   []struct{ Original, Final, Action, Status, Diagnostic string }
			}
			if err := json.Unmarshal(o.fields["reported"], &got); err != nil {
				t.Fatalf("%v: %s", err, o.raw)
			}
			if o.Recipient != "bounce-17@shop.test" || o.Envelope != "" || string(o.fields["report"]) != "true" || got.Kind != "dsn" || got.ReportingMTA != "postfix.test" ||
				got.EnvelopeID != "order+17" || got.MessageID != "<17@shop.test>" || len(got.Recipients) != 1 {
				t.Fatalf("%s", o.raw)
			}
			if to := got.Recipients[0]; to.Original != "nobody@away.test" || to.Final != "refuse@away.test" || to.Action != "failed" || to.Status != "5.1.1" ||
				!strings.Contains(to.Diagnostic, "550 5.1.1 No such user here") {
				t.Errorf("%+v", to)
			}
			r.empty("local")
			r.stop()
			if log := r.read("received-messages"); log != "true <> <bounce-17@shop.test>\n" {
				t.Errorf("received log: %q", log)
			}
		})
}
