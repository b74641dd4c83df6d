package console

import (
	"mime"
	"mime/quotedprintable"
	"strings"
	"time"
)

func (s *Server) testSource(in *testRequest, id string) string {
	var b strings.Builder
	field := func(name, value string) { b.WriteString(name + ": " + value + "\r\n") }
	from := in.Envelope
	if from == "" {
		from = "postmaster@" + s.p.Instance.Hostname
	}
	field("From", headerAddress(from))
	field("To", headerAddress(in.Recipient))
	field("Subject", mime.QEncoding.Encode("utf-8", in.Subject))
	field("Date", time.Now().UTC().Format(time.RFC1123Z))
	field("Message-ID", "<"+id+"@"+s.p.Instance.Hostname+">")
	field("MIME-Version", "1.0")
	field("Content-Type", "text/plain; charset=utf-8")
	field("Content-Transfer-Encoding", "quoted-printable")
	b.WriteString("\r\n")
	w := quotedprintable.NewWriter(&b)
	_, _ = w.Write([]byte(strings.ReplaceAll(in.Text, "\r\n", "\n")))
	_ = w.Close()
	b.WriteString("\r\n")
	return b.String()
}

// headerAddress is an address that was parsed, without what could end a line.
func headerAddress(address string) string {
	return "<" + strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return -1
		}
		return r
	}, address) + ">"
}
