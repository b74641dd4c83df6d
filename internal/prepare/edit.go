package prepare

import (
	"encoding/json"

	"posthoorn/internal/mail"
	"posthoorn/internal/mime"
)

// edit changes the header as the message asks (message-json.md section 8).
func (p *Preparer) edit(d *draft) error {
	if !d.m.HeaderEdits {
		return nil
	}
	var edits mime.HeaderEdits
	err := json.Unmarshal(d.m.Property("headers"), &edits)
	if err == nil {
		d.source, err = mime.EditHeader(d.source, &edits)
	}
	return p.forgive(d, mail.StateRewrite, err)
}
