package smtp

import (
	"bytes"
	"errors"
)

// Why the content of a message is dropped while its bytes are still read, so that the dialogue stays in step.
var (
	ErrContentSize = errors.New("content is larger than the limit")
	ErrContentRoom = errors.New("no room for the content")
)

// firstRead is how much a Content reads at first; later it doubles.
const firstRead = 16 << 10

// Content gathers the content of one message, from DATA or from BDAT. Bytes come from the socket straight into its buffer,
// and dots are unstuffed there: nothing is copied but what stands behind a dot that was removed. The zero value is ready; Reset
// makes it ready again and keeps the buffer.
//
// The end of DATA is CR LF . CR LF and nothing else. Whatever looks like it, with a bare CR, a bare LF or other bytes in
// between, is content and stays in it as it came. (The one look-alike that counts is the real thing: in CR CR LF . CR LF the
// last five bytes are the end.)
type Content struct {
	Limit   int64            // most bytes of content; 0: no limit
	Reserve func(n int) bool // asked before n more bytes of memory are taken; nil: always yes

	buf       []byte // [:done] is content, [raw:] was read and not looked at
	done, raw int
	inLine    bool // the next byte is not the first of a line
	fault     error
	dropped   int64
}

// Reset forgets the content. The memory stays, up to keep bytes.
func (c *Content) Reset(keep int) {
	if cap(c.buf) > keep {
		c.buf = nil
	}
	c.buf = c.buf[:0]
	c.done, c.raw, c.inLine, c.fault, c.dropped = 0, 0, false, nil, 0
}

// Bytes is the content. It is valid until Reset.
func (c *Content) Bytes() []byte { return c.buf[:c.done] }

// Err says why the content is not there.
func (c *Content) Err() error { return c.fault }

// Held is how many bytes of memory the content takes.
func (c *Content) Held() int { return cap(c.buf) }

// Dropped is how many bytes have been read of content that was given up; 0 while it is not.
func (c *Content) Dropped() int64 {
	if c.fault == nil {
		return 0
	}
	return c.dropped + int64(c.done)
}

// Drop gives the content up: what comes is read and forgotten.
func (c *Content) Drop(why error) {
	if c.fault == nil {
		c.fault = why
	}
}

// space is where the next bytes may be read to.
func (c *Content) space() []byte {
	if c.fault != nil {
		c.forget()
	}
	if free := cap(c.buf) - len(c.buf); free < 512 {
		more := max(firstRead, cap(c.buf))
		if c.Reserve != nil && c.fault == nil && !c.Reserve(more) {
			c.Drop(ErrContentRoom)
			return c.space()
		}
		grown := make([]byte, len(c.buf), cap(c.buf)+more)
		copy(grown, c.buf)
		c.buf = grown
	}
	return c.buf[len(c.buf):cap(c.buf)]
}

// forget leaves the last byte of the content (it may be a CR) and what was not looked at.
func (c *Content) forget() {
	keep := min(c.done, 1)
	c.dropped += int64(c.done - keep)
	copy(c.buf, c.buf[c.done-keep:c.done])
	n := copy(c.buf[keep:], c.buf[c.raw:])
	c.buf = c.buf[:keep+n]
	c.done, c.raw = keep, keep
}

// advance looks at n new bytes of DATA and says whether the end of the data was among them.
func (c *Content) advance(n int) bool {
	c.buf = c.buf[:len(c.buf)+n]
	for c.raw < len(c.buf) {
		if !c.inLine && c.buf[c.raw] == '.' {
			if end, more := c.atDot(); end || more {
				return end
			}
		}
		rest := c.buf[c.raw:]
		line := bytes.IndexByte(rest, '\n') + 1
		if line == 0 {
			line = len(rest)
		}
		c.keep(line)
	}
	c.check()
	return false
}

// atDot looks at a line that starts with a dot: it is the end of the data, or more must be read to know, or the dot goes.
func (c *Content) atDot() (end, more bool) {
	const final = ".\r\n"
	rest := c.buf[c.raw:]
	if n := min(len(rest), len(final)); string(rest[:n]) == final[:n] {
		if n < len(final) {
			return false, true
		}
		c.raw += n
		c.check()
		return true, false
	}
	c.raw++
	c.inLine = true
	return false, false
}

// keep makes n raw bytes content; the last of them may be an LF.
func (c *Content) keep(n int) {
	if c.done != c.raw {
		copy(c.buf[c.done:], c.buf[c.raw:c.raw+n])
	}
	c.done += n
	c.raw += n
	c.inLine = c.done < 2 || c.buf[c.done-1] != '\n' || c.buf[c.done-2] != '\r'
}

func (c *Content) check() {
	if c.Limit > 0 && int64(c.done) > c.Limit {
		c.Drop(ErrContentSize)
	}
}

// rest takes back the bytes that stand behind the end of the data.
func (c *Content) rest() []byte {
	rest := c.buf[c.raw:]
	c.buf = c.buf[:c.done]
	return rest
}

// add takes n new bytes of a chunk as they are.
func (c *Content) add(n int) {
	c.buf = c.buf[:len(c.buf)+n]
	c.done, c.raw = len(c.buf), len(c.buf)
	c.check()
}
