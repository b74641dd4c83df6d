package control

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"posthoorn/internal/inject"
	"posthoorn/internal/mail"
)

// Door is where messages go; *inject.Door is one.
type Door interface {
	Accept(ctx context.Context, s inject.Submission) ([]string, error)
}

// InjectOptions of an inject server. Path and Door are needed.
type InjectOptions struct {
	Path        string
	Door        Door
	MaxSize     int64 // bytes of a source; 0: 256 MiB
	Loose       bool  // addresses need not be strictly valid
	Connections int   // at a time; 0: 64
	Messages    int   // in memory at a time, half of them at most from one user; 0: 10
	Log         *slog.Logger
}

// Inject serves the inject socket.
type Inject struct {
	opts InjectOptions
	*server
	slots chan struct{}

	mu     sync.Mutex
	byUser map[int]*caller
}

// caller is a user who is connected.
type caller struct {
	connections int
	slots       chan struct{} // of the slots, those that the user holds
}

// slotWait is how long a message may wait for room in memory.
const slotWait = 30 * time.Second

// NewInject makes the socket, with mode 0666, and is ready to serve. What is left of an earlier one is replaced, so the caller
// holds the lock of the instance.
func NewInject(o InjectOptions) (*Inject, error) {
	if o.MaxSize <= 0 || o.MaxSize > maxBody {
		o.MaxSize = maxBody
	}
	if o.Connections <= 0 {
		o.Connections = 64
	}
	if o.Messages <= 0 {
		o.Messages = 10
	}
	i := &Inject{opts: o, slots: make(chan struct{}, o.Messages), byUser: map[int]*caller{}}
	s, err := newServer(serverOptions{
		path: o.Path, mode: 0o666, uid: -1, gid: -1, connections: o.Connections, log: o.Log, talk: i.talk,
	})
	i.server = s
	return i, err
}

const cmdInject = "inject"

// submission is what a message needs beside its source, whose bytes follow the line.
type submission struct {
	From             string   `json:"from,omitempty"`
	Recipients       []string `json:"recipients,omitempty"`
	HeaderRecipients bool     `json:"header-recipients,omitempty"`
	Command          string   `json:"cli-command"`
	Arguments        []string `json:"arguments"`
	Size             int64    `json:"size"`
}

// talk takes one message. The user may not hold more than half of the room, so that nobody shuts the others out.
func (i *Inject) talk(ctx context.Context, w *wire) error {
	u := i.enter(w.uid)
	if u == nil {
		return w.answer(nil, busy(w.peer))
	}
	defer i.leave(w.uid)
	var r struct {
		Command string     `json:"command"`
		Args    submission `json:"args"`
	}
	if err := w.readJSON(&r, maxRequest); err != nil {
		return err
	}
	if r.Command != cmdInject {
		return w.answer(nil, usage("this socket takes messages and nothing else"))
	}
	return w.answer(nil, i.take(ctx, w, u, &r.Args))
}

func busy(name string) error {
	return &Error{Exit: ExitTemporary, Text: "too many messages at once from user " + name + ", try again later"}
}

// enter counts a connection; nil where the user has too many.
func (i *Inject) enter(uid int) *caller {
	i.mu.Lock()
	defer i.mu.Unlock()
	u := i.byUser[uid]
	if u == nil {
		u = &caller{slots: make(chan struct{}, share(uid, i.opts.Messages))}
		i.byUser[uid] = u
	}
	if u.connections >= share(uid, i.opts.Connections) {
		return nil
	}
	u.connections++
	return u
}

// share is how much of the room one user may have: half, and all of it the superuser.
func share(uid, room int) int {
	if uid == 0 {
		return room
	}
	return max(1, room/2)
}

func (i *Inject) leave(uid int) {
	i.mu.Lock()
	defer i.mu.Unlock()
	u := i.byUser[uid]
	if u.connections--; u.connections == 0 {
		delete(i.byUser, uid)
	}
}

// hold waits for a slot among those of the user and then among all.
func (i *Inject) hold(ctx context.Context, u *caller, name string) (release func(), err error) {
	limit := time.NewTimer(slotWait)
	defer limit.Stop()
	for n, slots := range []chan struct{}{u.slots, i.slots} {
		select {
		case slots <- struct{}{}:
			continue
		case <-limit.C:
			err = busy(name)
			if n > 0 {
				err = &Error{Exit: ExitTemporary, Text: "too many messages at once, try again later"}
			}
		case <-ctx.Done():
			err = ctx.Err()
		}
		if n > 0 {
			<-u.slots
		}
		return nil, err
	}
	return func() { <-i.slots; <-u.slots }, nil
}

func (i *Inject) take(ctx context.Context, w *wire, u *caller, r *submission) error {
	if r.Size > i.opts.MaxSize {
		return &mail.Error{Code: 552, Status: "5.3.4", Text: "Message is too big"}
	}
	s, err := r.submission(i.opts.Loose)
	if err != nil {
		return err
	}
	release, err := i.hold(ctx, u, w.peer)
	if err != nil {
		return err
	}
	defer release()
	if s.Source, err = w.body(r.Size, i.opts.MaxSize); err != nil {
		return fmt.Errorf("the message did not arrive whole: %w", err)
	}
	s.Origin = &inject.CLI{Command: r.Command, Arguments: r.Arguments, User: w.peer}
	s.Received = time.Now()
	_, err = i.opts.Door.Accept(ctx, s)
	return err
}

func (r *submission) submission(loose bool) (s inject.Submission, err error) {
	s = inject.Submission{HeaderRecipients: r.HeaderRecipients, Extract: true}
	if r.From != "" {
		if s.From, err = mail.ParseAddress(r.From, loose); err != nil {
			return s, badData("envelope address %.100q: %v", r.From, err)
		}
	}
	seen := make(map[string]bool, len(r.Recipients))
	for _, text := range r.Recipients {
		a, err := mail.ParseAddress(text, loose)
		if err != nil {
			return s, badData("recipient %.100q: %v", text, err)
		}
		if key := a.String(); !seen[key] {
			seen[key] = true
			s.Recipients = append(s.Recipients, inject.Recipient{To: a})
		}
	}
	return s, nil
}
