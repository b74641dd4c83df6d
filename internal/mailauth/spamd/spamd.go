// Package spamd asks a SpamAssassin daemon whether a mail is spam, with its SPAMC protocol 1.5 over TCP. It takes and reads no more
// than it says, and never longer than it says.
package spamd

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"strconv"
	"strings"
	"time"
)

// Options of a Client. The zero value asks the daemon on this machine.
type Options struct {
	Address  string        // host:port; empty: localhost:783
	Timeout  time.Duration // for one mail, everything included; 0: 30 s
	MaxSize  int           // bytes of mail that are still looked at; 0: 512 KiB, as spamc
	MaxScans int           // at a time; others wait, within their Timeout; 0: 5, as spamd has children
}

// Client asks a daemon. It may be used by many goroutines.
type Client struct {
	options Options
	slots   chan struct{}
}

// New makes a client; nothing is opened yet.
func New(o Options) *Client {
	setDefault(&o.Address, "localhost:783")
	setDefault(&o.Timeout, 30*time.Second)
	setDefault(&o.MaxSize, 512<<10)
	setDefault(&o.MaxScans, 5)
	return &Client{o, make(chan struct{}, o.MaxScans)}
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// Score is what the daemon thinks of a mail.
type Score struct {
	Spam             bool
	Score, Threshold float64
}

// ErrSize says that a mail is larger than what is looked at. Spam hardly ever is, and a large one takes the daemon very long.
var ErrSize = errors.New("spamd: the mail is too large to be looked at")

// Check asks about one mail. An error other than ErrSize means that there was no answer.
func (c *Client) Check(ctx context.Context, source []byte) (Score, error) {
	if len(source) > c.options.MaxSize {
		return Score{}, ErrSize
	}
	ctx, cancel := context.WithTimeout(ctx, c.options.Timeout)
	defer cancel()
	select {
	case c.slots <- struct{}{}:
		defer func() { <-c.slots }()
	case <-ctx.Done():
		return Score{}, fmt.Errorf("spamd: all scans are busy: %w", context.Cause(ctx))
	}
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", c.options.Address)
	if err != nil {
		return Score{}, fmt.Errorf("spamd: %w", err)
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	score, err := ask(conn, source)
	if err != nil && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		return Score{}, fmt.Errorf("spamd at %s: %w", c.options.Address, err)
	}
	return score, nil
}

// ask sends a request and reads the reply. The daemon may answer, or hang up, before it has read all.
func ask(conn net.Conn, source []byte) (Score, error) {
	request := net.Buffers{fmt.Appendf(nil, "CHECK SPAMC/1.5\r\nContent-length: %d\r\n\r\n", len(source)), source}
	_, sent := request.WriteTo(conn)
	if half, ok := conn.(interface{ CloseWrite() error }); ok && sent == nil {
		sent = half.CloseWrite()
	}
	score, err := readReply(conn)
	if err != nil && sent != nil {
		err = sent
	}
	return score, err
}

// maxReply bounds what is read of a reply: its header is all that matters.
const maxReply = 8 << 10

// readReply reads the status and the field Spam of a reply.
func readReply(r io.Reader) (Score, error) {
	lines := bufio.NewScanner(io.LimitReader(r, maxReply))
	if !lines.Scan() {
		return Score{}, cmpErr(lines.Err(), io.ErrUnexpectedEOF)
	}
	if err := status(lines.Text()); err != nil {
		return Score{}, err
	}
	for lines.Scan() && lines.Text() != "" {
		name, value, _ := strings.Cut(lines.Text(), ":")
		if strings.EqualFold(strings.TrimSpace(name), "Spam") {
			return parseScore(value)
		}
	}
	return Score{}, cmpErr(lines.Err(), errNoScore)
}

func cmpErr(err, otherwise error) error {
	if err != nil {
		return err
	}
	return otherwise
}

var (
	errNoScore = errors.New("its reply has no score")
	errReply   = errors.New("its reply is not of the SPAMD protocol: is this the port of spamd?")
)

// status reads the first line: SPAMD/1.1 0 EX_OK.
func status(line string) error {
	words := strings.Fields(line)
	if len(words) < 2 || !strings.HasPrefix(words[0], "SPAMD/") {
		return errReply
	}
	if words[1] != "0" {
		return fmt.Errorf("it answers %.100q", strings.Join(words[1:], " "))
	}
	return nil
}

// parseScore reads True ; 15.5 / 5.0.
func parseScore(s string) (Score, error) {
	word, numbers, _ := strings.Cut(s, ";")
	score, threshold, _ := strings.Cut(numbers, "/")
	a, errA := number(score)
	b, errB := number(threshold)
	if errA != nil || errB != nil {
		return Score{}, errNoScore
	}
	word = strings.ToLower(strings.TrimSpace(word))
	return Score{Spam: word == "true" || word == "yes", Score: a, Threshold: b}, nil
}

func number(s string) (float64, error) {
	n, err := strconv.ParseFloat(strings.TrimSpace(s), 64)
	if err == nil && (math.IsNaN(n) || math.IsInf(n, 0)) {
		err = errNoScore
	}
	return n + 0, err // -0.0, as spamd writes it, is 0
}
