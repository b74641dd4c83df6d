package smtpd

import (
	"bufio"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"posthoorn/internal/inject"
)

// A dialogue file is played in clear, over STARTTLS and over TLS from the first byte. Its lines:
//
//	config: words      how the server is set up, see configure; before everything else
//	modes: words       in which of plain, starttls, tls it is played; all by default
//	C: text            the client sends text and CR LF
//	C! "text"          the client sends a quoted Go string as it is
//	C* n "text"        the same n times
//	S: pattern         a whole reply: code, then the texts of its lines joined by "|"; * stands for anything
//	S* n pattern       n such replies
//	EOF                the server closes the connection
//	= queue recipient  what was published, in order, all of it; "= nothing"
//	~ "text"           the mime of the message published last ends with a quoted Go string
//	^ "text"           that mime begins with it
//	+ name value       that message has a property of this name, its value in JSON
//	- name             that message has no property of this name
//	# ...              a comment
func TestDialogues(t *testing.T) {
	files, err := filepath.Glob("testdata/dialogues/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no dialogues", err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(strings.TrimRight(string(text), "\n"), "\n")
		for _, mode := range modes(lines) {
			t.Run(strings.TrimSuffix(filepath.Base(file), ".txt")+"/"+mode, func(t *testing.T) {
				p := &player{t: t, mode: mode, server: start(t, func(o *Options, io *inject.Options) { configure(t, lines, o, io) })}
				p.connect(lines)
				for i, line := range lines {
					p.at = fmt.Sprintf("line %d, %s", i+1, line)
					p.play(line)
				}
				p.end()
			})
		}
	}
}

func modes(lines []string) []string {
	for _, line := range lines {
		if words, ok := strings.CutPrefix(line, "modes:"); ok {
			return strings.Fields(words)
		}
	}
	return []string{"plain", "starttls", "tls"}
}

func words(lines []string) (list []string) {
	for _, line := range lines {
		if rest, ok := strings.CutPrefix(line, "config:"); ok {
			list = append(list, strings.Fields(rest)...)
		}
	}
	return list
}

func configure(t *testing.T, lines []string, o *Options, io *inject.Options) {
	for _, word := range words(lines) {
		name, value, _ := strings.Cut(word, "=")
		number, _ := strconv.Atoi(value)
		switch name {
		case "login":
			o.Login = logins[value]
		case "refused":
			io.Queues.Refused = "refused"
		case "local":
			io.Queues.Local = "local"
		case "locals":
			list := localList{}
			for _, a := range strings.Split(value, ",") {
				list[a] = true
			}
			o.Locals = list
		case "reports":
			io.Queues.Reports = "reports"
			o.Reports = fakeReports
		case "noreports": // they are recognised, but have no queue
			o.Reports = fakeReports
		case "results":
			o.ResultsLocal, o.ResultsNonlocal = true, true
		case "barred":
			o.Barred = netip.MustParsePrefix(value).Contains
		case "proxy": // the client seems to be a foreigner
			o.Proxy = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
		case "range":
			o.Range = []netip.Prefix{netip.MustParsePrefix(value)}
		case "nodsn":
			o.DSN = false
		case "notls":
			o.CertificateFile, o.SecurePorts = "", nil
			o.Ports = []int{0, 0}
		case "maxsize":
			o.MaxSize = int64(number)
		case "maxrcpt":
			o.MaxRecipients = number
		case "maxerrors":
			o.MaxErrors = number
		case "noextract":
			o.Extract = false
		default:
			t.Fatal("config: ", word)
		}
	}
}

type player struct {
	t      *testing.T
	mode   string
	server *testServer
	conn   net.Conn
	r      *bufio.Reader
	at     string
	seen   int // publishings that were compared
}

func (p *player) use(c net.Conn) { p.conn, p.r = c, bufio.NewReader(c) }

func (p *player) connect(lines []string) {
	address := p.server.plain
	if p.mode == "tls" {
		address = p.server.secure
	}
	raw := dial(p.t, address)
	p.use(raw)
	for _, w := range words(lines) {
		if w == "proxy" {
			p.send("PROXY TCP4 203.0.113.20 198.51.100.7 48211 25\r\n")
		}
	}
	if p.mode == "starttls" {
		p.at = "STARTTLS"
		p.play("S: 220 *")
		p.play("C: EHLO client.test")
		p.play("S: 250 *|STARTTLS|*")
		p.play("C: STARTTLS")
		p.play("S: 220 *")
	}
	if p.mode != "plain" {
		p.use(tls.Client(raw, clientTLS))
	}
}

func (p *player) send(s string) {
	if _, err := io.WriteString(p.conn, s); err != nil {
		p.t.Fatalf("%s: %v", p.at, err)
	}
}

func (p *player) play(line string) {
	p.t.Helper()
	sign, rest, _ := strings.Cut(line, " ")
	switch sign {
	case "C:":
		p.send(rest + "\r\n")
	case "C!":
		p.send(p.unquote(rest))
	case "C*":
		n, text := p.times(rest)
		p.send(strings.Repeat(p.unquote(text), n))
	case "S*":
		n, pattern := p.times(rest)
		for i := range n {
			if got := p.reply(); !like(pattern, got) {
				p.t.Fatalf("%s: reply %d is %s", p.at, i+1, got)
			}
		}
	case "S:":
		if p.mode == "starttls" && strings.HasPrefix(rest, "220 mx.test") {
			return // the greeting has been read
		}
		if got := p.reply(); !like(rest, got) {
			p.t.Fatalf("%s: got %s", p.at, got)
		}
	case "EOF":
		if b, err := p.r.ReadByte(); err == nil {
			p.t.Fatalf("%s: got %q", p.at, b)
		}
	case "=":
		p.published(rest)
	case "~":
		ps := p.server.broker.published()
		if mime, _ := fields(p.t, ps[len(ps)-1])["mime"].(string); !strings.HasSuffix(mime, p.unquote(rest)) {
			p.t.Fatalf("%s: mime is %q", p.at, mime)
		}
	case "^":
		ps := p.server.broker.published()
		if mime, _ := fields(p.t, ps[len(ps)-1])["mime"].(string); !strings.HasPrefix(mime, p.unquote(rest)) {
			p.t.Fatalf("%s: mime is %q", p.at, mime)
		}
	case "+":
		name, value, _ := strings.Cut(rest, " ")
		ps := p.server.broker.published()
		if got, err := json.Marshal(fields(p.t, ps[len(ps)-1])[name]); err != nil || string(got) != value {
			p.t.Fatalf("%s: it is %s", p.at, got)
		}
	case "-":
		ps := p.server.broker.published()
		if value, has := fields(p.t, ps[len(ps)-1])[rest]; has {
			p.t.Fatalf("%s: it is %v", p.at, value)
		}
	case "config:", "modes:", "#", "":
	default:
		p.t.Fatalf("%s: not understood", p.at)
	}
}

func (p *player) times(rest string) (int, string) {
	count, text, _ := strings.Cut(rest, " ")
	n, err := strconv.Atoi(count)
	if err != nil {
		p.t.Fatalf("%s: %v", p.at, err)
	}
	return n, text
}

func (p *player) unquote(s string) string {
	text, err := strconv.Unquote(s)
	if err != nil {
		p.t.Fatalf("%s: %v", p.at, err)
	}
	return text
}

// reply reads one reply, checking its form.
func (p *player) reply() string {
	p.t.Helper()
	code, texts := "", []string(nil)
	for {
		line, err := p.r.ReadString('\n')
		if err != nil {
			p.t.Fatalf("%s: %q, %v", p.at, line, err)
		}
		if len(line) < 6 || !strings.HasSuffix(line, "\r\n") || len(line) > 512 || code != "" && line[:3] != code {
			p.t.Fatalf("%s: malformed reply %q", p.at, line)
		}
		code = line[:3]
		texts = append(texts, line[4:len(line)-2])
		if line[3] == ' ' {
			return code + " " + strings.Join(texts, "|")
		}
	}
}

func (p *player) published(want string) {
	p.t.Helper()
	ps := p.server.broker.published()
	if want == "nothing" {
		if len(ps) > p.seen {
			p.t.Fatalf("%s: published %s", p.at, ps[p.seen].Body)
		}
		return
	}
	if len(ps) <= p.seen {
		p.t.Fatalf("%s: nothing more was published", p.at)
	}
	if got := ps[p.seen].Queue + " " + fields(p.t, ps[p.seen])["recipient"].(string); got != want {
		p.t.Fatalf("%s: published %s", p.at, got)
	}
	p.seen++
}

func (p *player) end() {
	if ps := p.server.broker.published(); len(ps) != p.seen {
		p.t.Errorf("%d messages more were published: %s", len(ps)-p.seen, ps[p.seen].Body)
	}
}

// like matches a pattern with *.
func like(pattern, s string) bool {
	first, rest, star := strings.Cut(pattern, "*")
	if !star {
		return pattern == s
	}
	if !strings.HasPrefix(s, first) {
		return false
	}
	for i := len(first); i <= len(s); i++ {
		if like(rest, s[i:]) {
			return true
		}
	}
	return false
}
