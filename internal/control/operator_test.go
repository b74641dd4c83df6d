package control

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"posthoorn/internal/broker"
	"posthoorn/internal/outbox"
	"posthoorn/internal/settings"
)

// fake is an Operator that notes what it is asked for and answers as it was told.
type fake struct {
	mu          sync.Mutex
	calls       []string
	noted       []string
	callers     []string
	explanation outbox.Explanation
	backlog     []outbox.BacklogLine
	n           int
	err         error
	act         func(ctx context.Context, progress func(int)) (int, error) // in place of n and err
}

func (f *fake) note(format string, args ...any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = append(f.calls, fmt.Sprintf(format, args...))
}

// taken are the calls since the last time.
func (f *fake) taken() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	text := strings.Join(f.calls, "; ")
	f.calls = nil
	return text
}

func (f *fake) work(ctx context.Context, progress func(int)) (int, error) {
	if f.act != nil {
		return f.act(ctx, progress)
	}
	return f.n, f.err
}

func (f *fake) Explain(ctx context.Context, destination string, source netip.Addr) (outbox.Explanation, error) {
	f.note("explain %s %s", destination, source)
	if f.act != nil {
		_, err := f.act(ctx, nil)
		return outbox.Explanation{}, err
	}
	return f.explanation, f.err
}

func (f *fake) Backlog(context.Context) ([]outbox.BacklogLine, error) {
	f.note("backlog")
	return f.backlog, f.err
}

func (f *fake) RetryNow(ctx context.Context, destination string, progress func(int)) (int, error) {
	f.note("retry %s", destination)
	return f.work(ctx, progress)
}

func (f *fake) Fail(ctx context.Context, destination, reason string, progress func(int)) (int, error) {
	f.note("fail %s %q", destination, reason)
	return f.work(ctx, progress)
}

func (f *fake) Move(ctx context.Context, destination string, source netip.Addr, progress func(int)) (int, error) {
	f.note("move %s %s", destination, source)
	return f.work(ctx, progress)
}

func (f *fake) Evacuate(ctx context.Context, destination, queue string, stop bool, progress func(int)) (int, error) {
	f.note("evacuate %q %q %v", destination, queue, stop)
	return f.work(ctx, progress)
}

func (f *fake) Pause(_ context.Context, who string, p settings.Pause) (settings.Pause, error) {
	f.by(who)
	f.note("pause %s", scope(&p))
	if p.ID = int64(f.n); p.ID == 0 {
		p.Memory = true
	}
	return p, f.err
}

func (f *fake) Resume(_ context.Context, who string, p settings.Pause) (int, error) {
	f.by(who)
	f.note("resume %s", scope(&p))
	return f.n, f.err
}

func (f *fake) Note(ctx context.Context, who string, action settings.Action, facts settings.Cells) error {
	f.by(who)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.noted = append(f.noted, fmt.Sprint(action, facts))
	return ctx.Err()
}

func (f *fake) by(who string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.callers = append(f.callers, who)
}

// operated runs a daemon with the operator; stopped counts how often it was asked to end.
func operated(t *testing.T, op Operator, stop func()) *Client {
	t.Helper()
	c, err := NewControl(ControlOptions{Path: filepath.Join(folder(t), "x.control"), UID: -1, GID: -1, Pace: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	HandleOperator(c, op, stop)
	serve(t, c)
	return NewClient(c.Path())
}

// TestOperate goes the whole way of each command, from the order to what is printed.
func TestOperate(t *testing.T) {
	lost := errors.New("the disk says no")
	for _, c := range []struct {
		command string
		order   Order
		n       int
		err     error
		asked   string // of the operator
		exit    int
		out     string // printed, or the text of the error
	}{
		{command: cmdPause, asked: "pause all mail", out: "Paused: all mail (in memory alone, until the daemon stops: there is no database, or it cannot be written).\n"},
		{command: cmdPause, order: Order{Destination: "A.example", IP: ip("10.0.0.1"), Tag: "news"}, n: 12, asked: `pause mail to a.example from 10.0.0.1 with the tag "news"`,
			out: `Paused: mail to a.example from 10.0.0.1 with the tag "news" (row 12 of the table paused).` + "\n"},
		{command: cmdPause, order: Order{Destination: "2001:DB8::1"}, n: 1, asked: "pause mail to the server 2001:db8::1", out: "Paused: mail to the server 2001:db8::1 (row 1 of the table paused).\n"},
		{command: cmdPause, order: Order{Destination: "a b"}, exit: 64, out: `"a b" is not a destination: ` + whatDestination},
		{command: cmdResume, n: 1, asked: "resume all mail", out: "Resumed: all mail.\n"},
		{command: cmdResume, order: Order{Destination: "a.example"}, asked: "resume mail to a.example", out: "There was no pause of mail to a.example. A pause ends with the arguments that it was made with.\n"},
		{command: cmdResume, err: lost, asked: "resume all mail", exit: 69, out: "the disk says no"},
		{command: cmdRetryNow, order: Order{Destination: "a.example"}, n: 1, asked: "retry a.example", out: "1 message for a.example: tried now, as far as limits and pauses allow.\n"},
		{command: cmdRetryNow, order: Order{Destination: "a.example"}, asked: "retry a.example", out: "Nothing waits for a.example.\n"},
		{command: cmdRetryNow, order: Order{Destination: "a.example"}, n: 5, err: lost, asked: "retry a.example", exit: 75, out: "the disk says no (done before that: 5 messages)"},
		{command: cmdFail, order: Order{Destination: "a.example", Reason: "it's gone"}, n: 2, asked: `fail a.example "it's gone"`, out: "2 messages for a.example: failed for good.\n"},
		{command: cmdMove, order: Order{Destination: "a.example", IP: ip("10.0.0.2")}, n: 3, asked: "move a.example 10.0.0.2", out: "3 messages for a.example: to leave from 10.0.0.2.\n"},
		{command: cmdMove, order: Order{Destination: "a.example", IP: ip("10.0.0.2")}, err: fmt.Errorf("10.0.0.2 is %w", outbox.ErrNotOwn), asked: "move a.example 10.0.0.2", exit: 64, out: "10.0.0.2 is not an address of this host"},
		{command: cmdEvacuate, n: 7, asked: `evacuate "" "" false`, out: "7 messages: now in the outbox.\n"},
		{command: cmdEvacuate, order: Order{Destination: "A.example", To: "other"}, n: 1, asked: `evacuate "a.example" "other" false`, out: `1 message for a.example: now in the queue "other".` + "\n"},
		{command: cmdEvacuate, asked: `evacuate "" "" false`, out: "Nothing waits.\n"},
		{command: cmdEvacuate, err: outbox.ErrNotRemote, asked: `evacuate "" "" false`, exit: 64, out: outbox.ErrNotRemote.Error()},
		{command: cmdEvacuate, err: outbox.ErrBusy, asked: `evacuate "" "" false`, exit: 75, out: outbox.ErrBusy.Error()},
		{command: cmdEvacuate, order: Order{To: "q"}, err: fmt.Errorf("queue q: %w", broker.ErrUnroutable), asked: `evacuate "" "q" false`, exit: 64, out: "queue q: queue cannot be reached"},
		{command: cmdEvacuate, n: 2, err: broker.ErrClosed, asked: `evacuate "" "" false`, exit: 69, out: "queue connection is closed (done before that: 2 messages)"},
		{command: cmdBacklog, asked: "backlog", out: "No mail is in memory or waits.\n"},
		{command: cmdBacklog, err: lost, asked: "backlog", exit: 75, out: "the disk says no"},
		{command: cmdExplain, order: Order{Destination: "Bücher.example", IP: ip("10.0.0.1")}, err: lost, asked: "explain xn--bcher-kva.example 10.0.0.1", exit: 75, out: "the disk says no"},
		{command: cmdBacklog, err: errors.New("no\x1b[2J\r\ndisk\u202e"), asked: "backlog", exit: 75, out: `no\x1b[2J\x0d\x0adisk\u{202e}`},
		{command: "queue list", exit: 64, out: `"" is not a destination: ` + whatDestination},
	} {
		f := &fake{n: c.n, err: c.err}
		client := operated(t, f, nil)
		var out strings.Builder
		err := Operate(t.Context(), client, c.command, c.order, Terminal{Out: &out, Err: ignoreKill{&out}, Yes: true})
		got := out.String()
		if err != nil {
			got += err.Error()
		}
		if asked := f.taken(); Code(err) != c.exit || got != c.out || asked != c.asked {
			t.Errorf("%s %+v:\nasked %s\nexit %d: %s", c.command, c.order, asked, Code(err), got)
		}
	}
}

// ignoreKill drops the warning of evacuate, which has a test of its own.
type ignoreKill struct{ io.Writer }

func (w ignoreKill) Write(p []byte) (int, error) {
	if strings.HasPrefix(string(p), "Should this be killed") {
		return len(p), nil
	}
	return w.Writer.Write(p)
}

func TestNoDaemonToOperate(t *testing.T) {
	client := NewClient(filepath.Join(folder(t), "none.control"))
	for _, command := range []string{cmdExplain, cmdPause, cmdResume, cmdBacklog, cmdRetryNow, cmdFail, cmdMove, cmdEvacuate} {
		o := Order{Destination: "a.example", Reason: "gone", IP: ip("10.0.0.1")}
		err := Operate(t.Context(), client, command, o, Terminal{Out: io.Discard, Err: io.Discard, Yes: true})
		if Code(err) != ExitTemporary || !errors.Is(err, ErrNoDaemon) {
			t.Errorf("%s: %v", command, err)
		}
	}
}

// TestTheDaemonChecksOrders: whoever may open the socket may send anything.
func TestTheDaemonChecksOrders(t *testing.T) {
	f := &fake{}
	client := operated(t, f, nil)
	for command, args := range map[string]any{
		cmdExplain: Order{Destination: "a b"}, cmdFail: Order{Destination: "a.example", Reason: "x\r\ny"}, cmdMove: Order{Destination: "a.example"},
		cmdPause: Order{Destination: "*"}, cmdResume: "nonsense", cmdEvacuate: []int{1}, cmdRetryNow: nil,
	} {
		if err := client.Call(t.Context(), command, args, nil); Code(err) != ExitUsage {
			t.Errorf("%s: %v", command, err)
		}
	}
	if asked := f.taken(); asked != "" {
		t.Error("asked:", asked)
	}
}

// TestOrdersAreNoted: what was done is kept, with the caller that the kernel names, also when it came only half the way.
func TestOrdersAreNoted(t *testing.T) {
	me := (&wire{uid: os.Getuid(), peer: new(names).of(os.Getuid())}).caller()
	if !strings.HasPrefix(me, fmt.Sprintf("command line (uid %d", os.Getuid())) {
		t.Fatal(me)
	}
	for _, c := range []struct {
		command string
		order   Order
		n       int
		err     error
		noted   string
		callers int
	}{
		{cmdRetryNow, Order{Destination: "A.example"}, 3, nil, "retrymap[destination:a.example messages:3]", 1},
		{cmdRetryNow, Order{Destination: "a.example"}, 0, nil, "", 0},
		{cmdFail, Order{Destination: "a.example", Reason: "gone"}, 2, errors.New("in the middle"), "failmap[destination:a.example messages:2 reason:gone]", 1},
		{cmdMove, Order{Destination: "a.example", IP: ip("10.0.0.2")}, 1, nil, "movemap[destination:a.example ip:10.0.0.2 messages:1]", 1},
		{cmdEvacuate, Order{To: "q"}, 4, nil, "evacuatemap[destination: messages:4 queue:q stop:false]", 1},
		{cmdEvacuate, Order{Stop: true}, 0, nil, "evacuatemap[destination: messages:0 queue: stop:true]", 1},
		{cmdPause, Order{Destination: "a.example"}, 1, nil, "", 1},
		{cmdResume, Order{Destination: "a.example"}, 1, nil, "", 1},
		{cmdBacklog, Order{}, 0, nil, "", 0},
	} {
		f := &fake{n: c.n, err: c.err}
		client := operated(t, f, nil)
		_ = Operate(t.Context(), client, c.command, c.order, Terminal{Out: io.Discard, Err: io.Discard, Yes: true})
		if got := strings.Join(f.noted, "; "); got != c.noted || len(f.callers) != c.callers || c.callers > 0 && f.callers[0] != me {
			t.Errorf("%s %+v: noted %q by %q", c.command, c.order, got, f.callers)
		}
	}
	if got := (&wire{uid: 4711, peer: "4711"}).caller(); got != "command line (uid 4711)" {
		t.Error(got)
	}
}

// TestAHalfDoneOrderIsNoted though its caller has hung up.
func TestAHalfDoneOrderIsNoted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	f := &fake{act: func(ctx context.Context, _ func(int)) (int, error) {
		cancel()
		<-ctx.Done()
		return 3, ctx.Err()
	}}
	_ = Operate(ctx, operated(t, f, nil), cmdFail, Order{Destination: "a.example", Reason: "gone"}, Terminal{Out: io.Discard, Err: io.Discard, Yes: true})
	until(t, "the note", func() bool { f.mu.Lock(); defer f.mu.Unlock(); return len(f.noted) == 1 })
}

// TestFailAsksFirst: without a terminal and without --yes nothing is failed, and no daemon is asked.
func TestFailAsksFirst(t *testing.T) {
	f := &fake{n: 1}
	client := operated(t, f, nil)
	o := Order{Destination: "A.example", Reason: "gone"}
	var out strings.Builder
	err := Operate(t.Context(), client, cmdFail, o, Terminal{In: strings.NewReader("y\n"), Out: &out, Err: &out})
	if Code(err) != ExitUsage || !strings.Contains(err.Error(), "a.example becomes a final failure: gone.") || !strings.Contains(err.Error(), "--yes") || f.taken() != "" || out.Len() > 0 {
		t.Error(err, out.String())
	}
}

func TestProgressIsShown(t *testing.T) {
	f := &fake{act: func(ctx context.Context, progress func(int)) (int, error) {
		progress(1500)
		<-ctx.Done()
		return 1700, fmt.Errorf("stopped: %w", ctx.Err())
	}}
	client := operated(t, f, nil)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var out, progress strings.Builder
	err := Operate(ctx, client, cmdRetryNow, Order{Destination: "a.example"}, Terminal{Out: &out, Err: writes(func(p []byte) {
		progress.Write(p)
		cancel() // as Ctrl-C does
	})})
	if Code(err) != ExitTemporary || err.Error() != "given up after 1700 messages; the others are as they were" {
		t.Error(err)
	}
	if progress.String() != "retry-now: 1500 messages so far\n" || out.Len() > 0 {
		t.Errorf("%q %q", progress.String(), out.String())
	}
}

type writes func([]byte)

func (w writes) Write(p []byte) (int, error) {
	w(p)
	return len(p), nil
}

// TestEvacuationForGood: the daemon ends when the caller knows, and only after an evacuation that came to its end.
func TestEvacuationForGood(t *testing.T) {
	for _, c := range []struct {
		name  string
		order Order
		err   error
		ends  bool
	}{
		{"stop", Order{Stop: true}, nil, true},
		{"no stop", Order{}, nil, false},
		{"failed", Order{Stop: true}, outbox.ErrInTransaction, false},
	} {
		ended := make(chan struct{}, 1)
		client := operated(t, &fake{n: 4, err: c.err}, func() { ended <- struct{}{} })
		var out, remarks strings.Builder
		err := Operate(t.Context(), client, cmdEvacuate, c.order, Terminal{Out: &out, Err: &remarks})
		if (err == nil) != (c.err == nil) || err == nil && out.String() != "4 messages: now in the outbox.\n" || !strings.Contains(remarks.String(), "there twice") {
			t.Error(c.name, err, out.String(), remarks.String())
		}
		if c.ends {
			select {
			case <-ended:
			case <-time.After(time.Minute):
				t.Error(c.name, "the daemon goes on")
			}
		}
		// Another conversation on the same server comes after the end of the first.
		if err := client.Call(t.Context(), cmdBacklog, Order{}, nil); (err == nil) != (c.err == nil) {
			t.Error(err)
		}
		if len(ended) > 0 {
			t.Error(c.name, "the daemon was asked to end")
		}
	}
}

// TestGivenUpEvacuationGoesOn: the daemon is not ended when its operator has given up.
func TestGivenUpEvacuationGoesOn(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	f := &fake{act: func(ctx context.Context, _ func(int)) (int, error) {
		cancel()
		<-ctx.Done()
		return 3, ctx.Err()
	}}
	client := operated(t, f, func() { t.Error("the daemon was asked to end") })
	err := Operate(ctx, client, cmdEvacuate, Order{Stop: true}, Terminal{Out: io.Discard, Err: io.Discard})
	if Code(err) != ExitTemporary || !strings.Contains(err.Error(), "given up after 3 messages") {
		t.Error(err)
	}
}

// TestGivenUpQuestion: who gives up is not told that the daemon stops.
func TestGivenUpQuestion(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	client := operated(t, &fake{act: func(ctx context.Context, _ func(int)) (int, error) {
		cancel()
		<-ctx.Done()
		return 0, ctx.Err()
	}}, nil)
	err := Operate(ctx, client, cmdExplain, Order{Destination: "a.example"}, Terminal{Out: io.Discard, Err: io.Discard})
	if Code(err) != ExitTemporary || err.Error() != "given up" {
		t.Error(err)
	}
}
