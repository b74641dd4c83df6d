package smtpd

import (
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestRepliesAreNeverSkipped: a client that does not read its replies is cut off. Going on without those that could not be sent
// would make it take the answer to one command for the answer to another.
func TestRepliesAreNeverSkipped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, b := pipeServer(t, nil)
		defer s.stopNow()
		c := s.pipe(t)
		c.want("220")
		sent := make(chan struct{})
		go func() {
			defer close(sent)
			_, _ = io.WriteString(c.Conn, envelope+strings.Repeat("RCPT TO:<bad>\r\n", 15)+strings.Repeat("RCPT TO:<c@d.test>\r\n", 400))
			_, _ = io.WriteString(c.Conn, "DATA\r\nA: b\r\n\r\n.\r\n")
		}()
		time.Sleep(writeTimeout + time.Second)
		rest, err := io.ReadAll(c.r)
		if err != nil || len(rest) > 0 {
			t.Errorf("%v, %d bytes after a reply that could not be sent: %.200q", err, len(rest), rest)
		}
		<-sent
		if n := len(b.published()); n > 0 {
			t.Error(n, "messages")
		}
	})
}
