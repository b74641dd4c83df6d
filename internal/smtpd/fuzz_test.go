package smtpd

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"posthoorn/internal/inject"
	"posthoorn/internal/mail"
)

// FuzzSession: whatever a client sends, cut into two segments anywhere, nothing falls, the session ends, all it held is given back,
// every reply has its form, and what is published is what the replies of complete transactions said, no more and no less.
func FuzzSession(f *testing.F) {
	for _, text := range dialogueInputs(f) {
		f.Add([]byte(text), len(text)/2)
	}
	f.Add([]byte(envelope+"BDAT 3\r\nA:bBDAT 0 LAST\r\nRSET\r\nVRFY x\r\n"), 90)
	f.Add([]byte("EHLO x\r\nSTARTTLS\r\n\x16\x03\x01\x00\x05\x01\x02\x03\x04\x05"), 18)
	cert, key := writeCertificate(f, f.TempDir(), 1)
	config, err := newTLS(&Options{CertificateFile: cert, KeyFile: key})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, input []byte, cut int) {
		cut = max(0, min(cut, len(input)))
		s, b := pipeServer(t, func(o *Options, _ *inject.Options) {
			o.MaxSize, o.DSN, o.Extract, o.Log = 1000, true, true, slog.New(noPanics{slog.DiscardHandler, t})
		})
		s.tls = config
		out := play(t, s, input[:cut], input[cut:])
		if s.memory.Load() != 0 || s.limits.count() != 0 || len(s.limits.byIP) != 0 {
			t.Errorf("%d bytes, %d sessions, %d addresses are left", s.memory.Load(), s.limits.count(), len(s.limits.byIP))
		}
		messages, recipients := readReplies(t, out)
		if got := len(b.published()); got != recipients {
			t.Errorf("%d recipients by the replies, %d published", recipients, got)
		}
		lower := bytes.ToLower(input)
		ends := bytes.Count(lower, []byte(".\r\n")) + bytes.Count(lower, []byte("last"))
		if messages > ends || messages > bytes.Count(lower, []byte("mail")) || recipients > bytes.Count(lower, []byte("rcpt")) {
			t.Errorf("%d messages for %d recipients", messages, recipients)
		}
		for _, p := range b.published() {
			if _, err := mail.Parse(p.Body, mail.Rules{}); err != nil {
				t.Errorf("%s: %v", p.Body, err)
			}
		}
	})
}

// dialogueInputs is what the clients of the dialogues send.
func dialogueInputs(f *testing.F) (inputs []string) {
	files, err := filepath.Glob("testdata/dialogues/*.txt")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		var b strings.Builder
		for line := range strings.Lines(string(text)) {
			if rest, ok := strings.CutPrefix(line, "C: "); ok {
				b.WriteString(strings.TrimSuffix(rest, "\n") + "\r\n")
			} else if rest, ok := strings.CutPrefix(line, "C! "); ok {
				quoted, err := strconv.Unquote(strings.TrimSuffix(rest, "\n"))
				if err != nil {
					f.Fatal(file, err)
				}
				b.WriteString(quoted)
			}
		}
		inputs = append(inputs, b.String())
	}
	return inputs
}

// play sends the parts, ends the session when it has read them, and returns all that it said.
func play(t *testing.T, s *Server, parts ...[]byte) []byte {
	server, c := net.Pipe()
	s.running.Go(func() { s.serveConn(pipeConn{server, &net.TCPAddr{IP: net.IPv4(203, 0, 113, 20)}}, false) })
	said := make(chan []byte, 1)
	go func() {
		out, _ := io.ReadAll(c)
		said <- out
	}()
	for _, part := range parts {
		if len(part) > 0 {
			_, _ = c.Write(part)
		}
	}
	s.limits.stop()
	select {
	case out := <-said:
		s.stopNow()
		_ = c.Close()
		return out
	case <-time.After(2 * time.Minute):
		t.Fatal("the session does not end")
		return nil
	}
}

// readReplies checks the form of replies and follows the transactions that they tell of.
func readReplies(t *testing.T, out []byte) (messages, recipients int) {
	began, rcpts := false, 0
	for text := string(out); text != ""; {
		reply, rest := cutReply(t, text)
		text = rest
		switch first, _, _ := strings.Cut(reply, "\r\n"); {
		case first == "250 2.1.0 Ok":
			began, rcpts = true, 0
		case first == "250 2.1.5 Ok":
			if rcpts++; !began {
				t.Error("a recipient before MAIL")
			}
		case strings.HasPrefix(first, "354 ") && (!began || rcpts == 0):
			t.Error("354 without a recipient")
		case first == "250-Ok, queued under these identifiers:":
			if !began || rcpts == 0 {
				t.Error("a message without a transaction")
			}
			messages, recipients, began = messages+1, recipients+rcpts, false
		case first == "220 2.0.0 Ready to start TLS":
			return messages, recipients // what follows is no SMTP
		}
	}
	return messages, recipients
}

// cutReply takes one reply of one or more lines, all with the same code.
func cutReply(t *testing.T, text string) (reply, rest string) {
	for at := 0; ; {
		line, _, ok := strings.Cut(text[at:], "\r\n")
		if !ok || len(line) < 5 || len(line) > 510 || line[:3] != text[:3] || text[0] < '2' || text[0] > '5' || line[3] != ' ' && line[3] != '-' ||
			strings.ContainsFunc(line, func(r rune) bool { return r < ' ' || r == 0x7f }) {
			t.Fatalf("reply %q", text)
		}
		if at += len(line) + 2; line[3] == ' ' {
			return text[:at], text[at:]
		}
	}
}

// noPanics lets no panic be hidden by the log that tells of it.
type noPanics struct {
	slog.Handler
	t *testing.T
}

func (noPanics) Enabled(context.Context, slog.Level) bool { return true }

func (n noPanics) Handle(_ context.Context, r slog.Record) error {
	if strings.Contains(r.Message, "panic") {
		r.Attrs(func(a slog.Attr) bool { n.t.Error(a); return true })
	}
	return nil
}
