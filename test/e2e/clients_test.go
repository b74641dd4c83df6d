package e2e

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net"
	netmail "net/mail"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"posthoorn/internal/testbed"
)

// handIn runs a client program and returns all it said. It fails the test when the program does not end as wanted.
func handIn(t *testing.T, ok bool, stdin, program string, args ...string) string {
	t.Helper()
	cmd := exec.Command(program, args...)
	cmd.Stdin = strings.NewReader(stdin)
	out, err := cmd.CombinedOutput()
	if (err == nil) != ok {
		t.Fatalf("%s %q: %v\n%s", program, args, err, out)
	}
	return string(out)
}

func portOf(t *testing.T, addr string) string {
	t.Helper()
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// arrived is what a receiver has for an address, without the fields that hosts on the way put on top; these must be Received
// fields, as many as there were hosts.
func (r *rig) arrived(to string, hosts int) (from, source string) {
	r.t.Helper()
	m := r.received(to)
	fields := receivedFields.FindString(string(m.Source))
	if n := len(receivedField.FindAllString(fields, -1)); n != hosts {
		r.t.Errorf("%d Received fields, want %d: %q", n, hosts, m.Source[:min(len(m.Source), 1000)])
	}
	return m.From, string(m.Source[len(fields):])
}

var (
	receivedField  = regexp.MustCompile(`(?m)^Received:`)
	receivedFields = regexp.MustCompile(`^(Received:[^\r\n]*\r\n([ \t][^\r\n]*\r\n)*)*`)
)

// origin is the connection object of a message.
type origin struct {
	LocalIP    string `json:"local-ip"`
	LocalPort  int    `json:"local-port"`
	RemoteIP   string `json:"remote-ip"`
	RemotePort int    `json:"remote-port"`
	Secure     bool
	User       string
}

func (o *outcome) origin(t *testing.T) (c origin) {
	t.Helper()
	if err := json.Unmarshal(o.fields["connection"], &c); err != nil {
		t.Fatalf("%v: %s", err, o.raw)
	}
	return c
}

// messageID is the name of the message in the reply to its data.
func (o *outcome) messageID() string { return strings.Trim(string(o.fields["message-id"]), `"`) }

// queuedAs wants the reply of incoming-json.md section 3 in what a client said.
func (o *outcome) queuedAs(t *testing.T, said string) {
	t.Helper()
	if line := o.messageID() + " for " + o.Recipient; o.messageID() == "" || !strings.Contains(said, line) || !strings.Contains(said, "250-Ok, queued under these identifiers:") {
		t.Errorf("no %q in\n%s", line, said)
	}
}

// swaks in all its ways to hand in.
func TestSwaks(t *testing.T) {
	t.Parallel()
	const mail = "Subject: swaks\r\n\r\n.dot\r\nlast line\r\n"
	cases := []struct {
		name   string
		args   []string
		tls    string // starttls, implicit or nothing
		mail   string
		number int // of recipients
	}{
		{name: "plain"},
		{name: "helo", args: []string{"--protocol", "SMTP"}},
		{name: "starttls", tls: "starttls"},
		{name: "implicit", tls: "implicit"},
		{name: "tls1.2", tls: "starttls", args: []string{"--tls-protocol", "tlsv1_2"}},
		{name: "pipelined", args: []string{"--pipeline"}, number: 20},
		{name: "pipelined-tls", tls: "implicit", args: []string{"--pipeline"}, number: 20},
		{name: "eight-bit", mail: "Subject: Gr\xfc\xdfe\r\n\r\nK\xf6ln \xff\r\n"},
		{name: "many", number: 60},
		{name: "long", mail: "Subject: long\r\n\r\n" + strings.Repeat("y", 20_000) + "\r\n.\r\n..\r\n"},
	}
	door := newTLSDoor(t, nil)
	onEmbedded(t, setup{keys: door.keys}, func(t *testing.T, r *rig) {
		r.open()
		for _, c := range cases {
			args, port, to := append(c.args, "--server", "127.0.0.1"), portOf(t, r.door), []string{c.name + "0@swaks.test"}
			for i := 1; i < c.number; i++ {
				to = append(to, fmt.Sprintf("%s%d@swaks.test", c.name, i))
			}
			switch c.tls {
			case "starttls":
				args = append(args, "-tls", "--tls-verify", "--tls-ca-path", door.cert)
			case "implicit":
				args, port = append(args, "-tlsc", "--tls-verify", "--tls-ca-path", door.cert), portOf(t, door.secure)
			}
			want := c.mail
			if want == "" {
				want = mail
			}
			file := filepath.Join(r.dir, c.name+".eml")
			if err := os.WriteFile(file, []byte(strings.TrimSuffix(want, "\r\n")), 0o600); err != nil { // swaks adds the last one
				t.Fatal(err)
			}
			said := handIn(t, true, "", testbed.Tool(t, "swaks"), append(args, "--port", port, "--from", "me@sender.test", "--to", strings.Join(to, ","), "--data", "@"+file)...)
			for _, o := range r.succeed(len(to)) {
				if from, source := r.arrived(o.Recipient, 1); from != "me@sender.test" || source != want {
					t.Errorf("%s: from %s: %.200q, want %.200q", c.name, from, source, want)
				}
				if got := o.origin(t); got.Secure != (c.tls != "") || got.User != "" || got.RemoteIP != "127.0.0.1" || got.RemotePort == 0 {
					t.Errorf("%s: %+v", c.name, got)
				}
				if len(to) <= 50 {
					o.queuedAs(t, said)
				}
			}
			if c.number > 50 && !strings.Contains(said, "250 Ok, 10 more recipients queued") {
				t.Errorf("%s: %s", c.name, said)
			}
		}
		swaksAttaches(t, r)
	})
}

// swaksAttaches sends an attachment with all bytes, which swaks puts into base64.
func swaksAttaches(t *testing.T, r *rig) {
	want := bytes.Repeat([]byte("\x00\r\n.\r\n\xff"), 5000)
	file := filepath.Join(r.dir, "attachment.bin")
	if err := os.WriteFile(file, want, 0o600); err != nil {
		t.Fatal(err)
	}
	handIn(t, true, "", testbed.Tool(t, "swaks"), "--server", r.door, "--from", "me@sender.test", "--to", "attached@swaks.test", "--body", "see there",
		"--attach-type", "application/x-thing", "--attach", "@"+file, "--suppress-data")
	r.succeed(1)
	_, source := r.arrived("attached@swaks.test", 1)
	if got := attachment(t, source, "application/x-thing"); !bytes.Equal(got, want) {
		t.Errorf("%d bytes attached, want %d", len(got), len(want))
	}
}

// attachment is the first part of that type, decoded.
func attachment(t *testing.T, source, kind string) []byte {
	t.Helper()
	m, err := netmail.ReadMessage(strings.NewReader(source))
	if err != nil {
		t.Fatal(err)
	}
	_, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil {
		t.Fatal(err)
	}
	for parts := multipart.NewReader(m.Body, params["boundary"]); ; {
		p, err := parts.NextRawPart()
		if err != nil {
			t.Fatalf("no part of type %s: %v", kind, err)
		}
		if strings.HasPrefix(p.Header.Get("Content-Type"), kind) {
			data, err := io.ReadAll(base64.NewDecoder(base64.StdEncoding, p))
			if err != nil {
				t.Fatal(err)
			}
			return data
		}
	}
}

// Where a login is needed swaks gets in with it, over TLS alone.
func TestSwaksLogsIn(t *testing.T) {
	t.Parallel()
	door := newTLSDoor(t, withLogin)
	onEmbedded(t, setup{keys: door.keys}, func(t *testing.T, r *rig) {
		secure := []string{"-tlsc", "--port", portOf(t, door.secure)}
		good := func(mechanism string) []string {
			return []string{"--auth", mechanism, "--auth-user", "shop", "--auth-password", "open sesame"}
		}
		cases := []struct {
			name string
			tls  []string
			auth []string
			says string // empty: the mail is taken
		}{
			{"plain", []string{"-tls"}, good("PLAIN"), ""},
			{"login", []string{"-tls"}, good("LOGIN"), ""},
			{"cram", []string{"-tls"}, good("CRAM-MD5"), ""},
			{"plain-implicit", secure, good("PLAIN"), ""},
			{"login-implicit", secure, good("LOGIN"), ""},
			{"pipelined", append([]string{"--pipeline"}, secure...), good("PLAIN"), ""},
			{"in clear", nil, good("PLAIN"), "Host did not advertise authentication"},
			{"nobody in clear", nil, nil, "530 5.7.0"},
			{"nobody", []string{"-tls"}, nil, "530 5.7.0"},
			{"guess", secure, []string{"--auth", "LOGIN", "--auth-user", "shop", "--auth-password", "guess"}, "535 5.7.8"},
		}
		r.open()
		for _, c := range cases {
			to := c.name + "@swaks.test"
			if c.says != "" {
				to = "refused@swaks.test"
			}
			args := append([]string{"--server", "127.0.0.1", "--port", portOf(t, r.door), "--from", "me@sender.test", "--to", to}, append(c.tls, c.auth...)...)
			said := handIn(t, c.says == "", "", testbed.Tool(t, "swaks"), args...)
			if c.says != "" {
				if !strings.Contains(said, c.says) {
					t.Errorf("%s: no %q in\n%s", c.name, c.says, said)
				}
				continue
			}
			o := r.succeed(1)[0]
			if got := o.origin(t); o.Recipient != to || !got.Secure || got.User != "shop" {
				t.Errorf("%s: %s", c.name, o.raw)
			}
		}
		r.empty("outbox", "results")
		if log := r.read("errors.log"); strings.Contains(log, "sesame") || strings.Contains(log, "guess") {
			t.Errorf("a password is in the log:\n%s", log)
		}
	})
}

// smtp-source brings many messages at once: none is lost, none comes twice, each is whole.
func TestSmtpSource(t *testing.T) {
	cases := []struct {
		sessions, messages, recipients, size int
		more                                 []string
	}{{1, 60, 1, 300, []string{"-d"}}, {20, 100, 10, 2000, nil}, {4, 4, 2, 1_000_000, nil}} // -d: all over one connection
	onBoth(t, setup{keys: map[string]string{"rabbitmq-inbox": "yes"}}, func(t *testing.T, r *rig) {
		r.open()
		for _, c := range cases {
			args := append(c.more, "-4", "-s", fmt.Sprint(c.sessions), "-m", fmt.Sprint(c.messages), "-r", fmt.Sprint(c.recipients), "-l", fmt.Sprint(c.size))
			handIn(t, true, "", testbed.Tool(t, "smtp-source"), append(args, "-f", "me@sender.test", "-t", "you@source.test", r.door)...)
			ids, each, sizes := map[string]bool{}, map[string]map[string]bool{}, map[int]bool{}
			for _, o := range r.take("inbox", c.messages*c.recipients) {
				source := receivedFields.ReplaceAllString(*o.Mime, "")
				head, body, _ := strings.Cut(source, "\r\n\r\n")
				name := messageIDField.FindString(head)
				if name == "" || strings.Trim(body, "0123456789X\r\n") != "" || !strings.HasSuffix(body, "X\r\n") {
					t.Fatalf("%s", o.raw[:min(len(o.raw), 1000)])
				}
				if each[name] == nil {
					each[name] = map[string]bool{}
				}
				ids[o.messageID()], each[name][o.Recipient], sizes[len(source)] = true, true, true
			}
			if len(ids) != c.messages*c.recipients || len(each) != c.messages {
				t.Errorf("%+v: %d ids, %d messages", c, len(ids), len(each))
			}
			for name, to := range each {
				if len(to) != c.recipients {
					t.Errorf("%+v: %s has %d recipients", c, name, len(to))
				}
			}
			for size := range sizes {
				if size < c.size || size > c.size+1000 {
					t.Errorf("%+v: a message of %d bytes", c, size)
				}
			}
		}
		r.empty("outbox", "results")
	})
}

var messageIDField = regexp.MustCompile(`(?mi)^Message-Id: <[^>]+>`)

// msmtp as the sendmail of a desktop: recipients out of the message, Bcc taken out, certificate verified, login.
func TestMsmtp(t *testing.T) {
	t.Parallel()
	const head = "From: me@sender.test\nTo: One <one-NAME@msmtp.test>,\n two-NAME@msmtp.test\nCc: three-NAME@msmtp.test\n"
	const rest = "Subject: Gr\xc3\xbc\xc3\x9fe\nDate: Sat, 28 Nov 2026 12:00:00 +0000\nMessage-ID: <1@sender.test>\n\n.dot\nK\xc3\xb6ln\nlast\n"
	door := newTLSDoor(t, withLogin)
	onEmbedded(t, setup{keys: door.keys}, func(t *testing.T, r *rig) {
		r.open()
		common := []string{"--host=127.0.0.1", "--tls=on", "--tls-trust-file=" + door.cert, "--user=shop", "--from=me@sender.test", "--read-recipients", "--logfile=-"}
		cases := []struct {
			name string
			args []string
		}{
			{"starttls", []string{"--port=" + portOf(t, r.door), "--tls-starttls=on", "--auth=on"}},
			{"implicit", []string{"--port=" + portOf(t, door.secure), "--tls-starttls=off", "--auth=plain"}},
			{"cram", []string{"--port=" + portOf(t, r.door), "--auth=cram-md5"}},
			{"login", []string{"--port=" + portOf(t, door.secure), "--tls-starttls=off", "--auth=login", "--dsn-notify=success", "--dsn-return=hdrs"}},
		}
		for _, c := range cases {
			name := strings.NewReplacer("NAME", c.name)
			args := append(append(common, c.args...), "--passwordeval=echo 'open sesame'")
			said := handIn(t, true, name.Replace(head+"Bcc: four-NAME@msmtp.test\n"+rest), testbed.Tool(t, "msmtp"), args...)
			if !strings.Contains(said, "Ok, queued under these identifiers:") || !strings.Contains(said, "exitcode=EX_OK") {
				t.Errorf("%s: %s", c.name, said)
			}
			want := strings.ReplaceAll(name.Replace(head+rest), "\n", "\r\n")
			for _, o := range r.succeed(4) {
				if from, source := r.arrived(o.Recipient, 1); from != "me@sender.test" || source != want {
					t.Errorf("%s: from %s: %q, want %q", c.name, from, source, want)
				}
				if got := o.origin(t); !got.Secure || got.User != "shop" {
					t.Errorf("%s: %+v", c.name, got)
				}
				if dsn := string(o.fields["dsn"]); (c.name == "login") != (dsn == `{"notify":"SUCCESS","ret":"HDRS"}`) {
					t.Errorf("%s: dsn %s", c.name, dsn)
				}
			}
		}
		for _, args := range [][]string{{"--passwordeval=echo guess", "--auth=plain"}, {"--auth=off"}} {
			said := handIn(t, false, "To: x@msmtp.test\n\nx\n", testbed.Tool(t, "msmtp"), append(append(common, cases[0].args[:2]...), args...)...)
			if !strings.Contains(said, "535 5.7.8") && !strings.Contains(said, "530 5.7.0") {
				t.Errorf("%q: %s", args, said)
			}
		}
		r.empty("outbox", "results")
	})
}

// smtplibSays runs testdata/smtplib_client.py.
func smtplibSays(t *testing.T, r *rig, door tlsDoor, kind string) map[string]json.RawMessage {
	t.Helper()
	r.open()
	said := handIn(t, true, "", "/usr/bin/python3", "testdata/smtplib_client.py", kind, portOf(t, r.door), portOf(t, door.secure), door.cert)
	var replies map[string]json.RawMessage
	if err := json.Unmarshal([]byte(said), &replies); err != nil {
		t.Fatalf("%v: %s", err, said)
	}
	return replies
}

// wantReplies compares what a client heard with patterns, which hold for the JSON of all of it.
func wantReplies(t *testing.T, got map[string]json.RawMessage, want map[string]string) {
	t.Helper()
	for name, pattern := range want {
		if !regexp.MustCompile("^(?:" + pattern + ")$").Match(got[name]) {
			t.Errorf("%s: %s, want %s", name, got[name], pattern)
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d replies, want %d", len(got), len(want))
	}
}

// Python's smtplib, where everybody on this host may send; and what a program can do with it that it should not.
func TestPythonSmtplib(t *testing.T) {
	t.Parallel()
	const bad = `\{"b\.\.ad@python\.test": \[501, "5\.1\.3 [^"]+"\]\}`
	door := newTLSDoor(t, map[string]string{"smtp-maxsize": "2MB"})
	onEmbedded(t, setup{keys: door.keys}, func(t *testing.T, r *rig) {
		wantReplies(t, smtplibSays(t, r, door, "open"), map[string]string{
			"plain": `\{\}`, "starttls": `\{\}`, "implicit": `\{\}`, "eight_bit": `\{\}`, "utf8": `\{\}`, "no_utf8": `"not sent"`, "message": `\{\}`,
			"one_refused": bad, "all_refused": bad, "too_big": `\[552, "5\.3\.4 .*"\]`,
			"dialogue": `\[\[250, "2\.0\.0 Ok"\], \[252, .*\], \[250, "2\.1\.0 Ok"\], \[250, "2\.0\.0 Ok"\], \[250, "2\.1\.0 Ok"\], ` +
				`\[250, "2\.1\.5 Ok"\], \[250, "2\.1\.5 Ok"\], ` +
				`\[250, "Ok, queued under these identifiers:\\n[0-9a-z]+ for a@python\.test\\n[0-9a-z]+ for b@python\.test"\]\]`,
			"bare_lf":         `\[\[250, "Ok, queued under these identifiers:\\n[0-9a-z]+ for lf@python\.test"\], \[250, "2\.0\.0 Ok"\]\]`,
			"bare_lf_command": `\[\[50\d, .*\], \[250, "2\.0\.0 Ok"\]\]`,
			"early":           `\[421, "4\.7\.0 .*"\]`,
		})
		const simple = "Subject: NAME\r\n\r\n.dot\r\nlast\r\n"
		want := map[string]string{
			"plain@python.test": "plain", "starttls@python.test": "starttls", "implicit@python.test": "implicit", "good@python.test": "one_refused",
			"fine@python.test": "one_refused", "after@python.test": "after", "a@python.test": "dialogue", "b@python.test": "dialogue",
		}
		for to, name := range want {
			want[to] = strings.ReplaceAll(simple, "NAME", name)
		}
		want["eight@python.test"] = "Subject: eight_bit\r\n\r\nGr\xfc\xdfe\r\n"
		want["übung@python.test"] = "Subject: ü\r\n\r\nx\r\n"
		want["lf@python.test"] = strings.ReplaceAll("Subject: bare_lf\n\nbody\n.\nMAIL FROM:<evil@sender.test>\nRCPT TO:<evil@python.test>\nDATA\n\nx\n\n", "\n", "\r\n")
		const parts = 3 // recipients of the message that Python has built
		for _, o := range r.succeed(len(want) + parts) {
			from, source := r.arrived(o.Recipient, 1)
			if text, there := want[o.Recipient]; there && source != text {
				t.Errorf("to %s: %q, want %q", o.Recipient, source, text)
			} else if !there && !bytes.Equal(attachment(t, source, "application/octet-stream"), allBytes(8)) {
				t.Errorf("to %s: %q", o.Recipient, source)
			}
			if from != "me@sender.test" && (from != "müller@sender.test" || o.Recipient != "übung@python.test") {
				t.Errorf("to %s: from %s", o.Recipient, from)
			}
			if dsn := string(o.fields["dsn"]); o.Recipient == "a@python.test" && dsn != `{"notify":"SUCCESS,DELAY","ret":"HDRS"}` {
				t.Errorf("dsn: %s", dsn)
			}
		}
		r.empty("outbox", "failure", "retry")
	})
}

// allBytes are the 256 bytes, n times.
func allBytes(n int) []byte {
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i)
	}
	return bytes.Repeat(all, n)
}

// Python's smtplib, where a login is needed.
func TestPythonSmtplibLogsIn(t *testing.T) {
	t.Parallel()
	const done = `\[\[235, "2\.7\.0 .*"\], \{\}\]`
	door := newTLSDoor(t, withLogin)
	onEmbedded(t, setup{keys: door.keys}, func(t *testing.T, r *rig) {
		wantReplies(t, smtplibSays(t, r, door, "login"), map[string]string{
			"login": done, "login_implicit": done, "login_in_clear": `\[538, "5\.7\.11 .*"\]`, "wrong_password": `\[535, "5\.7\.8 .*"\]`,
			"no_login": `\{"nobody@python\.test": \[530, "5\.7\.0 .*"\]\}`,
		})
		for _, o := range r.succeed(2) {
			if got := o.origin(t); !got.Secure || got.User != "shop" {
				t.Errorf("%s", o.raw)
			}
		}
		r.empty("outbox", "failure", "retry")
	})
}
