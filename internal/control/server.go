package control

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"runtime/debug"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// server accepts connections on one socket, a bounded number at a time: those beyond it wait in the kernel's backlog.
type server struct {
	o        serverOptions
	listener net.Listener
	made     os.FileInfo // the socket as it was made
	room     chan struct{}
	names    names

	ctx     context.Context
	cancel  context.CancelFunc
	gate    sync.Mutex // between start and stop
	running sync.WaitGroup
}

type serverOptions struct {
	path        string
	mode        fs.FileMode
	uid, gid    int
	connections int
	log         *slog.Logger
	talk        func(context.Context, *wire) error
}

func newServer(o serverOptions) (*server, error) {
	if o.connections <= 0 {
		o.connections = 32
	}
	if o.log == nil {
		o.log = slog.Default()
	}
	l, made, err := listen(o.path, o.mode, o.uid, o.gid)
	if err != nil {
		return nil, err
	}
	s := &server{o: o, listener: l, made: made, room: make(chan struct{}, o.connections)}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	return s, nil
}

// Path is where the socket is.
func (s *server) Path() string { return s.o.path }

// Serve accepts until ctx ends or Close is called; then it hangs up on everybody, waits, and removes the socket. It returns
// nil then, and an error when the socket can no longer be listened on.
func (s *server) Serve(ctx context.Context) error {
	defer context.AfterFunc(ctx, s.stop)()
	defer s.Close()
	for {
		select {
		case s.room <- struct{}{}:
		case <-s.ctx.Done():
			return nil
		}
		c, err := s.accept()
		if err != nil {
			if s.ctx.Err() != nil {
				return nil
			}
			return err
		}
		if !s.start(c) {
			return nil
		}
	}
}

// start serves a connection, unless the server has been stopped.
func (s *server) start(c net.Conn) bool {
	s.gate.Lock()
	defer s.gate.Unlock()
	if s.ctx.Err() != nil {
		c.Close()
		return false
	}
	s.running.Go(func() {
		defer func() { <-s.room }()
		s.serve(c)
	})
	return true
}

// accept waits out a lack of file handles or memory, which ends (F29).
func (s *server) accept() (net.Conn, error) {
	for {
		c, err := s.listener.Accept()
		if err == nil || !passes(err) {
			return c, err
		}
		s.o.log.Warn("a connection to the socket could not be accepted", "socket", s.o.path, "error", err)
		select {
		case <-time.After(time.Second):
		case <-s.ctx.Done():
			return nil, s.ctx.Err()
		}
	}
}

func passes(err error) bool {
	for _, e := range []error{unix.EMFILE, unix.ENFILE, unix.ENOBUFS, unix.ENOMEM, unix.ECONNABORTED} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

func (s *server) serve(c net.Conn) {
	w := newWire(c)
	defer w.close()
	defer context.AfterFunc(s.ctx, func() { c.Close() })()
	uid, err := peer(c)
	if err != nil {
		s.o.log.Warn("a caller of the socket is not known", "socket", s.o.path, "error", err)
		return
	}
	w.uid, w.peer = uid, s.names.of(uid)
	if err := s.talk(w); err != nil && !errors.Is(err, io.EOF) {
		// The caller knows; a log that every local user can fill is no good.
		s.o.log.Debug("a command was not carried out", "socket", s.o.path, "user", w.peer, "error", err)
	}
}

// talk holds the conversation. A panic ends it and nothing else.
func (s *server) talk(w *wire) (err error) {
	defer func() {
		if v := recover(); v != nil {
			s.o.log.Error("the program failed at a command", "socket", s.o.path, "user", w.peer, "error", v, "stack", string(debug.Stack()))
			err = w.answer(nil, &Error{Exit: ExitTemporary, Text: "the daemon failed at this command"})
		}
	}()
	return s.o.talk(s.ctx, w)
}

func (s *server) stop() {
	s.gate.Lock()
	defer s.gate.Unlock()
	s.cancel()
	s.listener.Close()
}

// Close stops serving, waits for the connections and removes the socket, unless another stands in its place. It may be called
// more than once.
func (s *server) Close() error {
	s.stop()
	s.running.Wait()
	s.gate.Lock()
	defer s.gate.Unlock()
	if now, err := os.Lstat(s.o.path); err == nil && os.SameFile(now, s.made) {
		return os.Remove(s.o.path)
	}
	return nil
}
