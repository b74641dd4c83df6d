package smtpd

import (
	"context"
	"io"
	"net"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"posthoorn/internal/broker"
	"posthoorn/internal/inject"
)

// heapBroker forgets what is published and remembers how much memory was in use then.
type heapBroker struct {
	messages int
	bytes    int
	heap     uint64
}

func (h *heapBroker) Send(_ context.Context, ps []broker.Publishing, done broker.Done) {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	for _, p := range ps {
		h.messages++
		h.bytes += len(p.Body)
	}
	h.heap = max(h.heap, m.HeapAlloc)
	done(nil)
}

// largeSize is 100 MB, the limit, in soak runs.
var largeSize = 10 << 20

// TestALargeMessage: in one piece and in chunks, it takes no more memory than its buffer and one JSON object, and gives that back.
func TestALargeMessage(t *testing.T) {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	before := int(m.HeapAlloc)
	line := strings.Repeat("x", 78) + "\r\n"
	block := strings.Repeat(line, 1<<20/len(line))
	header := "A: b\r\n\r\n"
	blocks := (largeSize - len(header)) / len(block)
	total := len(header) + blocks*len(block)
	for _, way := range []string{"DATA", "one chunk", "many chunks"} {
		b := &heapBroker{}
		s, _ := pipeServer(t, func(_ *Options, io *inject.Options) { io.Sender = b })
		c := s.pipe(t)
		c.want("220")
		go upload(c.Conn, way, header, block, blocks)
		if way == "DATA" {
			c.want("250", "250", "250", "354", "250", "221")
		} else {
			c.want("250", "250", "250")
			for range map[string]int{"one chunk": 1, "many chunks": blocks + 2}[way] - 1 {
				c.want("250 2.0.0")
			}
			c.want("250", "221")
		}
		_ = c.Close()
		s.stopNow()
		if b.messages != 1 || b.bytes < total || b.heap > uint64(5*largeSize+before) {
			t.Errorf("%s: %d messages of %d bytes, %d MB in use", way, b.messages, b.bytes, b.heap>>20)
		}
		if n := s.memory.Load(); n != 0 {
			t.Errorf("%s: %d bytes are still reserved", way, n)
		}
	}
}

func upload(c net.Conn, way, header, block string, blocks int) {
	_, _ = io.WriteString(c, envelope)
	put := func(text string) { _, _ = io.WriteString(c, text) }
	switch way {
	case "DATA":
		put("DATA\r\n")
	case "one chunk":
		put("BDAT " + strconv.Itoa(len(header)+blocks*len(block)) + " LAST\r\n")
	}
	for i := -1; i < blocks; i++ {
		text := block
		if i < 0 {
			text = header
		}
		if way == "many chunks" {
			put("BDAT " + strconv.Itoa(len(text)) + "\r\n")
		}
		put(text)
	}
	switch way {
	case "DATA":
		put(".\r\n")
	case "many chunks":
		put("BDAT 0 LAST\r\n")
	}
	put("QUIT\r\n")
}
