package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	stdmime "mime"
	"mime/multipart"
	netmail "net/mail"
	"net/textproto"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"posthoorn/internal/mail"
	"posthoorn/internal/mime"
)

func parsed(t testing.TB, address string) mail.Address {
	t.Helper()
	a, err := mail.ParseAddress(address, false)
	if err != nil {
		t.Fatal(address, err)
	}
	return a
}

var noon = time.Date(2031, 5, 4, 12, 0, 0, 0, time.UTC)

const order = "From: Shop <news@shop.test>\r\nTo: ann@customer.test\r\nSubject: Your order\r\n" +
	"Date: Wed, 4 May 2031 09:12:44 +0000\r\nMessage-ID: <order-771@shop.test>\r\n\r\nHello Ann,\r\nit is on its way.\r\n"

// notice is a plain failure.
func notice(t testing.TB) *Notice {
	return &Notice{
		Event: Failure, MTA: "mta1.relay.test", From: "bounces@relay.test",
		To: parsed(t, "bounce@shop.test"), Recipient: parsed(t, "ann@customer.test"),
		DSN: mail.DSN{Ret: "HDRS", ORcpt: "rfc822;Ann@alias.test", EnvID: "mail-771"},
		Result: &mail.Result{State: mail.StateRcptTo, Kind: mail.Failed, Time: noon, To: "192.0.2.25", MTA: "mx1.customer.test",
			Code: 550, Status: "5.1.1", Description: "<ann@customer.test>: user unknown"},
		Arrival: noon.Add(-time.Hour), Time: noon.Add(time.Second), Source: []byte(order),
	}
}

// notices are the notifications whose bytes are kept in testdata/written.
var notices = map[string]func(*testing.T, *Notice){
	"failure":       func(*testing.T, *Notice) {},
	"failure-full":  func(_ *testing.T, n *Notice) { n.DSN.Ret = "full" },
	"failure-plain": func(_ *testing.T, n *Notice) { n.DSN, n.From, n.Source, n.Arrival = mail.DSN{}, "", nil, time.Time{} },
	"failure-no-server": func(_ *testing.T, n *Notice) {
		n.Result = &mail.Result{State: mail.StateDNS, Kind: mail.Failed, Time: noon, Description: "no such domain", Status: "5.1.2", Code: 550}
	},
	"failure-timeout": func(_ *testing.T, n *Notice) {
		n.Result = &mail.Result{State: mail.StateConnect, Kind: mail.Timeout, Time: noon, To: "192.0.2.25"}
	},
	"failure-of-a-4yz": func(_ *testing.T, n *Notice) { n.Result.Code, n.Result.Status = 451, "4.7.1" },
	"failure-no-status": func(_ *testing.T, n *Notice) {
		n.Result.Status, n.Result.Description = "", strings.Repeat("very long explanation ", 30)
	},
	"delay": func(_ *testing.T, n *Notice) {
		n.Event, n.DSN.Ret, n.Until = Delay, "FULL", noon.Add(20*time.Hour)
		n.Result.Code, n.Result.Status, n.Result.Description = 450, "4.2.0", "Greylisted, see you in 5 minutes"
	},
	"delay-connect": func(_ *testing.T, n *Notice) {
		n.Event = Delay
		n.Result = &mail.Result{State: mail.StateConnect, Kind: mail.Failed, Time: noon, Description: "connection refused"}
	},
	"success": func(_ *testing.T, n *Notice) {
		n.Event, n.DSN.Ret = Success, "FULL"
		n.Result.State, n.Result.Kind, n.Result.Code, n.Result.Status, n.Result.Description = mail.StateMessage, mail.Accepted, 250, "2.0.0", "queued as 9Z1"
	},
	"utf8-recipient": func(t *testing.T, n *Notice) { // the sender reads ASCII
		n.Recipient, n.DSN.ORcpt = parsed(t, "jürgen@kundin.test"), "jürgen@kundin.test"
		n.Result.Code, n.Result.Status, n.Result.Description = 553, "5.6.7", "„jürgen“ nicht hier"
	},
	"utf8-sender": func(t *testing.T, n *Notice) {
		n.To, n.Recipient, n.DSN.ORcpt = parsed(t, "grüße@laden.test"), parsed(t, "jürgen@kundin.test"), "utf-8;jürgen@kundin.test"
		n.Result.Description = "„jürgen“ nicht hier"
		n.Source = []byte("From: grüße@laden.test\r\nSubject: Grüße\r\nMessage-ID: <g@laden.test>\r\n\r\nHallo\r\n")
	},
	"utf8-domain-of-sender": func(t *testing.T, n *Notice) { // his server may know nothing of SMTPUTF8
		n.To, n.MTA, n.From = parsed(t, "bounce@bücher.test"), "mta.bücher.test", "Bücher <bounces@bücher.test>"
	},
	"utf8-domain": func(t *testing.T, n *Notice) { n.Recipient, n.DSN.ORcpt = parsed(t, "ann@bücher.test"), "" },
	"utf8-header-full": func(_ *testing.T, n *Notice) {
		n.DSN.Ret, n.Source = "FULL", []byte("Subject: Grüße\r\nMessage-ID: <g@laden.test>\r\n\r\nHallo ü\r\n-- \r\n--dashes\r\n")
	},
	"latin1-header": func(_ *testing.T, n *Notice) { n.Source = []byte("Subject: Gr\xfc\xdfe\r\n\r\nHallo\r\n") },
	"8bit-full": func(_ *testing.T, n *Notice) {
		n.DSN.Ret, n.Source = "FULL", []byte("Subject: x\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\nHallo ü\r\n")
	},
	"8bit-full-unlabelled": func(_ *testing.T, n *Notice) { // what is no MIME is made MIME
		n.DSN.Ret, n.Source = "FULL", []byte("Subject: x\r\n\r\nHallo \xfc\r\n--dashes\r\n")
	},
	"8bit-full-latin1-header": func(_ *testing.T, n *Notice) {
		n.DSN.Ret, n.Source = "FULL", []byte("Subject: Gr\xfc\xdfe\r\n\r\nHallo \xfc\r\n")
	},
	"8bit-full-multipart": func(_ *testing.T, n *Notice) {
		n.DSN.Ret = "FULL"
		n.Source = []byte("Subject: x\r\nMIME-Version: 1.0\r\nContent-Type: multipart/alternative; boundary=x\r\n" +
			"Content-Transfer-Encoding: 8bit\r\n\r\n--x\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n" +
			"Grüße\r\n--x\r\nContent-Type: text/html\r\n\r\n<p>Hello\r\n--x--\r\n")
	},
	"8bit-full-attached": func(_ *testing.T, n *Notice) { // what is in it may not be encoded
		n.DSN.Ret = "FULL"
		n.Source = []byte("Subject: x\r\nMIME-Version: 1.0\r\nContent-Type: message/rfc822\r\nContent-Transfer-Encoding: 8bit\r\n\r\nSubject: y\r\n\r\nGrüße\r\n")
	},
	"8bit-full-utf8-sender": func(t *testing.T, n *Notice) { // SMTPUTF8 comes with 8BITMIME
		n.To, n.DSN.Ret = parsed(t, "grüße@laden.test"), "FULL"
		n.Source = []byte("Subject: x\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\nHallo ü\r\n")
	},
	"quoted-recipient": func(t *testing.T, n *Notice) {
		n.Recipient, n.DSN.ORcpt, n.DSN.EnvID = parsed(t, `"ann smith"@customer.test`), `"ann smith"@customer.test`, "a+b=c d"
	},
	"long-lines-full": func(_ *testing.T, n *Notice) {
		n.DSN.Ret, n.Source = "FULL", []byte("Message-ID: <l@shop.test>\r\n\r\n"+strings.Repeat("long ", 200)+"\r\n")
	},
	"utf8-from": func(_ *testing.T, n *Notice) { n.From = "grüße@relay.test" }, // the sender reads ASCII
	"named-sender": func(_ *testing.T, n *Notice) {
		n.From, n.MTA = "Zustellung Müller <bounces@relay.test>", "Our mail server"
	},
	"multipart-full": func(_ *testing.T, n *Notice) {
		n.DSN.Ret = "FULL"
		n.Source = []byte("Message-ID: <m@shop.test>\r\nContent-Type: multipart/report; report-type=delivery-status; boundary=x\r\n\r\n" +
			"--x\r\nContent-Type: message/delivery-status\r\n\r\nFinal-Recipient: rfc822; other@x.test\r\n\r\n--x--\r\n")
	},
	"expired": func(t *testing.T, n *Notice) { // after an attempt that a server has answered
		n.Last = &mail.Result{State: mail.StateRcptTo, Kind: mail.Failed, Time: noon.Add(-time.Minute), To: "192.0.2.25", MTA: "mx1.customer.test",
			Code: 452, Status: "4.2.2", Description: "mailbox full"}
		n.Result = &mail.Result{State: mail.StateAMQP, Kind: mail.Timeout, Time: noon, Code: 554, Status: "5.4.7"}
	},
	"expired-untried": func(_ *testing.T, n *Notice) {
		n.Result = &mail.Result{State: mail.StateAMQP, Kind: mail.Timeout, Time: noon, Code: 554, Status: "5.4.7"}
	},
	"lost": func(_ *testing.T, n *Notice) { // the words are ours, though we know the server
		n.Result.State, n.Result.Kind, n.Result.Code, n.Result.Status, n.Result.Description = mail.StateData, mail.Lost, 451, "4.4.2", ""
	},
	"forced": func(_ *testing.T, n *Notice) {
		n.Result = &mail.Result{State: mail.StateProcess, Kind: mail.Failed, Time: noon, Code: 554, Status: "5.3.0", Description: "moved to another relay"}
	},
	"no-way-out": func(_ *testing.T, n *Notice) {
		n.Result = &mail.Result{State: mail.StateBind, Kind: mail.Failed, Time: noon, Code: 554, Status: "5.3.5"}
	},
	"no-address": func(_ *testing.T, n *Notice) {
		n.Recipient, n.Written, n.DSN.ORcpt = mail.Address{}, "ann at\r\ncustomer.test", ""
		n.Result = &mail.Result{State: mail.StateAMQP, Kind: mail.Invalid, Time: noon, Code: 553, Status: "5.1.3"}
	},
	"hostile": func(_ *testing.T, n *Notice) {
		evil := "x\r\nBcc: evil@x.test\r\n\r\n--b\x00\x1b[31m\u2028 end"
		n.MTA, n.From, n.DSN = evil, evil, mail.DSN{Ret: "FULL", EnvID: evil, ORcpt: "rfc822;" + evil}
		n.Result.MTA, n.Result.Description, n.Result.Status = evil, evil, evil
		n.Source = []byte("Message-ID: <" + evil + ">\nSubject: =?utf-8?q?a=0D=0ABcc:_x@x.test?=\n\nbare\rCR\nand LF\n.\n")
	},
	"long": func(_ *testing.T, n *Notice) {
		n.Result.Description, n.DSN.EnvID = strings.Repeat("y", 5000), strings.Repeat("z", 2000)
		n.Source = []byte("Subject: " + strings.Repeat("s", 3000) + "\r\n\r\n")
	},
}

func TestDSN(t *testing.T) {
	for name, change := range notices {
		t.Run(name, func(t *testing.T) {
			n := notice(t)
			change(t, n)
			source := DSN(n)
			golden(t, filepath.Join("testdata", "written", name+".eml"), source)
			if !bytes.Equal(DSN(n), source) {
				t.Error("is not the same twice")
			}
			checkLines(t, n, source)
			checkRecognised(t, n, source)
			checkParts(t, n, source)
		})
	}
	files, err := filepath.Glob(filepath.Join("testdata", "written", "*.eml"))
	if err != nil || len(files) != len(notices) {
		t.Errorf("%d files for %d notices (%v)", len(files), len(notices), err)
	}
}

// checkLines looks at the bytes: CRLF alone, no long lines, no bytes in the header that need SMTPUTF8 unless the sender does.
func checkLines(t *testing.T, n *Notice, source []byte) {
	t.Helper()
	bare := bytes.ReplaceAll(source, []byte("\r\n"), nil)
	if bytes.ContainsAny(bare, "\r\n\x00") {
		t.Error("has bare CR, LF or NUL")
	}
	if longLines(source) {
		t.Error("has a long line")
	}
	if head, _, _ := bytes.Cut(source, []byte("\r\n\r\n")); !ascii(head) && !n.global() {
		t.Errorf("needs SMTPUTF8:\n%s", head)
	}
	if !n.global() && !ascii(source) {
		t.Error("needs 8BITMIME")
	}
}

func checkRecognised(t *testing.T, n *Notice, source []byte) {
	t.Helper()
	r, ok := Recognise(source, "")
	if !ok || r.Kind != KindDSN || len(r.Recipients) != 1 {
		t.Fatalf("read back as %s", r.JSON())
	}
	to := r.Recipients[0]
	if final := to.Final; final != n.recipient() && final != string(n.Recipient.AppendPath(nil, false)) {
		t.Errorf("final recipient is %s", final)
	}
	if to.Action != n.Event.action() || to.Status != n.status() {
		t.Errorf("reads %s %s", to.Action, to.Status)
	}
	_, original, typed := strings.Cut(n.DSN.ORcpt, ";")
	if !typed {
		original = n.DSN.ORcpt
	}
	if original != to.Original && !strings.Contains(original, "\n") {
		t.Errorf("original recipient is %s", to.Original)
	}
	if n.DSN.EnvID != r.EnvelopeID && !strings.Contains(n.DSN.EnvID, "\n") && len(n.DSN.EnvID) < 900 {
		t.Errorf("envelope id is %s", r.EnvelopeID)
	}
	if want := n.originalID(); r.MessageID != want {
		t.Errorf("message id is %s", r.MessageID)
	}
}

// checkParts reads the notification with the parser of the standard library.
func checkParts(t *testing.T, n *Notice, source []byte) {
	t.Helper()
	m, err := netmail.ReadMessage(bytes.NewReader(source))
	if err != nil {
		t.Fatal(err)
	}
	kind, params, err := stdmime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/report" || params["report-type"] != "delivery-status" {
		t.Fatal(kind, params, err)
	}
	for _, name := range []string{"From", "To", "Date", "Message-ID", "Subject", "Auto-Submitted"} {
		if len(m.Header[textproto.CanonicalMIMEHeaderKey(name)]) != 1 {
			t.Errorf("%s: %q", name, m.Header[textproto.CanonicalMIMEHeaderKey(name)])
		}
	}
	if m.Header.Get("Bcc") != "" {
		t.Error("a field came in by a value")
	}
	if to, err := m.Header.AddressList("To"); err != nil || len(to) != 1 || to[0].Address != strings.Trim(string(n.To.AppendPath(nil, n.global())), "<>") {
		t.Error(to, err)
	}
	if _, err := m.Header.AddressList("From"); err != nil {
		t.Error(err)
	}
	var types []string
	for r := multipart.NewReader(m.Body, params["boundary"]); ; {
		p, err := r.NextPart() // it undoes quoted-printable
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(p)
		if err != nil {
			t.Fatal(err)
		}
		kind, _, err := stdmime.ParseMediaType(p.Header.Get("Content-Type"))
		if err != nil {
			t.Fatal(err)
		}
		types = append(types, kind)
		if len(types) == 3 && n.whole() {
			if got, want := contents(t, body), contents(t, appendLines(nil, n.Source)); !slices.Equal(got, want) {
				t.Errorf("the mail is\n%q\nwant\n%q", got, want)
			}
		}
	}
	want := 2
	if len(n.Source) > 0 {
		want = 3
	}
	if len(types) != want || types[0] != "text/plain" || !strings.HasSuffix(types[1], "delivery-status") {
		t.Error(types)
	}
}

// contents are the parts of a mail, each with its type and what it holds when its encoding is undone. All fields of the header but that
// of the encoding count.
func contents(t *testing.T, source []byte) (list []string) {
	t.Helper()
	parts, err := mime.Parts(source)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range parts {
		for _, f := range p.Fields {
			if !f.Is("Content-Transfer-Encoding") && !f.Is("MIME-Version") {
				list = append(list, string(source[f.Start:f.End]))
			}
		}
		if !p.Multipart {
			list = append(list, strings.TrimRight(string(p.AppendDecoded(nil, source)), "\r\n"))
		}
	}
	return list
}

func TestMessage(t *testing.T) {
	n := notice(t)
	original, err := mail.Parse([]byte(`{"envelope":"bounce@shop.test","recipient":"ann@customer.test","mime":"x","own":1,`+
		`"pool":"p","ips":["192.0.2.1"],"smarthost":{"hostname":"h.test"},"dsn":{"notify":"FAILURE"}}`), mail.Rules{})
	if err != nil {
		t.Fatal(err)
	}
	for _, original := range []*mail.Message{original, nil} {
		out := Message(n, original)
		m, err := mail.Parse(out, mail.Rules{})
		if err != nil {
			t.Fatal(err)
		}
		source, err := m.AppendSource(nil)
		if err != nil || !bytes.Equal(source, DSN(n)) {
			t.Errorf("source: %v", err)
		}
		if !m.Envelope.IsZero() || m.Recipient != n.To || m.DSN.Notify != "NEVER" || m.Property("own") != nil {
			t.Errorf("%s", out)
		}
		if has := original != nil; (m.Pool == "p") != has || (len(m.IPs) == 1) != has || (m.Smarthost != nil) != has {
			t.Errorf("way out: %s", out)
		}
	}
}

// pythonReads prints what Python's email package makes of each file: its parts, the names of the fields of the status, and all that it
// finds wrong.
const pythonReads = `
import email, email.policy, json, sys
for path in sys.argv[1:]:
    m = email.message_from_binary_file(open(path, "rb"), policy=email.policy.SMTPUTF8)
    parts = list(m.iter_parts())
    wrong = [str(d) for p in m.walk() for d in p.defects]
    wrong += [name + ": " + str(d) for p in [m] + parts for name, v in p.items() for d in v.defects]
    status = [b.keys() for b in parts[1].get_payload()] if parts[1].get_content_type() == "message/delivery-status" else None
    print(json.dumps({"parts": [p.get_content_type() for p in parts], "status": status, "wrong": wrong, "text": parts[0].get_content(), "from": str(m["from"])}))
`

// Another program finds nothing wrong with any of them.
func TestWrittenAndPython(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("testdata", "written", "*.eml"))
	if err != nil || len(files) < 20 {
		t.Fatal(files, err)
	}
	out, err := exec.Command("python3", append([]string{"-c", pythonReads}, files...)...).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	lines := bytes.Split(bytes.TrimSpace(out), []byte("\n"))
	if len(lines) != len(files) {
		t.Fatalf("%s", out)
	}
	for i, file := range files {
		var read struct {
			Parts, Wrong []string
			Status       [][]string
			Text, From   string
		}
		if err := json.Unmarshal(lines[i], &read); err != nil {
			t.Fatalf("%s: %s", file, lines[i])
		}
		global := strings.HasSuffix(file, "utf8-sender.eml") // of which Python knows nothing but the header
		if !global && (len(read.Wrong) > 0 || len(read.Status) != 2 || !slices.Contains(read.Status[0], "Reporting-MTA")) || len(read.Parts) < 2 {
			t.Errorf("%s: %s", file, lines[i])
		}
		if !global && !slices.Equal(intersection(read.Status[1], "Final-Recipient", "Action", "Status"), []string{"Final-Recipient", "Action", "Status"}) {
			t.Errorf("%s: %v", file, read.Status[1])
		}
		if !strings.HasPrefix(read.Text, "This is the mail server ") || !strings.Contains(read.From, "@") {
			t.Errorf("%s: %s", file, lines[i])
		}
	}
}

// intersection are those names that are in a list, each as often as there.
func intersection(list []string, names ...string) (in []string) {
	for _, one := range list {
		if slices.Contains(names, one) {
			in = append(in, one)
		}
	}
	return in
}

// Written again, at another time and with other words, a notification with a key is the same message for who compares.
func TestNoticesWithAKeyKeepTheirName(t *testing.T) {
	name := func(key string, event Event, later time.Duration) string {
		n := notice(t)
		n.Key, n.Event, n.Time, n.Result.Description = key, event, n.Time.Add(later), later.String()
		m, err := netmail.ReadMessage(bytes.NewReader(DSN(n)))
		if err != nil {
			t.Fatal(err)
		}
		return m.Header.Get("Message-ID")
	}
	first := name("a-1", Delay, 0)
	if again := name("a-1", Delay, time.Hour); again != first || !strings.HasSuffix(first, "@mta1.relay.test>") {
		t.Errorf("%s, then %s", first, again)
	}
	for _, other := range []string{name("a-2", Delay, 0), name("a-1", Failure, 0), name("", Delay, 0), name("", Delay, time.Hour)} {
		if other == first {
			t.Errorf("%s twice", other)
		}
	}
}

// TestNoticesMeanSomething looks for enhanced codes that people get no sentence for.
func TestNoticesMeanSomething(t *testing.T) {
	for subject := 1; subject <= 7; subject++ {
		if meaning(fmt.Sprintf("5.%d.99", subject)) == "" {
			t.Errorf("subject %d", subject)
		}
	}
	if meaning("5.1.1") == meaning("5.1.99") || meaning("5.0.0") != "" || meaning("") != "" {
		t.Error("wrong meanings")
	}
}

// TestNoticesAreBounded: of a mail that is too large only the header comes back, and of a header only its start.
func TestNoticesAreBounded(t *testing.T) {
	line := strings.Repeat("y", 62) + "\r\n"
	for _, c := range []struct {
		name         string
		header, body int // lines
		whole        bool
		least, most  int
	}{
		{"whole", 1, MaxWhole/len(line) - 10, true, MaxWhole - 1000, MaxWhole + 5000},
		{"too large", 1, MaxWhole/len(line) + 1, false, 0, 5000},
		{"large header", 5000, 1, true, 5000 * len(line), 5000*len(line) + 50000},
		{"large header, too large", 5000, MaxWhole / len(line), false, MaxHead - 1000, MaxHead + 5000},
	} {
		n := notice(t)
		n.DSN.Ret = "FULL"
		n.Source = []byte(strings.Repeat("X: "+line[3:], c.header) + "\r\n" + strings.Repeat(line, c.body))
		source := DSN(n)
		if got := bytes.Contains(source, []byte("message/rfc822\r\n")); got != c.whole {
			t.Errorf("%s: whole: %v", c.name, got)
		}
		if len(source) < c.least || len(source) > c.most {
			t.Errorf("%s: %d bytes", c.name, len(source))
		}
		if attached := bytes.Contains(source, []byte(" The message is attached.")); attached != c.whole {
			t.Errorf("%s: says so: %v", c.name, attached)
		}
	}
}
