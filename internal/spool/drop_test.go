package spool

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"posthoorn/internal/broker"
	"posthoorn/internal/inject"
	"posthoorn/internal/mail"
)

func submission(t *testing.T, source, from string, to ...string) inject.Submission {
	t.Helper()
	s := inject.Submission{Source: []byte(source), Extract: true, Received: time.Now(), Origin: &inject.CLI{}}
	if from != "" {
		s.From = address(t, from)
	}
	for _, a := range to {
		s.Recipients = append(s.Recipients, inject.Recipient{To: address(t, a)})
	}
	return s
}

func address(t *testing.T, text string) mail.Address {
	t.Helper()
	a, err := mail.ParseAddress(text, false)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// collector is a broker that keeps what is published.
type collector struct {
	mu     sync.Mutex
	bodies [][]byte
}

func (c *collector) Send(_ context.Context, ps []broker.Publishing, done broker.Done) {
	c.mu.Lock()
	for _, p := range ps {
		c.bodies = append(c.bodies, p.Body)
	}
	c.mu.Unlock()
	done(nil)
}

// objects are the published objects without what the channel adds.
func (c *collector) objects(t *testing.T) (list []string) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, b := range c.bodies {
		var m map[string]any
		if err := json.Unmarshal(b, &m); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"cli", "spool", "received"} {
			delete(m, name)
		}
		text, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, string(text))
	}
	slices.Sort(list)
	return list
}

func realDoor() (*inject.Door, *collector) {
	c := &collector{}
	return inject.New(inject.Options{Sender: c, Queues: inject.Queues{Inbox: "inbox"}, Hostname: "h.test",
		Log: slog.New(slog.DiscardHandler)}), c
}

var dropCases = map[string]struct {
	source, from string
	to           []string
	header       bool
}{
	"arguments":         {source: letter, from: "me@x.test", to: []string{"a@b.test", "c@d.test"}},
	"from the header":   {source: letter, header: true},
	"both":              {source: letter, to: []string{"a@b.test", "desk@shop.test"}, header: true},
	"bcc":               {source: "From: a@b.test\r\nBcc: c@d.test,\r\n e@f.test\r\nTo: g@h.test\r\n\r\nx\r\n", header: true},
	"bcc of another":    {source: "From: a@b.test\r\nBcc: c@d.test\r\n\r\nx\r\n", to: []string{"y@z.test"}},
	"own x-mq headers":  {source: "x-mq-recipient: evil@x.test\r\nX-MQ-Envelope: bounce@x.test\r\nx-mq-tag: t\r\n" + letter, to: []string{"a@b.test"}},
	"sender first":      {source: "Sender: s@x.test\r\nFrom: f@x.test\r\n\r\nx", to: []string{"a@b.test"}},
	"return-path first": {source: "From: f@x.test\r\nReturn-Path: <r@x.test>\r\nSender: s@x.test\r\n\r\nx", to: []string{"a@b.test"}},
	"no sender":         {source: "Subject: x\r\n\r\nx", to: []string{"a@b.test"}},
	"no header":         {source: "\r\nonly text\r\n", to: []string{"a@b.test"}},
	"nor a blank line":  {source: "only text\r\n", to: []string{"a@b.test"}},
	"quoted local part": {source: letter, to: []string{`"a, <b> c"@x.test`}, from: `"x\"y"@z.test`},
	"not ASCII":         {source: letter, to: []string{"ä@öö.test"}},
	"not UTF-8":         {source: "From: a@b.test\r\n\r\n\xff\xfe\r\n", to: []string{"a@b.test"}},
}

// What goes by way of the spool is published as if it had gone to the daemon at once, but for Bcc, which a file that names its
// recipients does not keep.
func TestDropIsAsGoodAsTheDaemon(t *testing.T) {
	for name, c := range dropCases {
		t.Run(name, func(t *testing.T) {
			s := submission(t, c.source, c.from, c.to...)
			s.HeaderRecipients = c.header
			direct, want := realDoor()
			if _, err := direct.Accept(t.Context(), s); err != nil {
				t.Fatal(err)
			}
			viaSpool, got := realDoor()
			f := start(t, func(o *Options) { o.Door = viaSpool }, nil)
			if err := Drop(f.dir, s, false); err != nil {
				t.Fatal(err)
			}
			until(t, "the file", func() bool { return f.counted(published)+f.counted(invalid) == 1 })
			w := want.objects(t)
			for i := range w {
				w[i] = strings.Replace(w[i], `Bcc: c@d.test\r\n`, "", 1)
			}
			if g := got.objects(t); !slices.Equal(g, w) {
				t.Errorf("published\n%s\nnot\n%s", strings.Join(g, "\n"), strings.Join(w, "\n"))
			}
		})
	}
}

func TestDropOfManyRecipients(t *testing.T) {
	var to []string
	for i := range maxRecipients {
		to = append(to, fmt.Sprintf("r%d@x.test", i))
	}
	d, c := realDoor()
	f := start(t, func(o *Options) { o.Door = d }, nil)
	if err := Drop(f.dir, submission(t, letter, "", to...), false); err != nil {
		t.Fatal(err)
	}
	until(t, "the file", func() bool { return f.counted(published)+f.counted(invalid) == 1 })
	if n := len(c.objects(t)); n != len(to) {
		t.Error(n)
	}
	var e *mail.Error
	if err := Drop(f.dir, submission(t, letter, "", append(to, "more@x.test")...), false); !errors.As(err, &e) || e.Status != "5.5.3" {
		t.Error(err)
	}
}

func TestDropRefuses(t *testing.T) {
	dir := t.TempDir()
	for name, c := range map[string]struct {
		s      inject.Submission
		code   int
		header bool
	}{
		"no recipient":        {s: submission(t, letter, ""), code: 554},
		"none in the header":  {s: submission(t, "From: a@b.test\r\n\r\n", ""), header: true, code: 554},
		"bad one in a header": {s: submission(t, "To: a@-.test\r\n\r\n", "", "a@b.test"), header: true, code: 553},
		"empty":               {s: submission(t, "", "", "a@b.test"), code: 554},
		"NUL":                 {s: submission(t, letter+"\x00", "", "a@b.test"), code: 554},
		"header bomb":         {s: submission(t, strings.Repeat("a: b\r\n", 5000), "", "a@b.test"), code: 554},
	} {
		t.Run(name, func(t *testing.T) {
			c.s.HeaderRecipients = c.header
			var e *mail.Error
			if err := Drop(dir, c.s, false); !errors.As(err, &e) || e.Code != c.code {
				t.Error(err)
			}
		})
	}
	if names, err := os.ReadDir(dir); err != nil || len(names) != 0 {
		t.Error("something was left", names, err)
	}
	if err := Drop(filepath.Join(dir, "none"), submission(t, letter, "", "a@b.test"), false); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}

func TestDropCanBeReadByTheDaemon(t *testing.T) {
	for mode, want := range map[os.FileMode]os.FileMode{0o733 | os.ModeSticky: 0o644, 0o770 | os.ModeSetgid: 0o640} {
		dir := t.TempDir()
		if err := os.Chmod(dir, mode); err != nil {
			t.Fatal(err)
		}
		if err := Drop(dir, submission(t, letter, "", "a@b.test"), false); err != nil {
			t.Fatal(err)
		}
		names, err := os.ReadDir(dir)
		if err != nil || len(names) != 1 {
			t.Fatal(names, err)
		}
		info, err := names[0].Info()
		if err != nil || info.Mode() != want || strings.HasPrefix(names[0].Name(), ".") {
			t.Error(names[0], info.Mode(), err)
		}
	}
}
