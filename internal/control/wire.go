package control

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"
)

// Bounds of what is said on a socket.
const (
	maxRequest = 4 << 20 // bytes of a line of JSON
	maxAnswer  = 64 << 20
	maxBody    = 256 << 20 // bytes of one counted body, and of all bodies of a batch

	stall   = 30 * time.Second // longest wait for the next bytes of something that has begun
	perByte = time.Second / (4 << 10)
)

var (
	errTooLong = errors.New("a line is too long")
	errTooBig  = &Error{Exit: ExitData, Text: "message is too big"}
)

// wire is one connection, on either side.
type wire struct {
	conn net.Conn
	in   *bufio.Reader
	out  *bufio.Writer
	peer string // user name that the kernel gives; of a server only
	uid  int

	read     budget
	write    budget
	watching sync.WaitGroup // who waits for the other side to hang up
	undo     func() bool    // of a client: no more watching of its context
}

func newWire(c net.Conn) *wire {
	w := &wire{conn: c}
	w.in = bufio.NewReaderSize(reader{w}, 32<<10)
	w.out = bufio.NewWriterSize(writer{w}, 32<<10)
	return w
}

// budget is how long the bytes of one thing may take: a while for each step, and a least rate over all.
type budget struct {
	began time.Time
	bytes int64
	off   bool
}

// start is called when a new line or body is expected; wait says whether it may take for ever to begin.
func (b *budget) start(wait bool) { *b = budget{began: time.Now(), off: wait} }

// next is the deadline of the next step.
func (b *budget) next() time.Time {
	if b.off {
		return time.Time{}
	}
	step := time.Now().Add(stall)
	if all := b.began.Add(2*stall + time.Duration(b.bytes)*perByte); all.Before(step) {
		return all
	}
	return step
}

func (b *budget) count(n int) {
	if b.off && n > 0 {
		b.start(false)
	}
	b.bytes += int64(n)
}

type reader struct{ *wire }

func (r reader) Read(p []byte) (int, error) {
	if err := r.conn.SetReadDeadline(r.read.next()); err != nil {
		return 0, err
	}
	n, err := r.conn.Read(p)
	r.read.count(n)
	return n, err
}

type writer struct{ *wire }

// Write renews the deadline with every piece that the other side has taken.
func (w writer) Write(p []byte) (done int, err error) {
	for done < len(p) && err == nil {
		if err = w.conn.SetWriteDeadline(w.write.next()); err != nil {
			return done, err
		}
		var n int
		n, err = w.conn.Write(p[done:min(len(p), done+64<<10)])
		w.write.count(n)
		done += n
	}
	return done, err
}

// line reads one line, without its end. It is valid until the next read.
func (w *wire) line(limit int) ([]byte, error) {
	var long []byte
	for {
		part, err := w.in.ReadSlice('\n')
		if err == nil && long == nil {
			return part[:len(part)-1], nil
		}
		if len(long)+len(part) > limit {
			return nil, errTooLong
		}
		long = append(long, part...)
		if err == nil {
			return long[:len(long)-1], nil
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return nil, ended(err, len(long))
		}
	}
}

// ended tells a broken conversation from one that ended between two lines.
func ended(err error, read int) error {
	if errors.Is(err, io.EOF) && read > 0 {
		return io.ErrUnexpectedEOF
	}
	return err
}

func (w *wire) readJSON(into any, limit int) error {
	w.read.start(false)
	return w.decodeLine(into, limit)
}

// awaitJSON is for a line that the other side may take its time with.
func (w *wire) awaitJSON(into any, limit int) error {
	w.read.start(true)
	return w.decodeLine(into, limit)
}

func (w *wire) decodeLine(into any, limit int) error {
	line, err := w.line(limit)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(line, into); err != nil {
		return fmt.Errorf("not understood: %w", err)
	}
	return nil
}

// body reads n counted bytes. Memory grows with what comes, not with what is promised.
func (w *wire) body(n, limit int64) ([]byte, error) {
	if n < 0 || n > limit {
		return nil, errTooBig
	}
	w.read.start(false)
	b, err := io.ReadAll(io.LimitReader(w.in, n))
	if err == nil && int64(len(b)) < n {
		err = io.ErrUnexpectedEOF
	}
	return b, err
}

// bodies reads several counted bodies.
func (w *wire) bodies(sizes []int64) ([][]byte, error) {
	list := make([][]byte, 0, min(len(sizes), 1000))
	room := int64(maxBody)
	for _, n := range sizes {
		b, err := w.body(n, room)
		if err != nil {
			return nil, err
		}
		room -= n
		list = append(list, b)
	}
	return list, nil
}

func sizesOf(bodies [][]byte) []int64 {
	sizes := make([]int64, len(bodies))
	for i, b := range bodies {
		sizes[i] = int64(len(b))
	}
	return sizes
}

// send writes a line of JSON and bodies after it, and flushes.
func (w *wire) send(v any, bodies ...[]byte) error {
	line, err := json.Marshal(v)
	if err != nil {
		return err
	}
	w.write.start(false)
	w.out.Write(line)
	w.out.WriteByte('\n')
	for _, b := range bodies {
		w.out.Write(b)
	}
	return w.out.Flush()
}

// answer ends the conversation with a result or an error.
func (w *wire) answer(result any, err error) error {
	if err != nil {
		if sent := w.send(answer{Error: public(err)}); sent != nil {
			return sent
		}
		return err
	}
	text, err := json.Marshal(result)
	if err != nil {
		return w.answer(nil, err)
	}
	return w.send(answer{Result: text})
}

// close hangs up, and waits for who watches.
func (w *wire) close() {
	if w.undo != nil {
		w.undo()
	}
	_ = w.conn.Close()
	w.watching.Wait()
}

// errGone is the cause when the other side gave up.
var errGone = errors.New("the caller hung up")

// untilGone is a context that ends when the other side hangs up, or closes its half. Nothing more may be read from w after it.
func (w *wire) untilGone(ctx context.Context) context.Context {
	ctx, cancel := context.WithCancelCause(ctx)
	w.read.start(true)
	w.watching.Go(func() {
		defer cancel(errGone)
		_, _ = w.in.Discard(1)
	})
	return ctx
}
