package control

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os/user"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"posthoorn/internal/inject"
	"posthoorn/internal/mail"
)

// door keeps what comes in, and answers with err.
type door struct {
	mu   sync.Mutex
	got  []inject.Submission
	err  error
	fail bool          // panic
	wait chan struct{} // nil: answer at once
}

func (d *door) Accept(ctx context.Context, s inject.Submission) ([]string, error) {
	if d.wait != nil {
		select {
		case <-d.wait:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.fail {
		panic("poison")
	}
	d.got = append(d.got, s)
	return nil, d.err
}

// all is what came in.
func (d *door) all() []inject.Submission {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.got)
}

func startInject(t *testing.T, o InjectOptions) *Inject {
	t.Helper()
	o.Path = filepath.Join(folder(t), "i")
	i, err := NewInject(o)
	if err != nil {
		t.Fatal(err)
	}
	serve(t, i)
	return i
}

func addr(t *testing.T, s string) mail.Address {
	t.Helper()
	a, err := mail.ParseAddress(s, false)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

const letter = "Subject: x\r\n\r\nhello\r\n"

func message(t *testing.T, to ...string) inject.Submission {
	s := inject.Submission{Source: []byte(letter), Origin: &inject.CLI{Command: "/usr/bin/posthoorn", Arguments: []string{"--x", "ä b"}, User: "liar"}}
	for _, a := range to {
		s.Recipients = append(s.Recipients, inject.Recipient{To: addr(t, a)})
	}
	return s
}

func TestSubmit(t *testing.T) {
	d := &door{}
	i := startInject(t, InjectOptions{Door: d})
	s := message(t, "a@b.test", `"x y"@ö.test`, "a@b.test")
	s.From, s.HeaderRecipients = addr(t, "me@x.test"), true
	if err := Submit(t.Context(), i.Path(), s); err != nil {
		t.Fatal(err)
	}
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	got := d.all()[0]
	if age := time.Since(got.Received); age < 0 || age > time.Minute {
		t.Error(got.Received)
	}
	got.Received = time.Time{}
	want := s
	want.Recipients = s.Recipients[:2] // without doubles
	want.Extract = true
	want.Origin = &inject.CLI{Command: "/usr/bin/posthoorn", Arguments: []string{"--x", "ä b"}, User: me.Username}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%+v\nnot\n%+v", got, want)
	}
}

func TestSubmitErrors(t *testing.T) {
	for name, c := range map[string]struct {
		err  error
		exit int
		text string
	}{
		"disk full":    {&mail.Error{Code: 452, Status: "4.3.1", Text: "Insufficient system storage", Cause: errors.New("secret")}, 75, "452 4.3.1 Insufficient system storage"},
		"broker gone":  {&mail.Error{Code: 451, Status: "4.3.0", Text: "not now"}, 75, "451 4.3.0 not now"},
		"no recipient": {&mail.Error{Code: 554, Status: "5.5.1", Text: "Message has no recipient"}, 65, "554 5.5.1 Message has no recipient"},
		"odd":          {errors.New("odd"), 75, "odd"},
	} {
		t.Run(name, func(t *testing.T) {
			i := startInject(t, InjectOptions{Door: &door{err: c.err}})
			err := Submit(t.Context(), i.Path(), message(t, "a@b.test"))
			if Code(err) != c.exit || err.Error() != c.text {
				t.Errorf("%d %v", Code(err), err)
			}
		})
	}
}

func TestBigMessages(t *testing.T) {
	d := &door{}
	i := startInject(t, InjectOptions{Door: d, MaxSize: 5 << 20})
	s := message(t, "a@b.test")
	s.Source = bytes.Repeat([]byte("0123456789abcde\n"), 5<<16)
	if err := Submit(t.Context(), i.Path(), s); err != nil || !bytes.Equal(d.all()[0].Source, s.Source) {
		t.Fatal(err)
	}
	s.Source = append(s.Source, 'x')
	err := Submit(t.Context(), i.Path(), s)
	if Code(err) != 65 || !strings.Contains(err.Error(), "552") {
		t.Error(err)
	}
	if len(d.all()) != 1 {
		t.Error("it was taken")
	}
}

// What a hostile client may say to the socket that is open to everybody.
func TestHostileClients(t *testing.T) {
	d := &door{}
	i := startInject(t, InjectOptions{Door: d, MaxSize: 1000})
	for name, c := range map[string]struct{ say, hear string }{
		"not JSON":        {"hello\n", ""},
		"endless line":    {strings.Repeat("x", maxRequest+100_000), ""},
		"other commands":  {`{"command":"queue read","args":{"queue":"outbox"}}` + "\n", "takes messages and nothing else"},
		"negative size":   {`{"command":"inject","args":{"size":-1}}` + "\n", "too big"},
		"promised bytes":  {`{"command":"inject","args":{"size":1000000000000}}` + "\n", "too big"},
		"bad envelope":    {`{"command":"inject","args":{"from":"a@b\r\nc","size":0}}` + "\n", "envelope address"},
		"bad recipient":   {`{"command":"inject","args":{"recipients":["x"],"size":0}}` + "\n", "recipient"},
		"cut off":         {`{"command":"inject","args":{"size":10}}` + "\n12345", "did not arrive whole"},
		"wrong types":     {`{"command":"inject","args":{"recipients":{"a":1}}}` + "\n", ""},
		"says who it is":  {`{"command":"inject","args":{"size":0,"user":"root"}}` + "\n", `"result":null`},
		"nothing":         {"", ""},
		"two in a stream": {`{"command":"inject","args":{"size":0}}` + "\n" + `{"command":"inject","args":{"size":0}}` + "\n", `"result":null`},
	} {
		t.Run(name, func(t *testing.T) {
			conn, err := net.Dial("unix", i.Path())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			_, _ = io.WriteString(conn, c.say) // it may hang up before the end
			_ = conn.(*net.UnixConn).CloseWrite()
			heard, _ := io.ReadAll(conn)
			if !strings.Contains(string(heard), c.hear) || c.hear == "" && len(heard) > 0 {
				t.Errorf("%q", heard)
			}
		})
	}
	me, _ := user.Current()
	if len(d.all()) != 2 || d.all()[0].Origin.(*inject.CLI).User != me.Username {
		t.Errorf("%+v", d.all())
	}
}

// One user cannot take all the room, and those who wait get their turn.
func TestRoomForOthers(t *testing.T) {
	d := &door{wait: make(chan struct{})}
	i := startInject(t, InjectOptions{Door: d, Connections: 6, Messages: 2})
	for range 3 {
		if i.enter(1234) == nil {
			t.Fatal("half of the room is not there")
		}
	}
	if i.enter(1234) != nil || i.enter(0) == nil || i.enter(99) == nil {
		t.Error("the room is not shared")
	}
	for _, uid := range []int{1234, 1234, 1234, 0, 99} {
		i.leave(uid)
	}
	i.mu.Lock()
	if len(i.byUser) != 0 {
		t.Error(i.byUser)
	}
	i.mu.Unlock()
	var clients sync.WaitGroup
	errs := make([]error, 12)
	for n := range errs {
		clients.Go(func() { errs[n] = Submit(t.Context(), i.Path(), message(t, fmt.Sprintf("r%d@b.test", n))) })
	}
	until(t, "the slots to be full", func() bool { return len(i.slots) == 2 })
	close(d.wait)
	clients.Wait()
	for _, err := range errs {
		if err != nil && !strings.Contains(err.Error(), "too many messages at once") {
			t.Error(err)
		}
	}
	if len(d.all()) < 2 {
		t.Error(len(d.all()), "messages")
	}
}

// The memory for messages is shared too, and nobody waits for it for ever.
func TestMemoryForOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := &Inject{opts: InjectOptions{Connections: 64, Messages: 4}, slots: make(chan struct{}, 4), byUser: map[int]*caller{}}
		hold := func(uid int) func() {
			t.Helper()
			release, err := i.hold(t.Context(), i.enter(uid), "u")
			if err != nil {
				t.Fatal(uid, err)
			}
			return release
		}
		refused := func(uid int, why string) {
			t.Helper()
			began := time.Now()
			_, err := i.hold(t.Context(), i.enter(uid), "u")
			if Code(err) != ExitTemporary || !strings.Contains(err.Error(), why) || time.Since(began) != slotWait {
				t.Errorf("%d: %v after %v", uid, err, time.Since(began))
			}
		}
		first := hold(7)
		hold(7)
		refused(7, "from user u") // half of the memory
		hold(8)
		hold(0)
		refused(9, "at once, try")
		refused(0, "at once, try")
		first()
		hold(9)
		refused(8, "at once, try") // has room of its own, which the wait before has given back
		if len(i.byUser[8].slots) != 1 {
			t.Error(len(i.byUser[8].slots))
		}
	})
}

// Root may have all of the memory.
func TestMemoryForRoot(t *testing.T) {
	i := &Inject{opts: InjectOptions{Connections: 64, Messages: 4}, slots: make(chan struct{}, 4), byUser: map[int]*caller{}}
	for range 4 {
		if _, err := i.hold(t.Context(), i.enter(0), "root"); err != nil {
			t.Fatal(err)
		}
	}
}

func TestStopWhileAMessageIsTaken(t *testing.T) {
	d := &door{wait: make(chan struct{})}
	i, err := NewInject(InjectOptions{Door: d, Path: filepath.Join(folder(t), "i")})
	if err != nil {
		t.Fatal(err)
	}
	stop := serve(t, i)
	result := make(chan error, 1)
	go func() { result <- Submit(context.Background(), i.Path(), message(t, "a@b.test")) }()
	until(t, "the message", func() bool { return len(i.slots) == 1 })
	stop()
	if err := <-result; Code(err) != 75 {
		t.Error(err)
	}
	if left := entries(t, filepath.Dir(i.Path())); len(left) != 0 {
		t.Error(left)
	}
}

// A message that makes the program fail is answered, its room is free again, and the next one is taken.
func TestPanicAtAMessage(t *testing.T) {
	var log bytes.Buffer
	d := &door{fail: true}
	i := startInject(t, InjectOptions{Door: d, Messages: 1, Log: slog.New(slog.NewTextHandler(&log, nil))})
	err := Submit(t.Context(), i.Path(), message(t, "a@b.test"))
	if Code(err) != ExitTemporary || err.Error() != "the daemon failed at this command" {
		t.Error(err)
	}
	if text := log.String(); !strings.Contains(text, "poison") || !strings.Contains(text, "inject_test.go") {
		t.Errorf("the log says %q", text)
	}
	d.mu.Lock()
	d.fail = false
	d.mu.Unlock()
	if err := Submit(t.Context(), i.Path(), message(t, "a@b.test")); err != nil || len(d.all()) != 1 {
		t.Error(err)
	}
}

func TestSubmitGivesUpWithItsContext(t *testing.T) {
	d := &door{wait: make(chan struct{})}
	i := startInject(t, InjectOptions{Door: d})
	ctx, cancel := context.WithCancel(t.Context())
	result := make(chan error, 1)
	go func() { result <- Submit(ctx, i.Path(), message(t, "a@b.test")) }()
	until(t, "the message", func() bool { return len(i.slots) == 1 })
	cancel()
	if err := <-result; !errors.Is(err, context.Canceled) || Code(err) != 75 {
		t.Error(err)
	}
	close(d.wait)
}

func TestManyAtOnce(t *testing.T) {
	d := &door{}
	i := startInject(t, InjectOptions{Door: d, Connections: 400})
	var clients sync.WaitGroup
	for n := range 100 {
		clients.Go(func() {
			if err := Submit(t.Context(), i.Path(), message(t, fmt.Sprintf("r%d@b.test", n))); err != nil {
				t.Error(err)
			}
		})
	}
	clients.Wait()
	var to []string
	for _, s := range d.all() {
		to = append(to, s.Recipients[0].To.String())
	}
	slices.Sort(to)
	if len(slices.Compact(to)) != 100 {
		t.Error(len(to))
	}
}
