package smtpd

import (
	"io"
	"strings"
	"testing"
)

// TestSmugglingWithNUL plays look-alikes of the end of data that hold a NUL, cut at every byte: no message comes out, what stands in
// it is never taken for a command, and the session goes on.
func TestSmugglingWithNUL(t *testing.T) {
	s, b := pipeServer(t, nil)
	defer s.stopNow()
	for _, fake := range []string{"\x00\r\n.\r", "\r\x00\n.\r\n", "\r\n\x00.\r\n", "\r\n.\x00\r\n", "\r\n.\r\x00\n", "\n.\n\x00"} {
		data := "A: b\r\n\r\none" + fake + "RSET\r\nMAIL FROM:<evil@x.test>\r\nRCPT TO:<evil@y.test>\r\nDATA\r\ntwo\r\n.\r\n"
		for i := range data {
			c := s.pipe(t)
			c.want("220")
			done := make(chan struct{})
			go func() {
				defer close(done)
				for _, part := range []string{envelope + "DATA\r\n", data[:i], data[i:] + "QUIT\r\n"} {
					if part != "" {
						_, _ = io.WriteString(c.Conn, part)
					}
				}
			}()
			c.want("250", "250", "250", "354", "554 5.6.0", "221")
			<-done
			_ = c.Close()
		}
	}
	if n := len(b.published()); n != 0 {
		t.Error(n, "messages")
	}
}

// TestTheEndBehindAStrayCR: in CR CR LF . CR LF the last five bytes are the end, and what follows are commands, however it is cut.
func TestTheEndBehindAStrayCR(t *testing.T) {
	s, b := pipeServer(t, nil)
	defer s.stopNow()
	data := "A: b\r\n\r\none\r\r\n.\r\nNOOP\r\nQUIT\r\n"
	for i := 1; i < len(data); i++ {
		c := s.pipe(t)
		c.want("220")
		done := make(chan struct{})
		go func() {
			defer close(done)
			for _, part := range []string{envelope + "DATA\r\n", data[:i], data[i:]} {
				_, _ = io.WriteString(c.Conn, part)
			}
		}()
		c.want("250", "250", "250", "354", "250", "250 2.0.0", "221")
		<-done
		_ = c.Close()
		got := b.published()
		if mime, _ := fields(t, got[len(got)-1])["mime"].(string); len(got) != i || !strings.HasSuffix(mime, "\r\n\r\none\r\n") {
			t.Fatalf("cut at %d: %d messages, %q", i, len(got), mime)
		}
	}
}
