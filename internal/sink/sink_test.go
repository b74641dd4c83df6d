package sink

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func start(t testing.TB, o Options) *Server {
	t.Helper()
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(s.Serve)
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		wg.Wait()
	})
	return s
}

type client struct {
	t testing.TB
	net.Conn
	r *bufio.Reader
}

func dial(t testing.TB, s *Server) *client {
	t.Helper()
	c, err := net.Dial("tcp", s.Addresses()[0].String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(time.Minute))
	return &client{t, c, bufio.NewReader(c)}
}

func (c *client) send(s string) {
	c.t.Helper()
	if _, err := io.WriteString(c.Conn, s); err != nil {
		c.t.Fatal(err)
	}
}

// want reads whole replies and compares their codes; "EOF" wants the end, "-" that it comes in the middle of a line.
func (c *client) want(codes ...string) (last string) {
	c.t.Helper()
	for _, code := range codes {
		for {
			line, err := c.r.ReadString('\n')
			last = line
			if code == "EOF" || code == "-" {
				if err == nil || (line != "") != (code == "-") {
					c.t.Fatalf("%q %v, want %s", line, err, code)
				}
				return line
			}
			if err != nil || !strings.HasPrefix(line, code) {
				c.t.Fatalf("%q %v, want %s", line, err, code)
			}
			if line[3] != '-' {
				break
			}
		}
	}
	return last
}

func TestItAccepts(t *testing.T) {
	s := start(t, Options{Remember: 10})
	c := dial(t, s)
	c.send("EHLO x\r\nMAIL FROM:<a@b.test> SIZE=3 BODY=8BITMIME\r\nRCPT TO:<c@d.test> NOTIFY=NEVER\r\nRCPT TO:<e@d.test>\r\nDATA\r\nA: b\r\n\r\n..x\r\n.\r\nMAIL FROM:<>\r\nRCPT TO:<c@d.test>\r\nDATA\r\n")
	c.want("220", "250", "250", "250", "250", "354", "250 2.0.0 Ok: 1", "250", "250", "354")
	c.send("two\r\n.\r\nNOOP\r\nVRFY x\r\nBAD\r\nRSET\r\nDATA\r\nRCPT TO:<x@y.test>\r\nMAIL FROM:a@b\r\nQUIT\r\n")
	c.want("250", "250", "502", "500", "250", "554", "503", "501", "221", "EOF")
	want := []Message{
		{1, "a@b.test", []string{"c@d.test", "e@d.test"}, []byte("A: b\r\n\r\n.x\r\n"), "accepted"},
		{1, "", []string{"c@d.test"}, []byte("two\r\n"), "accepted"},
	}
	if got := s.Messages(); !reflect.DeepEqual(got, want) {
		t.Errorf("%+v", got)
	}
	if st := s.Stats(); st.Messages != 2 || st.Recipients != 3 || st.Connections != 1 || st.Bytes != 17 {
		t.Error(st)
	}
}

func TestExtensions(t *testing.T) {
	for want, o := range map[string]Options{
		"250-sink.test 250-PIPELINING 250-SIZE 104857600 250-8BITMIME 250-SMTPUTF8 250-DSN 250 ENHANCEDSTATUSCODES": {},
		"250-sink.test 250-PIPELINING 250-SIZE 104857600 250-8BITMIME 250-DSN 250-ENHANCEDSTATUSCODES 250 STARTTLS": {StartTLS: true, Without: []string{"smtputf8"}},
		"250 x.test": {Hostname: "x.test", Without: []string{"PIPELINING", "SIZE", "8BITMIME", "SMTPUTF8", "DSN", "ENHANCEDSTATUSCODES"}},
	} {
		s := start(t, o)
		c := dial(t, s)
		c.want("220")
		c.send("EHLO x\r\nQUIT\r\n")
		all, _ := io.ReadAll(c.r)
		if got := strings.Join(strings.Fields(string(all)), " "); got != want+" 221 2.0.0 Bye" {
			t.Error(got)
		}
	}
}

func TestEncryption(t *testing.T) {
	s := start(t, Options{StartTLS: true})
	c := dial(t, s)
	c.send("EHLO x\r\n")
	c.want("220", "250")
	c.send("STARTTLS\r\n")
	c.want("220")
	secure := tls.Client(c.Conn, &tls.Config{InsecureSkipVerify: true})
	c = &client{t, secure, bufio.NewReader(secure)}
	c.send("EHLO x\r\nSTARTTLS\r\nMAIL FROM:<a@b.test>\r\n")
	c.want("250", "502", "250")
	if s.Stats().Encrypted != 1 {
		t.Error(s.Stats())
	}
}

// TestScripts: what a script does, first and afterwards.
func TestScripts(t *testing.T) {
	const whole = "MAIL FROM:<a@b.test>\r\nRCPT TO:<%s@d.test>\r\nDATA\r\nx\r\n.\r\nQUIT\r\n"
	ok := []string{"250", "250", "354", "250", "221", "EOF"}
	for name, first := range map[string][]string{
		"plain":              {"250", "250", "354", "250", "221", "EOF"},
		"refused.person":     {"250", "250", "354", "250", "221", "EOF"},
		"defer.x":            {"250", "250", "354", "250", "221", "EOF"},
		"defer-someday":      {"250", "250", "354", "250", "221", "EOF"},
		"refuse":             {"250", "550", "554"},
		"refuse.1":           {"250", "550", "554"},
		"defer.1":            {"250", "451", "554"},
		"defer-data.1":       {"250", "250", "451"},
		"refuse-dot.1":       {"250", "250", "354", "550", "221", "EOF"},
		"close-rcpt.1":       {"250", "421", "EOF"},
		"drop-at-rcpt.1":     {"250", "EOF"},
		"drop-in-body.1":     {"250", "250", "354", "EOF"},
		"defer-body.1":       {"250", "250", "354", "451", "EOF"},
		"drop-after-dot.1":   {"250", "250", "354", "EOF"},
		"drop-before-quit.1": {"250", "250", "354", "250", "EOF"},
		"cut-dot.1":          {"250", "250", "354", "-"},
		"garbage-dot.1":      {"250", "250", "354", "the", "221"},
		"reset-after-dot.1":  {"250", "250", "354"},
	} {
		s := start(t, Options{Remember: 10})
		text := fmt.Sprintf(whole, name)
		c := dial(t, s)
		c.want("220")
		c.send(text)
		c.want(first...)
		if name == "refuse" {
			continue
		}
		again := dial(t, s)
		again.want("220")
		again.send(text)
		again.want(ok...)
		ms := s.Messages()
		if last := ms[len(ms)-1]; last.Decision != "accepted" || strings.Contains(name, "-dot") != (ms[0].Decision == name) {
			t.Errorf("%s: %+v", name, ms)
		}
	}
}

func TestScriptsForEverybody(t *testing.T) {
	s := start(t, Options{Scripts: []string{"drop-greeting.1", "defer-ehlo.1", "refuse-mail.1", "refuse-starttls", "drop-dot.1"}, StartTLS: true, Remember: 9})
	dial(t, s).want("EOF")
	c := dial(t, s)
	c.send("EHLO x\r\nEHLO x\r\nSTARTTLS\r\nMAIL FROM:<a@b.test>\r\nMAIL FROM:<defer-mail.1@b.test>\r\nMAIL FROM:<defer-mail.1@b.test>\r\nRCPT TO:<c@d.test>\r\nDATA\r\nx\r\n.\r\n")
	c.want("220", "451", "250", "550", "550", "451", "250", "250", "354", "EOF")
	if ms := s.Messages(); len(ms) != 1 || ms[0].Decision != "drop-dot.1" {
		t.Error(ms)
	}
	if _, err := New(Options{Scripts: []string{"dance"}}); err == nil {
		t.Error("an unknown script is taken")
	}
}

func TestHangEndsWithClose(t *testing.T) {
	s := start(t, Options{})
	c := dial(t, s)
	c.send("MAIL FROM:<a@b.test>\r\nRCPT TO:<hang-data@d.test>\r\nDATA\r\n")
	c.want("220", "250", "250")
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	c.want("EOF")
}

func TestChances(t *testing.T) {
	s := start(t, Options{Temporary: 0.2, Permanent: 0.1, Seed: 7})
	c := dial(t, s)
	c.want("220")
	c.send("MAIL FROM:<a@b.test>\r\n" + strings.Repeat("RCPT TO:<c@d.test>\r\n", 1000) + "QUIT\r\n")
	all, _ := io.ReadAll(c.r)
	deferred, refused := bytes.Count(all, []byte("451 ")), bytes.Count(all, []byte("550 "))
	if deferred < 150 || deferred > 250 || refused < 60 || refused > 140 {
		t.Error(deferred, refused)
	}
	if st := s.Stats(); st.Deferred != int64(deferred) || st.Refused != int64(refused) {
		t.Error(st)
	}
}

func TestLedgerAndKeep(t *testing.T) {
	dir := t.TempDir()
	ledger := filepath.Join(dir, "ledger")
	s := start(t, Options{Ledger: ledger, Sync: true, Keep: filepath.Join(dir, "mail")})
	c := dial(t, s)
	c.send("MAIL FROM:<a@b.test>\r\nRCPT TO:<drop-after-dot@d.test>\r\nRCPT TO:<e@d.test>\r\nDATA\r\nMessage-Id:\r\n <run-1@x>\r\n\r\nbody\r\n.\r\n")
	c.want("220", "250", "250", "250", "354", "EOF")
	text, err := os.ReadFile(ledger)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256([]byte("body\r\n"))
	for i, line := range strings.Split(strings.TrimSpace(string(text)), "\n") {
		var got map[string]any
		if err := json.Unmarshal([]byte(line), &got); err != nil {
			t.Fatal(err)
		}
		to := []string{"drop-after-dot@d.test", "e@d.test"}[i]
		if got["id"] != "run-1@x" || got["recipient"] != to || got["sha256"] != hex.EncodeToString(sum[:]) || got["decision"] != "drop-after-dot" || got["connection"] != 1.0 {
			t.Error(line)
		}
	}
	files, _ := filepath.Glob(filepath.Join(dir, "mail", "*.eml"))
	if len(files) != 1 {
		t.Fatal(files)
	}
	if kept, _ := os.ReadFile(files[0]); !bytes.HasSuffix(kept, []byte("\r\n\r\nbody\r\n")) {
		t.Errorf("%q", kept)
	}
}

func TestALedgerThatCannotBeWrittenIsNotSilent(t *testing.T) {
	s := start(t, Options{Ledger: "/dev/full"})
	c := dial(t, s)
	c.send("MAIL FROM:<a@b.test>\r\nRCPT TO:<c@d.test>\r\nDATA\r\nx\r\n.\r\n")
	c.want("220", "250", "250", "354", "452")
}

func TestLimitsOfTheSink(t *testing.T) {
	s := start(t, Options{MaxConnections: 1, MaxSize: 10})
	c := dial(t, s)
	c.want("220")
	dial(t, s).want("421", "EOF")
	c.send("MAIL FROM:<a@b.test>\r\nRCPT TO:<c@d.test>\r\nDATA\r\n0123456789\r\n.\r\nNOOP " + strings.Repeat("x", 5000) + "\r\nNOOP\r\n")
	c.want("250", "250", "354", "552", "500", "250")
}

func TestLatencyComesWithEveryFlush(t *testing.T) {
	s := start(t, Options{Latency: 20 * time.Millisecond})
	begin := time.Now()
	c := dial(t, s)
	c.want("220")
	c.send("EHLO x\r\nNOOP\r\nNOOP\r\n")
	c.want("250", "250", "250")
	if d := time.Since(begin); d < 40*time.Millisecond {
		t.Error(d)
	}
}

func TestRangesOfAddresses(t *testing.T) {
	s := start(t, Options{Addresses: []string{"127.0.0.1-3:0", "127.0.0.1:0"}})
	if n := len(s.Addresses()); n != 4 || !strings.HasPrefix(s.Addresses()[2].String(), "127.0.0.3:") {
		t.Error(s.Addresses())
	}
	for _, bad := range []string{"127.0.0.3-1:0", "127.0.0.1-300:0", "127.0.0.1-x:0", "nonsense"} {
		if _, err := New(Options{Addresses: []string{bad}}); err == nil {
			t.Error(bad)
		}
	}
}

func TestPrint(t *testing.T) {
	s := start(t, Options{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var out bytes.Buffer
	s.Print(ctx, &out)
	if !strings.HasPrefix(out.String(), "total: connections 0") {
		t.Error(out.String())
	}
}

const benchMessages = 64

func benchText() (string, int) {
	line := strings.Repeat("All work and no play makes Jack a dull boy. ", 2)[:76] + "\r\n"
	text := "MAIL FROM:<a@b.test>\r\nRCPT TO:<c@d.test>\r\nDATA\r\nFrom: a@b.test\r\n\r\n" + strings.Repeat(line, 130) + ".\r\n"
	return text, len(text)
}

// pump is a connection made of memory: the client's bytes again and again, replies to nowhere.
type pump struct {
	net.Conn
	text []byte
	left int
	at   int
}

func (p *pump) Read(b []byte) (int, error) {
	if p.at == len(p.text) {
		if p.left--; p.left <= 0 {
			return 0, io.EOF
		}
		p.at = 0
	}
	n := copy(b, p.text[p.at:])
	p.at += n
	return n, nil
}
func (p *pump) Write(b []byte) (int, error)      { return len(b), nil }
func (p *pump) Close() error                     { return nil }
func (p *pump) SetReadDeadline(time.Time) error  { return nil }
func (p *pump) SetWriteDeadline(time.Time) error { return nil }

// BenchmarkMessage is the work of the sink for a message of 10 KB, without the network.
func BenchmarkMessage(b *testing.B) {
	s := start(b, Options{})
	text, n := benchText()
	b.SetBytes(int64(n))
	b.ReportAllocs()
	s.serve(&pump{text: []byte(text), left: b.N})
	if s.Stats().Messages != int64(b.N) {
		b.Error(s.Stats())
	}
}

func TestAMessageCostsNoAllocation(t *testing.T) {
	s := start(t, Options{})
	text, _ := benchText()
	per := func(n int) float64 {
		return testing.AllocsPerRun(5, func() { s.serve(&pump{text: []byte(text), left: n}) })
	}
	if few, many := per(1), per(1+benchMessages); many-few > benchMessages/8 {
		t.Errorf("%v allocations for %d messages", many-few, benchMessages)
	}
}
