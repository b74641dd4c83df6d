package compose

import (
	"bytes"
	"errors"

	"posthoorn/internal/mail"
	"posthoorn/internal/mime"
)

// Inline passes every HTML part that is not an attachment through f, in UTF-8, and puts what f returns in its place (inline-css.md
// sections 2 and 8). Signed, encrypted and attached messages are left alone; parts that f returns unchanged, and all other bytes,
// stay as they are. The error is an [*Error] of state rewrite around that of f, or several joined; what is returned with it has
// the parts at fault as they came.
func Inline(source []byte, f func(html []byte) ([]byte, error)) ([]byte, error) {
	parts, err := mime.Parts(source)
	if err != nil {
		return source, &Error{State: mail.StateRewrite, Where: "mime", Err: err}
	}
	var edits []mime.Edit
	var errs []error
	names := partNames{}
	for i := range parts {
		p := &parts[i]
		where := names.of(p)
		if !p.IsText("html") {
			continue
		}
		html, err := p.AppendText(make([]byte, 0, p.End-p.Body), source)
		if err != nil {
			if !hasSheet(p.AppendDecoded(nil, source)) {
				continue
			}
		} else if out, failed := f(html); failed != nil {
			err = failed
		} else if !bytes.Equal(out, html) {
			edits = p.AppendTextEdits(edits, source, out)
		}
		if err != nil {
			errs = append(errs, &Error{State: mail.StateRewrite, Where: where, Err: err})
		}
	}
	if len(edits) > 0 {
		source = mime.Rewrite(source, edits)
	}
	if len(errs) == 1 {
		return source, errs[0]
	}
	return source, errors.Join(errs...)
}

// hasSheet says whether there is something to inline in a text that cannot be decoded.
func hasSheet(html []byte) bool { return bytes.Contains(bytes.ToLower(html), []byte("<style")) }
