package dkim

import "posthoorn/internal/mime"

// AppendSealed appends a field as an ARC-Seal covers it: relaxed, with its line end (RFC 8617 section 5.1.1).
func AppendSealed(dst []byte, f *mime.Field) []byte { return appendHeader(dst, nil, f, false) }

// AppendSeal appends an ARC-Seal as it covers itself: relaxed, with an empty b= and without its line end.
func (sig *Signature) AppendSeal(dst []byte) []byte { return sig.appendUnsigned(dst, nil) }
