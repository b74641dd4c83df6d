package e2e

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"strings"
	"testing"
)

// Peers as a proxy in front tells them: a stranger, and one of our own machine, who may relay.
const (
	stranger  = "203.0.113.20"
	ourselves = "127.0.0.1"
)

// behind is the configuration of a door that believes what the test says about the peer.
func behind(keys map[string]string) setup {
	all := map[string]string{"smtp-proxy": "127.0.0.1"}
	for k, v := range keys {
		all[k] = v
	}
	return setup{keys: all}
}

// dialFrom connects as another peer.
func (r *rig) dialFrom(ip string) net.Conn {
	r.t.Helper()
	c, err := net.Dial("tcp", r.door)
	if err != nil {
		r.t.Fatal(err)
	}
	if _, err := fmt.Fprintf(c, "PROXY TCP4 %s 198.51.100.7 48211 25\r\n", ip); err != nil {
		r.t.Fatal(err)
	}
	return c
}

// from is a dialogue of another peer.
func (r *rig) from(ip string, lines ...string) []string {
	r.t.Helper()
	return talk(r.t, r.dialFrom(ip), append([]string{"EHLO client.test", "250"}, lines...)...)
}

// ready waits for the broker of a daemon behind a proxy.
func (r *rig) ready() {
	r.t.Helper()
	eventually(r.t, "the SMTP door is open", func() bool {
		c := r.dialFrom(ourselves)
		defer func() { _ = c.Close() }()
		lines := bufio.NewScanner(c)
		_, err := fmt.Fprint(c, "EHLO client.test\r\nMAIL FROM:<>\r\nQUIT\r\n")
		var codes string
		for lines.Scan() {
			codes += lines.Text()[:min(4, len(lines.Text()))]
		}
		return err == nil && strings.Contains(codes, "250 250 221 ")
	})
}

// sorted is where mail for these recipients ended: the recipients of each queue, in order.
func (r *rig) sorted(want map[string][]string) map[string][]outcome {
	r.t.Helper()
	all := map[string][]outcome{}
	for role, recipients := range want {
		all[role] = r.take(role, len(recipients))
		for i, o := range all[role] {
			if o.Recipient != recipients[i] {
				r.t.Errorf("in %s: %s, want %s", role, o.Recipient, recipients[i])
			}
		}
	}
	r.empty("inbox", "local", "reports", "refused")
	return all
}

// reportMail is a notification as Postfix writes it.
func reportMail(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../internal/report/testdata/reports/dsn_postfix.eml")
	if err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(strings.TrimSpace(strings.ReplaceAll(string(text), "\r\n", "\n")), "\n", "\r\n") + "\r\n."
}

const ordinaryMail = "From: ann@customer.test\r\nSubject: Hello\r\n\r\nHello.\r\n."

// localRows are the addresses that are local in these tests, one of each kind.
var localRows = []row{
	{"type": "exact", "address": "Desk@shop.test"}, {"type": "fnmatch", "address": "*@bücher.test"},
	{"type": "regex", "address": `^bounce-\d+@`}, {"type": "substr", "address": "@intern."},
}

// Every situation of incoming-json.md section 4 where all queues are there.
func TestSorting(t *testing.T) {
	onBoth(t, behind(map[string]string{"rabbitmq-inbox": "yes", "rabbitmq-local": "yes", "rabbitmq-reports": "yes", "rabbitmq-refused": "yes",
		"received-log-format": "{$report} <{$json.envelope}> <{$json.recipient}>"}), func(t *testing.T, r *rig) {
		r.set("locals", localRows...)
		r.ready()
		report := reportMail(t)
		mixed := []string{"RCPT TO:<far@away.test>", "250", "RCPT TO:<DESK@SHOP.test>", "250", "RCPT TO:<x@xn--bcher-kva.test>", "250",
			"RCPT TO:<bounce-17@any.test>", "250", "RCPT TO:<y@intern.shop.test>", "250", "DATA", "354"}
		locals := []string{"DESK@shop.test", "x@bücher.test", "bounce-17@any.test", "y@intern.shop.test"}
		send := func(peer, from, mail string, want map[string][]string) map[string][]outcome {
			t.Helper()
			code := "250"
			replies := r.from(peer, append(append([]string{"MAIL FROM:<" + from + ">", "250"}, mixed...), mail, code)...)
			checkReply(t, replies[len(replies)-1], want)
			return r.sorted(want)
		}
		send(stranger, "ann@customer.test", ordinaryMail, map[string][]string{"refused": {"far@away.test"}, "local": locals})
		send(ourselves, "ann@customer.test", ordinaryMail, map[string][]string{"inbox": {"far@away.test"}, "local": locals})
		got := send(stranger, "", report, map[string][]string{"refused": {"far@away.test"}, "reports": locals})
		for _, o := range got["reports"] {
			var reported struct{ Kind string }
			if err := json.Unmarshal(o.fields["reported"], &reported); err != nil || reported.Kind != "dsn" || string(o.fields["report"]) != "true" {
				t.Errorf("%s", o.raw)
			}
		}
		if o := got["refused"][0]; o.fields["report"] != nil || o.fields["reported"] != nil {
			t.Errorf("%s", o.raw)
		}
		send(ourselves, "", report, map[string][]string{"inbox": {"far@away.test"}, "reports": locals})

		// Nobody of the recipients is accepted: the answer to the data says so.
		r.from(stranger, "MAIL FROM:<ann@customer.test>", "250", "RCPT TO:<far@away.test>", "250", "DATA", "354", ordinaryMail, "550")
		r.sorted(map[string][]string{"refused": {"far@away.test"}})

		// The spool never looks at the list.
		r.drop("mail", "To: desk@shop.test\nFrom: me@sender.test\n\nx\n")
		r.sorted(map[string][]string{"inbox": {"desk@shop.test"}})

		// A row counts as soon as it was read.
		r.set("locals", row{"type": "exact", "address": "far@away.test"})
		r.from(stranger, "MAIL FROM:<ann@customer.test>", "250", "RCPT TO:<far@away.test>", "250", "DATA", "354", ordinaryMail, "250")
		r.sorted(map[string][]string{"local": {"far@away.test"}})

		r.stop()
		log := r.read("received-messages")
		if n := strings.Count(log, "\n"); n != 4*5+2 {
			t.Errorf("%d lines in the received log:\n%s", n, log)
		}
		for _, line := range []string{"false <ann@customer.test> <DESK@shop.test>\n", "true <> <DESK@shop.test>\n", "false <> <far@away.test>\n"} {
			if !strings.Contains(log, line) {
				t.Errorf("%q is not in the received log:\n%s", line, log)
			}
		}
		if log := r.read("errors.log"); strings.Count(log, "mail refused for some recipients") != 2 || strings.Count(log, "mail refused ") != 3 {
			t.Errorf("error log:\n%s", log)
		}
	})
}

// checkReply wants the answer to name those that were accepted, and nobody else.
func checkReply(t *testing.T, reply string, want map[string][]string) {
	t.Helper()
	lines := strings.Split(reply, "\n")
	n := 0
	for role, recipients := range want {
		for _, to := range recipients {
			named := strings.Contains(reply, " for "+strings.Replace(to, "bücher", "xn--bcher-kva", 1))
			if named == (role == "refused") {
				t.Errorf("%s is in %s: reply %q", to, role, reply)
			}
			if role != "refused" {
				n++
			}
		}
	}
	if len(lines) != n+1 || !strings.HasPrefix(lines[0], "Ok") {
		t.Errorf("%q", reply)
	}
}

// With none of the queues local mail is sent on, a report too, and what is not accepted is refused at once. A warning says what
// happens to local mail.
func TestSortingWithoutQueues(t *testing.T) {
	onBoth(t, behind(nil), func(t *testing.T, r *rig) {
		r.set("locals", localRows...)
		r.ready()
		for _, c := range []struct{ from, mail string }{{"ann@customer.test", ordinaryMail}, {"", reportMail(t)}} {
			r.from(stranger, "MAIL FROM:<"+c.from+">", "250", "RCPT TO:<far@away.test>", "550", "RCPT TO:<desk@shop.test>", "250", "DATA", "354", c.mail, "250")
			if o := r.succeed(1)[0]; o.Recipient != "desk@shop.test" || o.fields["report"] != nil || o.fields["reported"] != nil {
				t.Errorf("%s", o.raw)
			}
		}
		log := r.errorLog(2, "recipient=far@away.test")
		if strings.Count(log, "set rabbitmq-local") != 1 || strings.Count(log, "recipient=far@away.test") != 2 || !strings.Contains(log, `reply="550 5.7.1 Relaying denied"`) {
			t.Errorf("error log:\n%s", log)
		}
	})
}

// Reports have a queue and other local mail has none, and the other way round.
func TestSortingWithSomeQueues(t *testing.T) {
	for _, c := range []struct {
		queue            string
		ordinary, report string // where they go
	}{{"reports", "inbox", "reports"}, {"local", "local", "local"}} {
		t.Run(c.queue, func(t *testing.T) {
			onBoth(t, behind(map[string]string{"rabbitmq-inbox": "yes", "rabbitmq-" + c.queue: "yes"}), func(t *testing.T, r *rig) {
				r.set("locals", localRows...)
				r.ready()
				for where, mail := range map[string]string{c.ordinary + " ordinary": ordinaryMail, c.report + " report": reportMail(t)} {
					role, _, _ := strings.Cut(where, " ")
					r.from(stranger, "MAIL FROM:<>", "250", "RCPT TO:<desk@shop.test>", "250", "DATA", "354", mail, "250")
					o := r.sorted(map[string][]string{role: {"desk@shop.test"}})[role][0]
					if (o.fields["report"] != nil) != (role == "reports") {
						t.Errorf("%s", o.raw)
					}
				}
			})
		})
	}
}

// Peers on the blacklist are refused as soon as they connect, and as soon as the table was read.
func TestBlacklist(t *testing.T) {
	t.Parallel()
	for _, on := range []string{"", "false"} {
		t.Run("protection "+on, func(t *testing.T) {
			t.Parallel()
			onEmbedded(t, behind(map[string]string{"smtp-protection": on}), func(t *testing.T, r *rig) {
				r.ready()
				r.from(stranger, "NOOP", "250")
				r.set("blacklist", row{"iprange": "198.51.100.9"}, row{"iprange": "203.0.113.0/28"}, row{"iprange": "203.0.113.16-203.0.113.30"})
				for ip, barred := range map[string]bool{stranger: true, "203.0.113.1": true, "203.0.113.31": false, "198.51.100.9": true, "198.51.100.8": false, ourselves: false} {
					line, err := bufio.NewReader(r.dialFrom(ip)).ReadString('\n')
					if want := barred && on == ""; err != nil || strings.HasPrefix(line, "554 5.7.1 ") != want || strings.HasPrefix(line, "220 ") == want {
						t.Errorf("%s: %q %v", ip, line, err)
					}
				}
				const refused = "connection refused peer=203.0.113.20:48211"
				want := map[string]int{"": 1}[on]
				if log := r.errorLog(want, refused); strings.Count(log, refused) != want {
					t.Errorf("error log:\n%s", log)
				}
			})
		})
	}
}

// What a client writes never makes a line of its own in the log, nor anything but text in it.
func TestRefusalsInTheLog(t *testing.T) {
	t.Parallel()
	onEmbedded(t, behind(map[string]string{"smtp-maxsize": "1MB"}), func(t *testing.T, r *rig) {
		r.ready()
		before := strings.Count(r.read("errors.log"), "\n")
		hostile := []string{
			`"x reply=\"250 2.0.0 Ok\" [Critical] [2026-01-01 00:00:00]"@away.test`, "550", "\"a\u2028b\u2029\"@away.test", "550",
			"\"\u202eevil\u202c\"@away.test", "550", "\"\u009b31m\"@away.test", "501", "\"\xff\xfe\"@away.test", "501",
			strings.Repeat("l", 400) + "@away.test", "501", "%s%d%n@away.test", "550", "${jndi:x}@away.test", "501", `"\\n\\r\\x1b[31m"@away.test`, "550",
		}
		for i := 0; i < len(hostile); i += 2 {
			r.from(stranger, "MAIL FROM:<ann@customer.test> SMTPUTF8", "250", "RCPT TO:<"+hostile[i]+">", hostile[i+1])
		}
		r.from(stranger, "MAIL FROM:<ann@customer.test> SIZE=99999999", "552")
		events := len(hostile)/2 + 1
		log := ""
		eventually(t, "the log is written", func() bool { log = r.read("errors.log"); return strings.Count(log, "\n") >= before+events })
		lines := strings.Split(strings.TrimSuffix(log, "\n"), "\n")
		if len(lines) != before+events {
			t.Errorf("%d lines for %d events:\n%s", len(lines)-before, events, log)
		}
		for _, line := range lines[before:] {
			if !strings.HasPrefix(line, "[Warning] ") || !strings.Contains(line, "[smtp] mail refused peer=203.0.113.20:48211 helo=client.test envelope=") {
				t.Errorf("%q", line)
			}
			for _, c := range line {
				if c < ' ' || c >= 0x7f && c < 0xa0 || c == 0x2028 || c == 0x2029 || c == 0xfffd {
					t.Errorf("%q in %q", c, line)
				}
			}
		}
	})
}

// Whoever asks for notifications in the name of another gets none sent to that one: what a stranger may hand in is not ours to send on,
// and the rest is refused in his session.
func TestNothingGoesToASpoofedSender(t *testing.T) {
	t.Parallel()
	onEmbedded(t, behind(map[string]string{"rabbitmq-dsn": "outbox", "rabbitmq-local": "yes", "rabbitmq-reports": "yes", "dsn-notify": "SUCCESS,FAILURE,DELAY"}), func(t *testing.T, r *rig) {
		r.set("locals", localRows...)
		r.ready()
		const asks = " NOTIFY=SUCCESS,FAILURE,DELAY"
		r.from(stranger, "MAIL FROM:<victim@away.test> RET=FULL", "250", "RCPT TO:<refuse@away.test>"+asks, "550", "RCPT TO:<desk@shop.test>"+asks, "250",
			"DATA", "354", ordinaryMail, "250", "MAIL FROM:<victim@away.test> RET=FULL", "250", "RCPT TO:<bounce-1@any.test>"+asks, "250", "DATA", "354", reportMail(t), "250")
		r.one("local")
		r.one("reports")
		r.publish(`{"envelope":"me@sender.test","recipient":"last@away.test","mime":"Subject: x\r\n\r\n","dsn":{"notify":"NEVER"}}`)
		r.succeed(1)
		if all := r.sink.Messages(); len(all) != 1 {
			t.Errorf("%d messages went out, want 1: %+v", len(all), all)
		}
		r.empty("outbox", "results")
	})
}
