package console

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/coder/websocket"
)

var errNotKnown = errors.New("the session has ended")

const (
	socketWrite  = 5 * time.Second  // that a message may take: who reads more slowly is cut off
	socketPing   = 20 * time.Second // between two questions whether somebody is still there
	socketBuffer = 64 << 10         // bytes in the kernel for one viewer
	socketRead   = 4 << 10          // bytes that a viewer may send at a time; they mean nothing
)

// socket is an open websocket. One goroutine writes to it.
type socket struct {
	*websocket.Conn
	ctx    context.Context // ends when the viewer is gone, or may not look on any more
	caller *caller
}

// watch opens a websocket and has show write to it until the viewer is gone. The origin was looked at before.
func (s *Server) watch(c *call, view string, show func(*socket) error) {
	if !s.enter() {
		deny(http.StatusServiceUnavailable, "the console is being stopped").send(c.w)
		return
	}
	defer s.sockets.Done()
	if !strings.EqualFold(c.Header.Get("Upgrade"), "websocket") {
		c.w.Header().Set("Upgrade", "websocket")
		c.w.Header().Set("Connection", "Upgrade")
		deny(http.StatusUpgradeRequired, "this is a websocket: a client of such is needed").send(c.w)
		return
	}
	if g := guestOf(c.Context()); g != nil {
		if tcp, ok := g.Conn.(*net.TCPConn); ok {
			_ = tcp.SetWriteBuffer(socketBuffer)
		}
	}
	conn, err := websocket.Accept(c.w, c.Request, &websocket.AcceptOptions{InsecureSkipVerify: true, CompressionMode: websocket.CompressionDisabled})
	if err != nil {
		return // the answer is on its way
	}
	defer conn.CloseNow()
	s.meters.viewers.WithLabelValues(view).Inc()
	defer s.meters.viewers.WithLabelValues(view).Dec()
	conn.SetReadLimit(socketRead)
	ctx, cancel := context.WithCancel(c.Context())
	defer cancel()
	if one := c.caller.session; one != nil {
		defer context.AfterFunc(one.ctx, cancel)()
	}
	if show(&socket{conn, conn.CloseRead(ctx), &c.caller}) == nil {
		_ = conn.Close(websocket.StatusNormalClosure, "")
	}
}

// enter counts a websocket in, unless the console is being stopped.
func (s *Server) enter() bool {
	s.gate.Lock()
	defer s.gate.Unlock()
	if s.ctx.Err() != nil {
		return false
	}
	s.sockets.Add(1)
	return true
}

// send writes a message. An error ends the websocket.
func (k *socket) send(message any) error {
	text, err := json.Marshal(message)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(k.ctx, socketWrite)
	defer cancel()
	return k.Write(ctx, websocket.MessageText, text)
}

// mayStay is an error when who looks on is gone, or has no right to any more.
func (s *Server) mayStay(k *socket) error {
	if !s.stillKnown(k.caller) {
		return errNotKnown
	}
	ctx, cancel := context.WithTimeout(k.ctx, socketWrite)
	defer cancel()
	return k.Ping(ctx)
}
