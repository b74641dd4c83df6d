package main

import (
	"bufio"
	"log"
	"net"

	amqp "github.com/rabbitmq/amqp091-go"

	"posthoorn/internal/mail"
)

// worker is one SMTP connection.
type worker struct {
	pen    *pen // nil: nothing is signed
	addr   string
	short  bool // the next envelope goes with the end of the data, if a message is waiting
	jobs   <-chan amqp.Delivery
	report func(tag uint64, body []byte)

	conn net.Conn
	in   *bufio.Reader
	buf  []byte

	source []byte // of the message that is signed
}

// job is one message on its way.
type job struct {
	tag uint64
	m   *mail.Message
}

func (w *worker) run() {
	var next *job
	for {
		j := next
		if j == nil {
			d, ok := <-w.jobs
			if !ok {
				return
			}
			j = decode(d)
			w.greet()
			w.write(w.envelope(w.buf[:0], j))
			w.expect("223")
		}
		next = w.send(j)
	}
}

func decode(d amqp.Delivery) *job {
	m, err := mail.Parse(d.Body, mail.Rules{})
	must(err)
	return &job{d.DeliveryTag, m}
}

func (w *worker) greet() {
	if w.conn != nil {
		return
	}
	c, err := net.Dial("tcp", w.addr)
	must(err)
	w.conn, w.in = c, bufio.NewReader(c)
	w.expect("2")
	w.write([]byte("EHLO bare.test\r\n"))
	w.expect("2")
}

func (w *worker) envelope(b []byte, j *job) []byte {
	b = append(b, "MAIL FROM:<"...)
	b = append(b, j.m.Envelope.String()...)
	b = append(b, ">\r\nRCPT TO:<"...)
	b = append(b, j.m.Recipient.String()...)
	return append(b, ">\r\nDATA\r\n"...)
}

// send writes the data and reports; it returns the message whose envelope went along, if one did.
func (w *worker) send(j *job) (next *job) {
	buf := append(w.content(w.buf[:0], j.m), ".\r\n"...) // the load has no line that begins with a dot
	if w.short {
		select {
		case d, ok := <-w.jobs:
			if ok {
				next = decode(d)
				buf = w.envelope(buf, next)
			}
		default:
		}
	}
	w.write(buf)
	reply := w.expect("2")
	j.m.RemoveContent()
	j.m.Set("reply", mail.AppendString(nil, reply))
	w.report(j.tag, j.m.Append(nil))
	if next != nil {
		w.expect("223")
	}
	return next
}

// content is what goes behind DATA.
func (w *worker) content(b []byte, m *mail.Message) []byte {
	var err error
	if w.pen == nil {
		b, err = m.AppendSource(b)
		must(err)
		return b
	}
	w.source, err = m.AppendSource(w.source[:0])
	must(err)
	b = append(b, w.pen.sign(m, w.source)...)
	m.RemoveSecrets()
	return append(b, w.source...)
}

func (w *worker) write(b []byte) {
	w.buf = b
	_, err := w.conn.Write(b)
	must(err)
}

// expect reads one reply for each digit, and returns the last line.
func (w *worker) expect(digits string) (last string) {
	for i := range len(digits) {
		for {
			line, err := w.in.ReadString('\n')
			must(err)
			if len(line) < 5 || line[0] != digits[i] {
				log.Fatalf("reply %q", line)
			}
			if last = line; line[3] != '-' {
				break
			}
		}
	}
	return last
}
