package deliver

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"posthoorn/internal/mail"
	"posthoorn/internal/monitor"
)

// A dialogue file holds cases, each "== name" and then lines:
//
//	S: line      the server says it          S! text     the same without a line end, Go escapes
//	C: line      the client must say it      C.          the client must send content up to the final dot
//	hang         the server waits            drop        the server hangs up
//	connect      the next connection         wait 5s     time passes
//	dial key=... how to dial                 job key=... a message, in the order they are given
//	E: event     what must be heard, in this order
//
// All happens in virtual time.
type dialogue struct {
	name        string
	connections [][]string
	jobs        []string
	dial        []string
	events      []string
}

func readDialogues(t *testing.T, path string) (all []*dialogue) {
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var d *dialogue
	for line := range strings.Lines(string(data)) {
		line = strings.TrimRight(line, "\n")
		name, isName := strings.CutPrefix(line, "== ")
		switch {
		case isName:
			d = &dialogue{name: name, connections: [][]string{nil}}
			all = append(all, d)
		case line == "" || line[0] == '#':
		case line == "job", strings.HasPrefix(line, "job "):
			d.jobs = append(d.jobs, line[3:])
		case strings.HasPrefix(line, "dial "):
			d.dial = append(d.dial, line[5:])
		case strings.HasPrefix(line, "E: "):
			d.events = append(d.events, line[3:])
		case line == "connect":
			d.connections = append(d.connections, nil)
		default:
			last := len(d.connections) - 1
			d.connections[last] = append(d.connections[last], line)
		}
	}
	return all
}

func TestDialogues(t *testing.T) {
	files, err := filepath.Glob("testdata/*.dialogue")
	if err != nil || len(files) == 0 {
		t.Fatal("no dialogues", err)
	}
	for _, file := range files {
		for _, d := range readDialogues(t, file) {
			t.Run(filepath.Base(file)+"/"+d.name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { d.play(t) })
			})
		}
	}
}

func (d *dialogue) play(t *testing.T) {
	r := &recorder{ended: make(chan struct{})}
	opts := d.options(r)
	var played sync.WaitGroup
	n := 0
	hub := new(monitor.Hub)
	viewer, _ := hub.Watch(monitor.Filter{})
	client := New(Options{Monitor: hub, Connect: func(context.Context, netip.Addr, netip.AddrPort) (net.Conn, error) {
		if n == len(d.connections) || len(d.connections[n]) == 0 {
			n++
			return nil, errors.New("refused")
		}
		ours, theirs := net.Pipe()
		script := d.connections[n]
		n++
		played.Go(func() { playServer(t, theirs, script) })
		return ours, nil
	}})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	if r.stopAfter > 0 {
		time.AfterFunc(r.stopAfter, cancel)
	}
	client.Open(ctx, opts, r)
	<-r.ended
	played.Wait()
	viewer.Close()
	d.checkShown(t, viewer)
	if got := strings.Join(r.events, "\n"); got != strings.Join(d.events, "\n") {
		t.Errorf("heard:\n%s\nwant:\n%s", "E: "+strings.ReplaceAll(got, "\n", "\nE: "), strings.Join(d.events, "\n"))
	}
	if n < len(d.connections) && len(d.connections[n]) > 0 {
		t.Errorf("%d connections of %d", n, len(d.connections))
	}
}

// options reads the dial lines and makes the jobs.
func (d *dialogue) options(r *recorder) Dial {
	dial := Dial{Name: "me.test", Domain: "receiver.test"}
	targets := 1
	for key, value := range pairs(d.dial) {
		switch key {
		case "targets":
			targets, _ = strconv.Atoi(value)
		case "tls":
			dial.TLS.Level = map[string]Level{"none": TLSNone, "may": TLSMay, "must": TLSMust, "verify": TLSVerify}[value]
		case "login":
			dial.Auth.Username, dial.Auth.Password, _ = strings.Cut(value, ":")
		case "name":
			dial.Name = value
		case "source":
			dial.Source = netip.MustParseAddr(value)
		case "clear":
			dial.Auth.Clear = true
		case "ahead":
			r.ahead = true
		case "held":
			r.held = true
		case "keep":
			r.keep = true
		case "stop":
			r.stopAfter, _ = time.ParseDuration(value)
		case "abort":
			r.abortAfter, _ = time.ParseDuration(value)
		case "close":
			r.closeAfter, _ = time.ParseDuration(value)
		}
	}
	for i := range targets {
		dial.Targets = append(dial.Targets, Target{Host: "mx.test", Addr: netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 0, 2, byte(i + 1)}), 25)})
	}
	for i, line := range d.jobs {
		r.jobs = append(r.jobs, makeJob(uint64(i+1), line))
	}
	return dial
}

// pairs goes over key=value words; Go escapes are read in values in quotes.
func pairs(lines []string) map[string]string {
	m := make(map[string]string)
	for _, line := range lines {
		for line = strings.TrimSpace(line); line != ""; line = strings.TrimSpace(line) {
			key, rest, ok := strings.Cut(line, "=")
			if word, after, _ := strings.Cut(line, " "); !ok || len(word) < len(key) {
				m[word], line = "", after
				continue
			}
			value, after, _ := strings.Cut(rest, " ")
			if rest[0] == '"' {
				q, err := strconv.QuotedPrefix(rest)
				if err != nil {
					panic(err)
				}
				value, _ = strconv.Unquote(q)
				after = rest[len(q):]
			}
			m[key], line = value, after
		}
	}
	return m
}

func makeJob(id uint64, line string) *Job {
	j := &Job{ID: id, Attempt: 1, Envelope: mail.Envelope{From: address("from@a.test"), To: address(fmt.Sprintf("to%d@b.test", id))}}
	body := Body{Data: []byte("Subject: x\r\n\r\nhello\r\n")}
	var failure error
	panics, delay := false, time.Duration(0)
	for key, value := range pairs([]string{line}) {
		switch key {
		case "from":
			j.Envelope.From = address(value)
		case "to":
			j.Envelope.To = address(value)
		case "body":
			body.Data = []byte(value)
		case "size":
			n, _ := strconv.Atoi(value)
			body.Data = []byte(strings.Repeat(strings.Repeat("x", 62)+"\r\n", n/64))
		case "8bit":
			body.EightBit = true
		case "utf8header":
			body.UTF8Header = true
		case "force":
			j.Force = true
		case "notify":
			j.Envelope.DSN.Notify = value
		case "ret":
			j.Envelope.DSN.Ret = value
		case "envid":
			j.Envelope.DSN.EnvID = value
		case "orcpt":
			j.Envelope.DSN.ORcpt = value
		case "notready":
			j.Ready = func() bool { return false }
		case "error":
			failure = errors.New(value)
		case "fails":
			failure = &mail.Error{Code: 554, Status: "5.3.0", State: mail.StateStorage}
		case "slow":
			delay, _ = time.ParseDuration(value)
		case "panic":
			panics = true
		}
	}
	j.Body = func(ctx context.Context) (Body, error) {
		if delay > 0 {
			select {
			case <-ctx.Done():
				return Body{}, fmt.Errorf("fetching: %w", ctx.Err())
			case <-time.After(delay):
			}
		}
		if panics {
			panic("poison")
		}
		return body, failure
	}
	return j
}

// address is taken as it stands where it could not be parsed, for what a careless caller might do.
func address(s string) mail.Address {
	if s == "" {
		return mail.Address{}
	}
	a, err := mail.ParseAddress(s, false)
	if err != nil {
		local, domain, _ := strings.Cut(s, "@")
		return mail.Address{Local: local, Domain: domain}
	}
	return a
}

// recorder writes down what it hears and gives jobs.
type recorder struct {
	events                            []string
	jobs                              []*Job
	ahead, held, keep, askedAhead     bool
	stopAfter, abortAfter, closeAfter time.Duration
	results                           []*mail.Result
	failed                            *mail.Result
	ended                             chan struct{}
}

func (r *recorder) note(format string, args ...any) {
	r.events = append(r.events, strings.TrimRight(fmt.Sprintf(format, args...), " "))
}

func (r *recorder) Opened(c *Conn) {
	if r.abortAfter > 0 {
		time.AfterFunc(r.abortAfter, c.Abort)
	}
	if r.closeAfter > 0 {
		time.AfterFunc(r.closeAfter, c.Close)
	}
	r.note("opened")
}

func (r *recorder) Failed(c *Conn, results []mail.Result) {
	for _, res := range results {
		r.note("failed %s", shortResult(&res))
		r.failed = &res
	}
	close(r.ended)
}

func (r *recorder) Want(c *Conn, ahead bool) {
	r.askedAhead = r.askedAhead || ahead
	switch {
	case ahead && !r.ahead:
	case len(r.jobs) > 0:
		if c.Give(r.jobs[0]) {
			r.jobs = r.jobs[1:]
		}
	case !ahead && !r.keep:
		c.Close()
	}
}

func (r *recorder) Done(_ *Conn, j *Job, res *mail.Result) bool {
	r.note("done %d %s", j.ID, shortResult(res))
	r.results = append(r.results, res)
	return !r.held
}

func (r *recorder) Back(_ *Conn, j *Job, why Reason) { r.note("back %d %s", j.ID, why) }

func (r *recorder) Closed(c *Conn) {
	r.note("closed after %d", c.Info().Messages)
	close(r.ended)
}

func shortResult(r *mail.Result) string {
	end := ""
	if !r.OK() && !r.Temporary() {
		end = "(final) "
	}
	return fmt.Sprintf("%s/%s %s%d %s %s", r.State, r.Kind, end, r.Code, r.Status, r.Description)
}

// playServer is the other side of one connection.
func playServer(t *testing.T, nc net.Conn, script []string) {
	defer nc.Close()
	in := bufio.NewReader(nc)
	says := make(chan []byte, 1000)
	var writer sync.WaitGroup
	writer.Go(func() {
		for b := range says {
			if _, err := nc.Write(b); err != nil {
				break
			}
		}
		for range says {
		}
	})
	defer writer.Wait()
	defer close(says)
	for i, line := range script {
		what, text, _ := strings.Cut(line, " ")
		if err := playLine(in, says, what, text); err != nil {
			if !errors.Is(err, errEnd) {
				t.Errorf("server line %d %q: %v", i, line, err)
			}
			return
		}
	}
	if rest, _ := in.ReadString('\n'); rest != "" && rest != "QUIT\r\n" {
		t.Errorf("client also said %q", rest)
	}
}

var errEnd = errors.New("end of the dialogue")

func playLine(in *bufio.Reader, says chan<- []byte, what, text string) error {
	switch what {
	case "S:":
		says <- []byte(text + "\r\n")
	case "S!":
		raw, err := strconv.Unquote(`"` + text + `"`)
		if err != nil {
			return err
		}
		says <- []byte(raw)
	case "C:":
		got, err := in.ReadString('\n')
		if got != text+"\r\n" {
			return fmt.Errorf("client said %q (%v)", got, err)
		}
	case "C.":
		for got := ""; got != ".\r\n"; {
			var err error
			if got, err = in.ReadString('\n'); err != nil {
				return fmt.Errorf("in content: %w", err)
			}
		}
	case "wait":
		d, err := time.ParseDuration(text)
		if err != nil {
			return err
		}
		time.Sleep(d)
	case "hang":
		_, _ = io.Copy(io.Discard, in)
		return errEnd
	case "drop":
		time.Sleep(time.Millisecond) // let what was said be heard
		return errEnd
	default:
		return errors.New("no such step")
	}
	return nil
}
