package control

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
	"unicode/utf8"

	"posthoorn/internal/mail"
)

// Bounds of what is published at a time.
const (
	maxLine    = 64 << 20
	batchCount = 100
	batchBytes = 4 << 20
)

// ListQueues prints the table of posthoorn queue list.
func ListQueues(ctx context.Context, q Queues, out io.Writer) error {
	list, err := q.List(ctx)
	if err != nil {
		return err
	}
	t := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	fmt.Fprintln(t, "QUEUE\tROLE\tMESSAGES\tIN HAND\tBYTES\tOLDEST")
	for _, i := range list {
		fmt.Fprintln(t, strings.Join(i.columns(), "\t"))
	}
	return t.Flush()
}

func (i *QueueInfo) columns() []string {
	c := []string{strconv.Quote(i.Name), i.Role, "missing", "-", "-", "-"}
	if plain := strings.Trim(c[0], `"`); plain == i.Name && !strings.Contains(plain, " ") {
		c[0] = i.Name
	}
	if i.Role == "" {
		c[1] = "-"
	}
	if i.Missing {
		return c
	}
	c[2], c[3] = strconv.FormatInt(i.Messages, 10), strconv.FormatInt(i.InHand, 10)
	if i.Bytes > 0 {
		c[4] = strconv.FormatInt(i.Bytes, 10)
	}
	if !i.Oldest.IsZero() {
		c[5] = i.Oldest.UTC().Format(time.DateTime)
	}
	return c
}

// ReadQueue prints the messages of a queue, one JSON object a line. Each is removed, unless o.Keep, when out has taken it; out
// should not buffer. From the outbox it reads only with Keep or Force (exit code 64). A ctx that ends while it follows is no
// error.
func ReadQueue(ctx context.Context, q Queues, queue, outbox string, o ReadOptions, out io.Writer) error {
	if err := mayRead(queue, outbox, o); err != nil {
		return err
	}
	buf := new(bytes.Buffer)
	err := q.Read(ctx, queue, o, func(bodies [][]byte) error {
		buf.Reset()
		for _, b := range bodies {
			buf.Write(oneLine(b))
			buf.WriteByte('\n')
		}
		_, err := out.Write(buf.Bytes())
		return err
	})
	if o.Follow && ctx.Err() != nil {
		return nil
	}
	return err
}

// oneLine is a body as a line. Line ends can stand only between the values of a JSON text, where a blank says the same; what
// is no JSON object becomes one that holds all of its bytes.
func oneLine(body []byte) []byte {
	if !isObject(body) {
		if utf8.Valid(body) {
			return new(mail.Object).Text("body", body).Bytes()
		}
		text, _ := json.Marshal(map[string][]byte{"body-base64": body})
		return text
	}
	if !bytes.ContainsAny(body, "\r\n") {
		return body
	}
	line := bytes.Clone(body) // not bytes.Map: that changes what is not UTF-8
	for i, c := range line {
		if c == '\r' || c == '\n' {
			line[i] = ' '
		}
	}
	return line
}

func isObject(b []byte) bool {
	b = bytes.TrimLeft(b, " \t\r\n")
	return len(b) > 0 && b[0] == '{' && json.Valid(b)
}

// PublishQueue publishes the JSON objects that in holds, one a line, and returns how many are durable. It waits for the
// confirms of what it has before it waits for more input. Blank lines are passed over; one that is no JSON object ends it with
// exit code 65 and its number, after all lines before it were published.
func PublishQueue(ctx context.Context, q Queues, queue string, in io.Reader) (published int, err error) {
	p := publisher{q: q, queue: queue, in: bufio.NewReaderSize(in, 64<<10)}
	err = p.run(ctx)
	return p.done, err
}

type publisher struct {
	q      Queues
	queue  string
	in     *bufio.Reader
	number int // of the line
	bodies [][]byte
	size   int
	done   int
}

func (p *publisher) run(ctx context.Context) error {
	for {
		line, err := p.line()
		if err == nil && len(line) > 0 {
			p.bodies, p.size = append(p.bodies, line), p.size+len(line)
		}
		if err != nil || len(p.bodies) >= batchCount || p.size >= batchBytes || p.in.Buffered() == 0 {
			if failed := p.flush(ctx); failed != nil {
				return failed
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func (p *publisher) flush(ctx context.Context) error {
	if len(p.bodies) == 0 {
		return nil
	}
	if err := p.q.Publish(ctx, p.queue, p.bodies); err != nil {
		return err
	}
	p.done += len(p.bodies)
	p.bodies, p.size = nil, 0
	return nil
}

// line is the next line, checked; empty when it is blank.
func (p *publisher) line() ([]byte, error) {
	var line []byte
	p.number++
	for {
		part, err := p.in.ReadSlice('\n')
		if len(line)+len(part) > maxLine {
			return nil, badData("line %d is longer than %d bytes", p.number, maxLine)
		}
		line = append(line, part...)
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		if err != nil && (!errors.Is(err, io.EOF) || len(line) == 0) {
			return nil, err
		}
		break
	}
	line = bytes.Trim(line, " \t\r\n")
	if len(line) > 0 && !isObject(line) {
		return nil, badData("line %d is not a JSON object", p.number)
	}
	return line, nil
}
