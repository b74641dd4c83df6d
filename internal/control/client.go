package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"syscall"
	"time"

	"posthoorn/internal/inject"
)

// Client speaks to the control socket of a daemon. Each call is a connection of its own; a Client may be used by many
// goroutines. It is a Queues: those of the embedded queue. Errors of the daemon and of the way to it are of type *Error; that of
// a socket on which nobody listens has exit code 75 and is ErrNoDaemon.
type Client struct{ path string }

// NewClient makes a client for a socket. It does not connect yet.
func NewClient(path string) *Client { return &Client{path: path} }

// Call sends a command and reads its result into result, which may be nil. It waits until the daemon answers or ctx ends.
func (c *Client) Call(ctx context.Context, command string, args, result any) error {
	w, err := dial(ctx, c.path)
	if err != nil {
		return err
	}
	defer w.close()
	if err := w.request(command, args); err != nil {
		return w.broken(ctx, err)
	}
	return w.result(ctx, result, nil)
}

// patience is how long a daemon may take to end a command that was given up.
const patience = 20 * time.Second

// run is Call for what takes its time. The daemon tells how far it has come; when ctx ends, it is asked to stop, and its answer
// is waited for as long as patience allows.
func (c *Client) run(ctx context.Context, command string, args, result any, progress func(int)) error {
	w, err := dial(ctx, c.path)
	if err != nil {
		return err
	}
	w.undo()
	waiting, give := context.WithCancel(context.WithoutCancel(ctx))
	w.undo = context.AfterFunc(waiting, func() { _ = w.conn.Close() })
	defer give()
	defer w.close()
	defer context.AfterFunc(ctx, func() {
		_ = w.conn.(*net.UnixConn).CloseWrite()
		select {
		case <-time.After(patience):
			give()
		case <-waiting.Done():
		}
	})()
	if err := w.request(command, args); err != nil {
		return w.broken(ctx, err)
	}
	return w.result(ctx, result, progress)
}

// List is queue list.
func (c *Client) List(ctx context.Context) (list []QueueInfo, err error) {
	err = c.Call(ctx, cmdList, nil, &list)
	return list, err
}

// Read is queue read.
func (c *Client) Read(ctx context.Context, queue string, o ReadOptions, write func([][]byte) error) error {
	w, err := dial(ctx, c.path)
	if err != nil {
		return err
	}
	defer w.close()
	if err := w.request(cmdRead, readRequest{queue, o}); err != nil {
		return w.broken(ctx, err)
	}
	for written := 0; ; {
		var b batch
		if err := w.awaitJSON(&b, maxAnswer); err != nil {
			return w.broken(ctx, err)
		}
		if len(b.Sizes) == 0 {
			return b.into(nil)
		}
		bodies, err := w.bodies(b.Sizes)
		if err != nil {
			return w.broken(ctx, err)
		}
		if err := write(bodies); err != nil {
			return err
		}
		written += len(bodies)
		if err := w.send(ack{written}); err != nil {
			return w.broken(ctx, err)
		}
	}
}

// Publish is queue publish.
func (c *Client) Publish(ctx context.Context, queue string, bodies [][]byte) error {
	w, err := dial(ctx, c.path)
	if err != nil {
		return err
	}
	defer w.close()
	return w.deliver(ctx, cmdPublish, publishRequest{queue, sizesOf(bodies)}, bodies...)
}

// Submit hands a message to the daemon that serves the inject socket at path. It returns nil when the message is durable for
// every recipient. Of s it sends From, Recipients, HeaderRecipients and Source, of its Origin, an *inject.CLI, Command and
// Arguments; x-mq headers are always extracted, and the user is whom the kernel names. Errors are as those of a Client.
func Submit(ctx context.Context, path string, s inject.Submission) error {
	w, err := dial(ctx, path)
	if err != nil {
		return err
	}
	defer w.close()
	r := submission{From: s.From.String(), HeaderRecipients: s.HeaderRecipients, Size: int64(len(s.Source))}
	for _, to := range s.Recipients {
		r.Recipients = append(r.Recipients, to.To.String())
	}
	if cli, ok := s.Origin.(*inject.CLI); ok {
		r.Command, r.Arguments = cli.Command, cli.Arguments
	}
	return w.deliver(ctx, cmdInject, r, s.Source)
}

func dial(ctx context.Context, path string) (*wire, error) {
	c, err := new(net.Dialer).DialContext(ctx, "unix", path)
	switch {
	case err == nil:
		w := newWire(c)
		w.undo = context.AfterFunc(ctx, func() { c.Close() })
		return w, nil
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED):
		return nil, &Error{Exit: ExitTemporary, Text: ErrNoDaemon.Error() + ": nobody listens on " + path, cause: ErrNoDaemon}
	case errors.Is(err, fs.ErrPermission):
		return nil, &Error{Exit: ExitUsage, Text: "this user may not open " + path, cause: err}
	}
	return nil, temporary(err, "the daemon cannot be reached")
}

func (w *wire) request(command string, args any) error {
	text, err := json.Marshal(args)
	if err != nil {
		return err
	}
	return w.send(request{Command: command, Args: text})
}

// deliver sends a request with bodies and waits for the answer. A daemon that refuses does so before it has read them all: its
// answer is there although writing failed.
func (w *wire) deliver(ctx context.Context, command string, args any, bodies ...[]byte) error {
	text, err := json.Marshal(args)
	if err != nil {
		return err
	}
	sent := w.send(request{Command: command, Args: text}, bodies...)
	err = w.result(ctx, nil, nil)
	var e *Error
	if sent != nil && !(errors.As(err, &e) && e.cause == nil) {
		return w.broken(ctx, sent)
	}
	return err
}

// result reads the answer that ends the conversation, and what is told before it.
func (w *wire) result(ctx context.Context, into any, progress func(int)) error {
	for {
		var a answer
		if err := w.awaitJSON(&a, maxAnswer); err != nil {
			return w.broken(ctx, err)
		}
		if a.Progress == nil {
			return a.into(into)
		}
		if progress != nil {
			progress(*a.Progress)
		}
	}
}

func (a *answer) into(result any) error {
	if a.Error != nil {
		return a.Error
	}
	if result == nil {
		return nil
	}
	if err := json.Unmarshal(a.Result, result); err != nil {
		return fmt.Errorf("the daemon's answer is not understood: %w", err)
	}
	return nil
}

// broken is a conversation that ended too early: what the caller gave up, or the daemon.
func (w *wire) broken(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return temporary(err, "the daemon did not answer")
}
