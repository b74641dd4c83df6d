package amqp

import (
	"bufio"
	"net"
	"sync"
	"time"
)

const (
	wireBuffer = 256 << 10              // bytes that may wait for the socket before Write blocks
	wireReads  = 64 << 10               // bytes of one read: the library asks for 4 KB at a time
	wireLinger = 300 * time.Millisecond // for what is under way when a wire is closed
)

// wire is the connection below the library. Its Write only collects; one goroutine writes to the socket what has gathered
// meanwhile, so that many small frames become one system call and a broker that stops reading holds up nobody until the
// buffer is full. Close and kill release every Write that waits.
type wire struct {
	net.Conn
	in      *bufio.Reader // of the one goroutine that reads
	mu      sync.Mutex
	more    sync.Cond // something to write, or the end
	room    sync.Cond // the buffer was taken, or the end
	pending []byte
	closing bool
	err     error
}

func newWire(c net.Conn) *wire {
	w := &wire{Conn: c, in: bufio.NewReaderSize(c, wireReads)}
	w.more.L, w.room.L = &w.mu, &w.mu
	go w.run()
	return w
}

func (w *wire) Read(p []byte) (int, error) { return w.in.Read(p) }

// Write takes p over. An error of the socket is told to a later call.
func (w *wire) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for len(w.pending) >= wireBuffer && w.err == nil && !w.closing {
		w.room.Wait()
	}
	if w.err != nil {
		return 0, w.err
	}
	if w.closing {
		return 0, net.ErrClosed
	}
	w.pending = append(w.pending, p...)
	w.more.Signal()
	return len(p), nil
}

func (w *wire) run() {
	defer func() { _ = w.Conn.Close() }()
	var buffer []byte
	for {
		var ok bool
		if buffer, ok = w.take(buffer); !ok {
			return
		}
		if _, err := w.Conn.Write(buffer); err != nil {
			w.fail(err)
			return
		}
	}
}

// take waits for something to write and leaves the spare buffer in exchange.
func (w *wire) take(spare []byte) ([]byte, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for len(w.pending) == 0 && !w.closing && w.err == nil {
		w.more.Wait()
	}
	if len(w.pending) == 0 || w.err != nil {
		return nil, false
	}
	full := w.pending
	w.pending = spare[:0]
	w.room.Broadcast()
	return full, true
}

func (w *wire) fail(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err == nil {
		w.err = err
	}
	w.more.Broadcast()
	w.room.Broadcast()
}

// Close lets the socket take what is pending for a moment, then closes it. It does not wait for that.
func (w *wire) Close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.closing {
		w.closing = true
		_ = w.SetWriteDeadline(time.Now().Add(wireLinger))
		w.more.Broadcast()
		w.room.Broadcast()
	}
	return nil
}

// kill closes the socket at once.
func (w *wire) kill() {
	w.fail(net.ErrClosed)
	_ = w.Conn.Close()
}
