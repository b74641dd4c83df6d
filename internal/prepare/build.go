package prepare

import (
	"context"
	"errors"

	"posthoorn/internal/mail"
)

// build makes MIME of a document.
func (p *Preparer) build(ctx context.Context, d *draft) error {
	if d.document == nil {
		return nil
	}
	return fail(mail.StateResponsive, "5.6.5", errors.New("documents are not built yet"))
}
