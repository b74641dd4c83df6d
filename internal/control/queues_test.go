package control

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// store is an embedded queue in memory.
type store struct {
	mu      sync.Mutex
	next    uint64
	queues  map[string][]Taken
	inHand  map[uint64]bool
	removed int
	fails   error // of Remove and Publish
}

func newStore() *store { return &store{queues: map[string][]Taken{}, inHand: map[uint64]bool{}} }

func (s *store) Queues() (list []QueueInfo) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for name, q := range s.queues {
		i := QueueInfo{Name: name, Messages: int64(len(q))}
		for _, t := range q {
			i.Bytes += int64(len(t.Body))
			if s.inHand[t.Seq] {
				i.InHand++
			}
		}
		list = append(list, i)
	}
	slices.SortFunc(list, func(a, b QueueInfo) int { return strings.Compare(a.Name, b.Name) })
	return list
}

func (s *store) Take(queue string, n int) (taken []Taken) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, t := range s.queues[queue] {
		if !s.inHand[t.Seq] && len(taken) < n {
			s.inHand[t.Seq] = true
			taken = append(taken, t)
		}
	}
	return taken
}

func (s *store) Remove(_ context.Context, queue string, seqs []uint64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fails != nil {
		return s.fails
	}
	s.queues[queue] = slices.DeleteFunc(s.queues[queue], func(t Taken) bool { return slices.Contains(seqs, t.Seq) })
	s.removed += len(seqs)
	return nil
}

func (s *store) Back(_ string, seq uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.inHand, seq)
}

func (s *store) Walk(queue string, show func(Taken) bool) error {
	s.mu.Lock()
	all := slices.Clone(s.queues[queue])
	s.mu.Unlock()
	for _, t := range all {
		if !show(t) {
			break
		}
	}
	return nil
}

func (s *store) Publish(_ context.Context, queue string, bodies [][]byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fails != nil {
		return s.fails
	}
	for _, b := range bodies {
		s.next++
		s.queues[queue] = append(s.queues[queue], Taken{s.next, bytes.Clone(b)})
	}
	return nil
}

func (s *store) fill(queue string, n int) (lines []string) {
	for i := range n {
		line := fmt.Sprintf(`{"n":%d}`, i)
		lines = append(lines, line)
		_ = s.Publish(context.Background(), queue, [][]byte{[]byte(line)})
	}
	return lines
}

func (s *store) counts(queue string) (all, inHand int) {
	for _, i := range s.Queues() {
		if i.Name == queue {
			return int(i.Messages), int(i.InHand)
		}
	}
	return 0, 0
}

// gone is how many messages were removed.
func (s *store) gone() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.removed
}

// startControl serves a store and gives a client for it.
func startControl(t *testing.T, s Store) (*Control, *Client) {
	t.Helper()
	c, err := NewControl(ControlOptions{
		Path: filepath.Join(folder(t), "c"), UID: -1, GID: -1, Queues: Embedded(s, time.Millisecond), Outbox: "outbox",
	})
	if err != nil {
		t.Fatal(err)
	}
	serve(t, c)
	return c, NewClient(c.Path())
}

func TestCall(t *testing.T) {
	c, client := startControl(t, newStore())
	type args struct {
		Destination string `json:"destination"`
	}
	c.Handle("explain", func(_ context.Context, raw json.RawMessage) (any, error) {
		var a args
		if err := json.Unmarshal(raw, &a); err != nil {
			return nil, err
		}
		if a.Destination == "" {
			return nil, &Error{Exit: ExitUsage, Text: "no destination"}
		}
		return map[string]any{"for": a.Destination}, nil
	})
	c.Handle("odd", func(context.Context, json.RawMessage) (any, error) { return func() {}, nil })
	var result struct{ For string }
	if err := client.Call(t.Context(), "explain", args{"x.test"}, &result); err != nil || result.For != "x.test" {
		t.Error(err, result)
	}
	for _, f := range []struct {
		command string
		args    any
		exit    int
		text    string
	}{
		{"explain", args{}, 64, "no destination"},
		{"explain", nil, 64, "no destination"},
		{"explain", 7, 75, "cannot unmarshal"},
		{"nonsense", nil, 64, `does not know the command "nonsense"`},
		{"odd", nil, 75, "unsupported type"},
	} {
		err := client.Call(t.Context(), f.command, f.args, nil)
		if Code(err) != f.exit || !strings.Contains(err.Error(), f.text) {
			t.Errorf("%s: %d %v", f.command, Code(err), err)
		}
	}
}

// A command whose caller has gone is told so.
func TestACallerHangsUp(t *testing.T) {
	c, client := startControl(t, newStore())
	began, ended := make(chan struct{}), make(chan error, 1)
	c.Handle("long", func(ctx context.Context, _ json.RawMessage) (any, error) {
		close(began)
		<-ctx.Done()
		ended <- ctx.Err()
		return nil, ctx.Err()
	})
	ctx, cancel := context.WithCancel(t.Context())
	result := make(chan error, 1)
	go func() { result <- client.Call(ctx, "long", nil, nil) }()
	<-began
	cancel()
	if err := <-result; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestListQueues(t *testing.T) {
	s := newStore()
	s.fill("results", 3)
	s.fill("odd\nname", 1)
	s.Take("results", 2)
	_, client := startControl(t, s)
	var out strings.Builder
	if err := ListQueues(t.Context(), client, &out); err != nil {
		t.Fatal(err)
	}
	want := "QUEUE        ROLE  MESSAGES  IN HAND  BYTES  OLDEST\n" +
		"\"odd\\nname\"  -     1         0        7      -\n" +
		"results      -     3         2        21     -\n"
	if out.String() != want {
		t.Errorf("\n%s", out.String())
	}
	all := list{{Name: "outbox", Role: "outbox", Messages: 7, Oldest: time.Date(2031, 5, 4, 11, 12, 44, 0, time.FixedZone("", 7200))}, {Name: "dsn", Role: "dsn", Missing: true}}
	out.Reset()
	if err := ListQueues(t.Context(), all, &out); err != nil {
		t.Fatal(err)
	}
	want = "QUEUE   ROLE    MESSAGES  IN HAND  BYTES  OLDEST\n" +
		"outbox  outbox  7         0        -      2031-05-04 09:12:44\n" +
		"dsn     dsn     missing   -        -      -\n"
	if out.String() != want {
		t.Errorf("\n%s", out.String())
	}
}

// list is a broker that can only be listed.
type list []QueueInfo

func (l list) List(context.Context) ([]QueueInfo, error) { return l, nil }
func (list) Read(context.Context, string, ReadOptions, func([][]byte) error) error {
	return errors.ErrUnsupported
}
func (list) Publish(context.Context, string, [][]byte) error { return errors.ErrUnsupported }

func TestReadRemovesWhatWasWritten(t *testing.T) {
	s := newStore()
	want := strings.Join(s.fill("results", 250), "\n") + "\n"
	_, client := startControl(t, s)
	var kept, read bytes.Buffer
	if err := ReadQueue(t.Context(), client, "results", "outbox", ReadOptions{Keep: true}, &kept); err != nil {
		t.Fatal(err)
	}
	if all, inHand := s.counts("results"); all != 250 || inHand != 0 || kept.String() != want {
		t.Error("keep:", all, inHand, kept.Len())
	}
	if err := ReadQueue(t.Context(), client, "results", "outbox", ReadOptions{}, &read); err != nil {
		t.Fatal(err)
	}
	if all, inHand := s.counts("results"); all != 0 || inHand != 0 || read.String() != want {
		t.Error("read:", all, inHand, read.Len())
	}
	if err := ReadQueue(t.Context(), client, "none", "outbox", ReadOptions{}, io.Discard); err != nil {
		t.Error(err)
	}
}

func TestTheOutboxIsNotEmptiedByMistake(t *testing.T) {
	s := newStore()
	s.fill("outbox", 1)
	_, client := startControl(t, s)
	write := func([][]byte) error { return nil }
	for name, read := range map[string]func(ReadOptions) error{
		"command": func(o ReadOptions) error { return ReadQueue(t.Context(), client, "outbox", "outbox", o, io.Discard) },
		"daemon":  func(o ReadOptions) error { return client.Read(t.Context(), "outbox", o, write) },
	} {
		if err := read(ReadOptions{}); Code(err) != 64 || !strings.Contains(err.Error(), "--force") {
			t.Error(name, err)
		}
		if err := read(ReadOptions{Keep: true}); err != nil {
			t.Error(name, err)
		}
	}
	if s.gone() != 0 {
		t.Error("something was removed")
	}
	if err := client.Read(t.Context(), "outbox", ReadOptions{Force: true}, write); err != nil || s.gone() != 1 {
		t.Error(err, s.gone())
	}
}

// A reader that cannot write, dies or stops has lost nothing; what it did not acknowledge comes again.
func TestAReaderThatDies(t *testing.T) {
	broken := errors.New("disk full")
	for name, die := range map[string]func(t *testing.T, c *Client, path string){
		"cannot write": func(t *testing.T, c *Client, _ string) {
			err := ReadQueue(t.Context(), c, "results", "outbox", ReadOptions{}, &failing{after: 1, err: broken})
			if !errors.Is(err, broken) {
				t.Error(err)
			}
		},
		"hangs up": func(t *testing.T, _ *Client, path string) {
			conn, err := net.Dial("unix", path)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			in := bufio.NewReader(conn)
			fmt.Fprintln(conn, `{"command":"queue read","args":{"queue":"results"}}`)
			_, _ = in.ReadString('\n')
			_, _ = in.Discard(100)
			fmt.Fprintln(conn, `{"written":100}`)
			_, _ = in.ReadString('\n')
		},
		"lies": func(t *testing.T, _ *Client, path string) {
			conn, err := net.Dial("unix", path)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			fmt.Fprintln(conn, `{"command":"queue read","args":{"queue":"results"}}`)
			fmt.Fprintln(conn, `{"written":100}`)
			fmt.Fprintln(conn, `{"written":1000000}`)
			heard, _ := io.ReadAll(conn)
			if !bytes.Contains(heard, []byte("did not write")) {
				t.Errorf("%.200q", heard)
			}
		},
		"stops": func(t *testing.T, c *Client, _ string) {
			ctx, cancel := context.WithCancel(t.Context())
			n := 0
			err := c.Read(ctx, "results", ReadOptions{}, func([][]byte) error {
				if n++; n == 2 {
					cancel()
					return ctx.Err()
				}
				return nil
			})
			if !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStore()
			all := s.fill("results", 250)
			c, client := startControl(t, s)
			die(t, client, c.Path())
			until(t, "everything to be given back", func() bool { _, inHand := s.counts("results"); return inHand == 0 })
			if left, _ := s.counts("results"); left != 150 || s.gone() != 100 {
				t.Error(left, "left,", s.gone(), "removed")
			}
			var out bytes.Buffer
			until(t, "the rest", func() bool {
				if err := ReadQueue(t.Context(), client, "results", "outbox", ReadOptions{}, &out); err != nil {
					t.Fatal(err)
				}
				left, _ := s.counts("results")
				return left == 0
			})
			if got := strings.Fields(out.String()); !slices.Equal(got, all[100:]) {
				t.Error(len(got), "messages came again")
			}
		})
	}
}

// failing takes some writes.
type failing struct {
	after int
	err   error
}

func (f *failing) Write(p []byte) (int, error) {
	if f.after--; f.after < 0 {
		return 0, f.err
	}
	return len(p), nil
}

func TestFollow(t *testing.T) {
	for name, o := range map[string]ReadOptions{"remove": {Follow: true}, "keep": {Follow: true, Keep: true}} {
		t.Run(name, func(t *testing.T) {
			s := newStore()
			s.fill("results", 2)
			_, client := startControl(t, s)
			ctx, cancel := context.WithCancel(t.Context())
			out := make(lines, 10)
			result := make(chan error, 1)
			go func() { result <- ReadQueue(ctx, client, "results", "outbox", o, out) }()
			<-out
			_ = s.Publish(ctx, "results", [][]byte{[]byte(`{"late":1}`)})
			if got := <-out; got != "{\"late\":1}\n" {
				t.Errorf("%q", got)
			}
			cancel()
			if err := <-result; err != nil {
				t.Error(err)
			}
			if left, _ := s.counts("results"); o.Keep != (left == 3) {
				t.Error(left, "left")
			}
		})
	}
}

// lines receives what is written.
type lines chan string

func (l lines) Write(p []byte) (int, error) {
	l <- string(p)
	return len(p), nil
}

// A reader that follows an empty queue and goes is not kept for ever, and stopping does not wait for it.
func TestFollowingAnEmptyQueue(t *testing.T) {
	c, client := startControl(t, newStore())
	ctx, cancel := context.WithCancel(t.Context())
	result := make(chan error, 1)
	go func() { result <- client.Read(ctx, "none", ReadOptions{Follow: true}, nil) }()
	until(t, "the reader", func() bool { return len(c.room) > 1 })
	cancel()
	<-result
	until(t, "its end", func() bool { return len(c.room) == 1 })
	go func() { result <- client.Read(context.Background(), "none", ReadOptions{Follow: true}, nil) }()
	until(t, "another", func() bool { return len(c.room) > 1 })
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	if err := <-result; Code(err) != 75 {
		t.Error(err)
	}
}

func TestEveryBodyIsALine(t *testing.T) {
	for in, want := range map[string]string{
		`{"a":1}`:                        `{"a":1}`,
		"{\r\n \"a\": \"x\\ny\",\n}":     `{"body":"{\r\n \"a\": \"x\\ny\",\n}"}`,
		"{\r\n\"a\": \"x\\ny\"\n}\n":     "{  \"a\": \"x\\ny\" } ",
		"{\"a\":\"\xff\"\n}":             "{\"a\":\"\xff\" }",
		"text\nof \"two\" lines":         `{"body":"text\nof \"two\" lines"}`,
		"[1]":                            `{"body":"[1]"}`,
		"":                               `{"body":""}`,
		"\xff\x00":                       `{"body-base64":"/wA="}`,
		"{\"a\":\"\u2028 stays as is\"}": "{\"a\":\"\u2028 stays as is\"}",
	} {
		if got := string(oneLine([]byte(in))); got != want {
			t.Errorf("%q: %q", in, got)
		}
	}
}

func TestPublishQueue(t *testing.T) {
	s := newStore()
	_, client := startControl(t, s)
	in := strings.Repeat("{\"recipient\":\"a@b.test\"}\r\n\n", 250) + ` {"last":"without end"}`
	n, err := PublishQueue(t.Context(), client, "inbox", strings.NewReader(in))
	if err != nil || n != 251 {
		t.Fatal(n, err)
	}
	q := s.Take("inbox", 1000)
	if len(q) != 251 || string(q[0].Body) != `{"recipient":"a@b.test"}` || string(q[250].Body) != `{"last":"without end"}` {
		t.Errorf("%d %q", len(q), q[len(q)-1].Body)
	}
}

func TestPublishRefusesBadLines(t *testing.T) {
	long := `{"x":"` + strings.Repeat("x", maxLine) + `"}`
	for in, text := range map[string]string{
		"{}\n{\n{}\n":     "line 2 is not a JSON object",
		"{}\n\n[1]\n":     "line 3 is not a JSON object",
		"{}\n{} {}\n":     "line 2 is not a JSON object",
		"{}\n" + long:     "line 2 is longer than",
		"{}\nhello":       "line 2 is not a JSON object",
		"{}\n{\"a\":1":    "line 2 is not a JSON object",
		"{}\n\x00\n":      "line 2 is not a JSON object",
		"{}\n\"{}\"\n{}":  "line 2 is not a JSON object",
		"{}\nnull\n{}\n":  "line 2 is not a JSON object",
		"{}\n{'a':1}\n{}": "line 2 is not a JSON object",
	} {
		s := newStore()
		n, err := PublishQueue(t.Context(), Embedded(s, 0), "inbox", strings.NewReader(in))
		if Code(err) != 65 || !strings.HasPrefix(err.Error(), text) {
			t.Errorf("%.30q: %v", in, err)
		}
		if all, _ := s.counts("inbox"); n != 1 || all != 1 {
			t.Errorf("%.30q: %d published, %d there", in, n, all)
		}
	}
}

// What is there is published before more input is waited for.
func TestPublishDoesNotWaitForABatch(t *testing.T) {
	s := newStore()
	r, w := io.Pipe()
	result := make(chan error, 1)
	go func() {
		_, err := PublishQueue(t.Context(), Embedded(s, 0), "inbox", r)
		result <- err
	}()
	fmt.Fprintln(w, `{"one":1}`)
	until(t, "the first message", func() bool { all, _ := s.counts("inbox"); return all == 1 })
	s.mu.Lock()
	s.fails = errors.New("no disk")
	s.mu.Unlock()
	fmt.Fprintln(w, `{"two":2}`)
	if err := <-result; Code(err) != 75 || err.Error() != "no disk" {
		t.Error(err)
	}
}

// A full disk takes no publishing, and what is there can be read.
func TestPublishWithoutRoom(t *testing.T) {
	s := newStore()
	lines := s.fill("results", 3)
	c, client := startControl(t, s)
	var full atomic.Bool
	c.opts.Room = func() error {
		if full.Load() {
			return errors.New("only 5 MB free at /state")
		}
		return nil
	}
	for _, short := range []bool{true, false} {
		full.Store(short)
		n, err := PublishQueue(t.Context(), client, "outbox", strings.NewReader(`{"mime":"`+strings.Repeat("x", 2<<20)+`"}`))
		if all, _ := s.counts("outbox"); all != n || short != (n == 0) {
			t.Errorf("%d published, %d there", n, all)
		}
		if short && (Code(err) != ExitTemporary || err.Error() != "nothing is published until there is space on the disk: only 5 MB free at /state") || !short && err != nil {
			t.Error(err)
		}
	}
	var out strings.Builder
	if err := ReadQueue(t.Context(), client, "results", "outbox", ReadOptions{}, &out); err != nil || strings.Count(out.String(), "\n") != len(lines) {
		t.Error(err, out.String())
	}
}

func TestWithoutEmbeddedQueues(t *testing.T) {
	c, err := NewControl(ControlOptions{Path: filepath.Join(folder(t), "c"), UID: -1, GID: -1})
	if err != nil {
		t.Fatal(err)
	}
	serve(t, c)
	client := NewClient(c.Path())
	_, err = client.List(t.Context())
	for _, err := range []error{err, client.Read(t.Context(), "x", ReadOptions{}, nil), client.Publish(t.Context(), "x", [][]byte{[]byte("{}")})} {
		if Code(err) != 64 || !strings.Contains(err.Error(), "on RabbitMQ") {
			t.Error(err)
		}
	}
}

func TestLargeBodies(t *testing.T) {
	s := newStore()
	_, client := startControl(t, s)
	big := []byte(`{"mime":"` + strings.Repeat("x", 6<<20) + `"}`)
	if err := client.Publish(t.Context(), "inbox", [][]byte{big, big, []byte("{}")}); err != nil {
		t.Fatal(err)
	}
	var sizes []int
	if err := client.Read(t.Context(), "inbox", ReadOptions{}, func(bodies [][]byte) error {
		sizes = append(sizes, len(bodies))
		return nil
	}); err != nil || !slices.Equal(sizes, []int{1, 1, 1}) {
		t.Error(err, sizes)
	}
}

// When removing fails, the messages are not given out again by this store, and the reader hears of it.
func TestRemovalFails(t *testing.T) {
	s := newStore()
	s.fill("results", 3)
	s.fails = errors.New("no disk")
	_, client := startControl(t, s)
	err := ReadQueue(t.Context(), client, "results", "outbox", ReadOptions{}, io.Discard)
	if Code(err) != 75 || err.Error() != "no disk" {
		t.Error(err)
	}
}
