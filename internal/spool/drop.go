package spool

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"posthoorn/internal/inject"
	"posthoorn/internal/mail"
	"posthoorn/internal/mime"
)

// Drop puts a message of the command line into the spool directory of a daemon with spool-extract on: whole, and on disk when
// it returns. Envelope and recipients, found as for the command line (incoming-json.md sections 7 and 8), go on top as
// x-mq-envelope and x-mq-recipient, instead of any such fields of the message; so Bcc is taken out, as of every file that names
// its recipients. Loose is as in inject.Options. A *mail.Error is about the message; any other error means that nothing was put
// there.
func Drop(directory string, s inject.Submission, loose bool) error {
	text, err := dropped(&s, loose)
	if err != nil {
		return err
	}
	return write(directory, "posthoorn-"+rand.Text(), text)
}

// write makes the file under a name that is not looked at and gives it its name when it is whole. It goes by path, since a
// directory in which everybody may leave mail need not be readable.
func write(directory, name string, text []byte) error {
	hidden := filepath.Join(directory, "."+name)
	f, err := os.OpenFile(hidden, os.O_WRONLY|os.O_CREATE|os.O_EXCL|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err == nil {
		err = readable(directory, f)
	}
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(hidden, filepath.Join(directory, name))
	}
	if err != nil {
		return errors.Join(err, os.Remove(hidden))
	}
	return syncFolder(directory)
}

// readable lets the daemon read the file: by the group where the directory hands its own on, else as everybody.
func readable(directory string, f *os.File) error {
	info, err := os.Stat(directory)
	if err != nil {
		return err
	}
	if info.Mode()&fs.ModeSetgid != 0 {
		return f.Chmod(0o640)
	}
	return f.Chmod(0o644)
}

// syncFolder makes the name durable. A directory that may not be read cannot be opened for that: then the name is as safe as
// the file system makes it.
func syncFolder(directory string) error {
	d, err := os.Open(directory)
	if errors.Is(err, fs.ErrPermission) {
		return nil
	}
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// dropped is the file for a message.
func dropped(s *inject.Submission, loose bool) ([]byte, error) {
	h, err := mime.ParseHeader(s.Source)
	switch {
	case len(s.Source) == 0:
		return nil, errEmpty
	case bytes.IndexByte(s.Source, 0) >= 0:
		return nil, &mail.Error{Code: 554, Status: "5.6.0", Text: "Message contains NUL bytes"}
	case err != nil:
		return nil, &mail.Error{Code: 554, Status: "5.6.0", Text: "Message header cannot be read", Cause: err}
	}
	to, err := recipients(s, &h, loose)
	if err != nil {
		return nil, err
	}
	replaced := func(f *mime.Field) bool {
		return f.Is("x-mq-envelope") || f.Is("x-mq-recipient") || s.HeaderRecipients && f.Is("Bcc")
	}
	out := appendTop(make([]byte, 0, len(s.Source)+100*len(to)), envelope(s, &h, loose), to)
	if c := s.Source[0]; c == ' ' || c == '\t' {
		out = append(out, "\r\n"...) // the first line of a body, not more of our last field
	}
	for _, piece := range h.Without(replaced) {
		out = append(out, piece...)
	}
	_, err = mime.ParseHeader(out)
	return out, err // too many recipients for a header
}

// appendTop writes the recipients as one field, since the number of fields is bounded.
func appendTop(dst []byte, from mail.Address, to []string) []byte {
	if !from.IsZero() {
		dst = append(append(append(dst, "x-mq-envelope: <"...), from.String()...), ">\r\n"...)
	}
	dst = append(dst, "x-mq-recipient: "...)
	for i, a := range to {
		if i > 0 {
			dst = append(dst, ",\r\n "...)
		}
		dst = append(append(append(dst, '<'), a...), '>')
	}
	return append(dst, "\r\n"...)
}

// envelope is the sender in the order of the command line.
func envelope(s *inject.Submission, h *mime.Header, loose bool) mail.Address {
	if !s.From.IsZero() {
		return s.From
	}
	for _, name := range []string{"x-mq-envelope", "Return-Path", "Sender", "From"} {
		for _, f := range h.Collect(func(f *mime.Field) bool { return f.Is(name) }) {
			for _, text := range mime.Addresses(f.Value) {
				if a, err := mail.ParseAddress(text, loose); err == nil {
					return a
				}
			}
		}
	}
	return mail.Address{}
}

// maxRecipients is how many the daemon takes from one file: more would be a bad file long after the caller was told that all is
// well.
const maxRecipients = 10_000

// recipients joins those of the command line and, where wanted, those of To, Cc and Bcc.
func recipients(s *inject.Submission, h *mime.Header, loose bool) (list []string, err error) {
	seen := map[string]bool{}
	add := func(a mail.Address) {
		if text := a.String(); !seen[text] {
			seen[text] = true
			list = append(list, text)
		}
	}
	for _, r := range s.Recipients {
		add(r.To)
	}
	named := func(f *mime.Field) bool {
		return s.HeaderRecipients && (f.Is("To") || f.Is("Cc") || f.Is("Bcc"))
	}
	for _, f := range h.Collect(named) {
		for _, text := range mime.Addresses(f.Value) {
			a, err := mail.ParseAddress(text, loose)
			if err != nil {
				return nil, &mail.Error{Code: 553, Status: "5.1.3", Text: fmt.Sprintf("Recipient address %.100q is not valid", text), Cause: err}
			}
			add(a)
		}
	}
	switch {
	case len(list) == 0:
		return nil, &mail.Error{Code: 554, Status: "5.5.1", Text: "Message has no recipient"}
	case len(list) > maxRecipients:
		return nil, &mail.Error{Code: 554, Status: "5.5.3", Text: "Too many recipients"}
	}
	return list, nil
}
