package report

import (
	"encoding/json"
	"testing"
)

// FuzzRecognise looks for messages that are not read within the limits, or of which no JSON can be made.
func FuzzRecognise(f *testing.F) {
	for _, folder := range []string{"reports", "ordinary"} {
		for _, source := range samples(f, folder) {
			if len(source) < 8<<10 {
				f.Add(source, "")
			}
		}
	}
	f.Fuzz(func(t *testing.T, source []byte, from string) {
		r, ok := Recognise(source, from)
		if ok != (r.Kind != "") {
			t.Error("half a report")
		}
		if !json.Valid(r.JSON()) {
			t.Errorf("no JSON: %s", r.JSON())
		}
		if len(r.Recipients) > MaxRecipients {
			t.Error("too many recipients")
		}
		for _, to := range r.Recipients {
			if len(to.Diagnostic) > MaxText || len(to.Final) > MaxText || len(to.Original) > MaxText {
				t.Error("a text is too long")
			}
		}
	})
}

// FuzzDSN looks for words of servers and senders that get out of the place where they are quoted.
func FuzzDSN(f *testing.F) {
	f.Add("550 no", "mx.test", "5.1.1", "id", "rfc822;a@b.test", order, true)
	f.Add("x\r\n\r\n--b", "a\u2028b", "", "ü\xff", "utf-8;\\x{41}", "Subject: ü\n\n\xff\r", false)
	f.Fuzz(func(t *testing.T, description, mta, status, envID, orcpt, source string, full bool) {
		n := notice(t)
		n.Result.Description, n.Result.MTA, n.Result.Status = description, mta, status
		n.DSN.EnvID, n.DSN.ORcpt, n.Source = envID, orcpt, []byte(source)
		if full {
			n.DSN.Ret = "FULL"
		}
		out := DSN(n)
		checkLines(t, n, out)
		r, ok := Recognise(out, "")
		if !ok || r.Kind != KindDSN || len(r.Recipients) != 1 || r.Recipients[0].Final != "ann@customer.test" || r.Recipients[0].Action != "failed" {
			t.Errorf("%s\n%s", r.JSON(), out)
		}
	})
}
