package testbed

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// MailServer is a real SMTP server that takes mail for every recipient and keeps it.
type MailServer struct {
	addr    string
	mailbox string // a maildir
	log     string
	config  string // directory of a Postfix's configuration
	process *process
}

// Mail is a message as a server stored it: lines end with LF, and trace fields of the server stand on top.
type Mail struct {
	Sender    string // without angle brackets
	Recipient string
	Data      []byte
}

// Addr is host:port of the server's SMTP listener.
func (m *MailServer) Addr() string { return m.addr }

// Log is what the server has logged so far.
func (m *MailServer) Log() string {
	data, err := os.ReadFile(m.log)
	if err != nil {
		return err.Error()
	}
	return string(data)
}

// Flush makes a Postfix try at once what it has deferred. By itself it may leave a message alone for minutes that was just being
// tried when it looked.
func (m *MailServer) Flush(t testing.TB) {
	t.Helper()
	if out, err := exec.Command("postqueue", "-c", m.config, "-f").CombinedOutput(); err != nil {
		t.Errorf("postqueue: %v %s", err, out)
	}
}

// Mails is what has been delivered so far.
func (m *MailServer) Mails(t testing.TB) []Mail {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(m.mailbox, "new", "*"))
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(files)
	var all []Mail
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, Mail{
			Sender: strings.Trim(traceField(data, "Return-path"), "<>"), Recipient: traceField(data, "Delivered-To"), Data: data,
		})
	}
	return all
}

// Wait returns the mails when there are at least n. The test fails when they do not come.
func (m *MailServer) Wait(t testing.TB, n int) []Mail {
	t.Helper()
	err := await(m.process, func() error {
		if have := len(m.Mails(t)); have < n {
			return fmt.Errorf("%d of %d mails delivered", have, n)
		}
		return nil
	})
	if err != nil {
		t.Fatalf("%v\n%s", err, m.Log())
	}
	return m.Mails(t)
}

// traceField is the first field of that name that the server put on top.
func traceField(data []byte, name string) string {
	for line := range bytes.Lines(data) {
		if len(bytes.TrimSpace(line)) == 0 {
			return ""
		}
		if field, value, ok := bytes.Cut(line, []byte(":")); ok && strings.EqualFold(string(field), name) {
			return string(bytes.TrimSpace(value))
		}
	}
	return ""
}

type owner struct{ uid, gid int }

func ids(t testing.TB, name string) (owner, *user.User, error) {
	t.Helper()
	u, err := user.Lookup(name)
	if err != nil {
		t.Fatalf("%v; "+install, err, "postfix")
	}
	uid, uerr := strconv.Atoi(u.Uid)
	gid, gerr := strconv.Atoi(u.Gid)
	return owner{uid, gid}, u, errors.Join(uerr, gerr)
}

// serverDir is a directory that the server's own user can reach, with sub-folders that belong to it.
func serverDir(t testing.TB, name, userName string, folders ...string) string {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Fatalf("%s can be started by root only; run the tests as root", name)
	}
	dir, err := os.MkdirTemp("", "posthoorn-"+name+"-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	o, _, err := ids(t, userName)
	err = errors.Join(err, os.Chmod(dir, 0o755))
	for _, f := range folders {
		err = errors.Join(err, os.Mkdir(filepath.Join(dir, f), 0o755), os.Chown(filepath.Join(dir, f), o.uid, o.gid))
	}
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func startMailServer(t testing.TB, cmd *exec.Cmd, m *MailServer, dir string) *MailServer {
	t.Helper()
	cmd.Dir, cmd.Env = dir, []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8"}
	p, err := spawn(cmd, filepath.Join(dir, "output"))
	if err != nil {
		t.Fatal(err)
	}
	m.process = p
	t.Cleanup(func() { p.signal(syscall.SIGTERM, 10*time.Second) })
	if err := await(p, m.greets); err != nil {
		output, _ := os.ReadFile(filepath.Join(dir, "output"))
		t.Fatalf("%v\n%s\n%s", err, output, m.Log())
	}
	return m
}

// greets reports whether the server says 220.
func (m *MailServer) greets() error {
	c, err := net.DialTimeout("tcp", m.addr, time.Second)
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }()
	if err := c.SetDeadline(time.Now().Add(5 * time.Second)); err != nil {
		return err
	}
	line := make([]byte, 4)
	if _, err := c.Read(line); err != nil {
		return err
	}
	if !bytes.HasPrefix(line, []byte("220")) {
		return fmt.Errorf("greeting %q", line)
	}
	_, err = c.Write([]byte("QUIT\r\n"))
	return err
}
