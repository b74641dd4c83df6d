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
