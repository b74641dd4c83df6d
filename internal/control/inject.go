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
	byUser map[int]int // connections
}

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
	i := &Inject{opts: o, slots: make(chan struct{}, o.Messages), byUser: map[int]int{}}
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
	if !i.enter(w.uid) {
		return w.answer(nil, &Error{Exit: ExitTemporary, Text: "too many messages at once from user " + w.peer + ", try again later"})
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
	return w.answer(nil, i.take(ctx, w, &r.Args))
}

func (i *Inject) enter(uid int) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	if uid != 0 && i.byUser[uid] >= max(1, i.opts.Connections/2) {
		return false
	}
	i.byUser[uid]++
	return true
}

func (i *Inject) leave(uid int) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.byUser[uid]--; i.byUser[uid] == 0 {
		delete(i.byUser, uid)
	}
}

func (i *Inject) take(ctx context.Context, w *wire, r *submission) error {
	if r.Size > i.opts.MaxSize {
		return &mail.Error{Code: 552, Status: "5.3.4", Text: "Message is too big"}
	}
	s, err := r.submission(i.opts.Loose)
	if err != nil {
		return err
	}
	select {
	case i.slots <- struct{}{}:
		defer func() { <-i.slots }()
	case <-ctx.Done():
		return ctx.Err()
	}
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
