// Package control is the way from the command line to the running daemon: two Unix sockets beside the lock file
// (operations.md section 8). The inject socket is open to every local user, takes messages and nothing else, and believes the
// kernel alone about who is calling (SO_PEERCRED). The control socket is for who may open its file: queues, and whatever
// else is registered by name.
//
// The package has both ends: [Inject] and [Control] are the servers, [Client] and [Submit] what a command calls, and
// [ListQueues], [ReadQueue] and [PublishQueue] are the queue commands between any [Queues] and the standard streams.
//
// What it promises: a message handed in is durable when Submit returns nil; a message read from a queue is removed only after
// the reader has said that it was written, so a reader that dies loses nothing and may see a few again; a socket never
// exists under its name with a wider mode than it should have; everything a client sends is bounded in size and in time,
// and deadlines move on progress alone.
//
// A conversation is lines of JSON, each bounded, with bodies as counted bytes between them:
//
//	→ {"command":"queue list","args":{…}}     ← {"result":…} or {"error":{"exit":75,"text":"…"}}
//
// before which a long command sends {"progress":123} now and then. A client that closes its side of the connection gives the
// command up and still hears how far it came.
//
// [HandleOperator] and [Operate] are the two ends of the operator's commands. What strangers wrote (answers of servers, names)
// is printed with everything escaped that a terminal would obey.
//
// It keeps no RFC. Until Close, each server runs one goroutine that accepts and one for every connection; while a command is
// carried out there is one that hears its caller hang up, and one that tells of progress.
package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"time"
)

// Handler answers a command of the control socket. What it returns is sent as JSON; an *Error goes to the caller as it is,
// a *mail.Error with its public text, anything else as text with exit code 75.
type Handler func(ctx context.Context, args json.RawMessage) (any, error)

// ControlOptions of a control server. Path is needed.
type ControlOptions struct {
	Path        string
	UID, GID    int           // owner of the socket; where nothing is to be changed: -1
	Queues      Queues        // the embedded queue; nil: queue commands are answered with exit code 64
	Outbox      string        // the queue that is read only with Keep or Force
	Room        func() error  // an error while the disk is too full for publishings into Queues, asked before each; nil: always room
	Connections int           // at a time; 0: 32
	Pace        time.Duration // between two reports of how far a long command has come; 0: half a second
	Log         *slog.Logger
}

// Control serves the control socket.
type Control struct {
	opts ControlOptions
	*server

	mu       sync.Mutex
	handlers map[string]longHandler
}

// NewControl makes the socket, with mode 0660, and is ready to serve. The caller holds the lock of the instance: what is left
// of an earlier one is replaced. Handlers are registered before Serve or at any time after.
func NewControl(o ControlOptions) (*Control, error) {
	c := &Control{opts: o, handlers: map[string]longHandler{}}
	s, err := newServer(serverOptions{
		path: o.Path, mode: 0o660, uid: o.UID, gid: o.GID,
		connections: o.Connections, log: o.Log, talk: c.talk,
	})
	c.server = s
	return c, err
}

// Handle registers a command. The last registration of a name counts.
func (c *Control) Handle(name string, h Handler) {
	c.handleLong(name, func(ctx context.Context, args json.RawMessage, _ func(int)) (any, error) { return h(ctx, args) })
}

// longHandler is one that says how far it has come: progress may be called often, it never waits.
type longHandler func(ctx context.Context, args json.RawMessage, progress func(int)) (any, error)

func (c *Control) handleLong(name string, h longHandler) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.handlers[name] = h
}

func (c *Control) handler(name string) longHandler {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.handlers[name]
}

// request is the first line of a conversation.
type request struct {
	Command string          `json:"command"`
	Args    json.RawMessage `json:"args,omitempty"`
}

// answer ends a conversation, unless it tells of progress alone.
type answer struct {
	Result   json.RawMessage `json:"result,omitempty"`
	Error    *Error          `json:"error,omitempty"`
	Progress *int            `json:"progress,omitempty"`
}

// talk answers the one request of a connection.
func (c *Control) talk(ctx context.Context, w *wire) error {
	var r request
	if err := w.readJSON(&r, maxRequest); err != nil {
		return err
	}
	switch r.Command {
	case cmdList:
		return w.answer(c.list(ctx))
	case cmdRead:
		return w.answer(nil, c.read(ctx, w, r.Args))
	case cmdPublish:
		return w.answer(nil, c.publish(ctx, w, r.Args))
	}
	h := c.handler(r.Command)
	if h == nil {
		return w.answer(nil, usage("the daemon does not know the command %.60q", r.Command))
	}
	result, err := c.carryOut(ctx, w, h, r.Args)
	err = w.answer(result, err)
	if f, ok := result.(finisher); ok {
		f.finish()
	}
	return err
}

// callerKey is where the context of a command has the name of its caller.
type callerKey struct{}

// caller is who is on the other side, by the kernel's word.
func (w *wire) caller() string {
	if w.peer == strconv.Itoa(w.uid) { // it has no name
		return fmt.Sprintf("command line (uid %d)", w.uid)
	}
	return fmt.Sprintf("command line (uid %d / %s)", w.uid, w.peer)
}

// finisher is a result with something to do when it was sent, or could not be.
type finisher interface{ finish() }

func (c *Control) carryOut(ctx context.Context, w *wire, h longHandler, args json.RawMessage) (any, error) {
	reports := newReports(w, c.opts.Pace)
	defer reports.end()
	ctx = context.WithValue(w.untilGone(ctx), callerKey{}, w.caller())
	result, err := h(ctx, args, reports.count)
	if errors.Is(err, context.Canceled) && errors.Is(context.Cause(ctx), errGone) {
		err = &Error{Exit: ExitTemporary, Text: "given up", cause: err}
	}
	return result, err
}
