package browser

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net"
	"net/textproto"
	"time"

	"posthoorn/internal/app"
	"posthoorn/internal/app/config"
)

const (
	tick       = 500 * time.Millisecond
	patience   = 90 * time.Second // a guard: a busy machine may be slow
	secretBody = "a body that nobody may see"
)

// fast are the domains with mail in every tick; the others, with a number behind them, have it in every fourth.
var (
	fast = []string{"paced", "held", "flood", "xss", "moved", "renamed", "rerouted"}
	slow = map[string]int{"taken": 28, "defer": 6, "refuse": 5, "slow": 5}
)

// traffic hands mail in for some 50 domains, until the test ends.
func (r *rig) traffic() {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		clock := time.NewTicker(tick)
		defer clock.Stop()
		for n := 0; ; n++ {
			if err := r.publish(batch(n)...); err != nil && ctx.Err() == nil {
				r.t.Errorf("publishing: %v", err)
			}
			select {
			case <-ctx.Done():
				return
			case <-clock.C:
			}
		}
	}()
	r.t.Cleanup(func() {
		cancel()
		<-done
	})
}

// batch is the mail of one tick.
func batch(n int) (messages []map[string]any) {
	for _, kind := range fast {
		messages = append(messages, message(fmt.Sprintf("u%d@%s.test", n, kind)), message(fmt.Sprintf("v%d@%s.test", n, kind)))
	}
	for kind, number := range slow {
		for i := range number {
			if i%4 == n%4 {
				messages = append(messages, message(fmt.Sprintf("u%d@%s%d.test", n, kind, i)))
			}
		}
	}
	return messages
}

func message(recipient string) map[string]any {
	return map[string]any{
		"envelope": "news@sender.test", "recipient": recipient, "tags": []string{"news", "tag " + markup},
		"mime": "From: news@signed.test\r\nTo: " + recipient + "\r\nSubject: " + markup + "\r\n\r\n" + secretBody + "\r\n",
	}
}

func (r *rig) publish(messages ...map[string]any) error {
	r.up.RLock()
	defer r.up.RUnlock()
	var lines bytes.Buffer
	for _, m := range messages {
		_ = json.NewEncoder(&lines).Encode(m)
	}
	var said bytes.Buffer
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	code := app.Run(ctx, app.Program{
		Args: []string{"--config-file", r.file, "queue", "publish", "outbox"}, Name: "posthoorn", Version: "test",
		Stdin: &lines, Stdout: &said, Stderr: &said,
	})
	if code != config.ExitOK {
		return fmt.Errorf("exit %d: %s", code, said.String())
	}
	return nil
}

// submission is what a client of the SMTP door got.
type submission struct {
	RCPT int    `json:"rcpt"` // code of the reply
	Data int    `json:"data"` // 0: it was not refused before
	Said string `json:"said"`
}

// submit is a client that logs in with a password, which the door does not want.
func (r *rig) submit(recipient, secret string) (s submission, err error) {
	raw, err := net.DialTimeout("tcp", r.door, patience)
	if err != nil {
		return s, err
	}
	_ = raw.SetDeadline(time.Now().Add(patience))
	c := textproto.NewConn(raw)
	defer func() { _ = c.Close() }()
	say := func(line string) (code int) {
		if err == nil {
			err = c.PrintfLine("%s", line)
		}
		return s.read(c, &err)
	}
	s.read(c, &err)
	say("EHLO client.test")
	say("AUTH PLAIN " + base64.StdEncoding.EncodeToString([]byte("\x00ann\x00"+secret)))
	say("MAIL FROM:<mallory@sender.test>")
	if s.RCPT = say("RCPT TO:<" + recipient + ">"); s.RCPT == 250 {
		say("DATA")
		s.Data = say("Subject: " + markup + "\r\n\r\n" + secretBody + "\r\n.")
	}
	say("QUIT")
	return s, err
}

func (s *submission) read(c *textproto.Conn, err *error) (code int) {
	if *err != nil {
		return 0
	}
	code, text, failed := c.ReadResponse(0)
	if _, refused := failed.(*textproto.Error); failed != nil && !refused {
		*err = failed
	}
	s.Said += fmt.Sprintf("%d %s\n", code, text)
	return code
}
