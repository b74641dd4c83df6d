package control

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

func TestModesOfTheSockets(t *testing.T) {
	dir := folder(t)
	old := unix.Umask(0) // the modes are right whatever the umask is
	defer unix.Umask(old)
	i, err := NewInject(InjectOptions{Path: filepath.Join(dir, "p.inject"), Door: &door{}})
	if err != nil {
		t.Fatal(err)
	}
	unix.Umask(0o777)
	c, err := NewControl(ControlOptions{Path: filepath.Join(dir, "p.control"), UID: os.Getuid(), GID: os.Getgid()})
	unix.Umask(0)
	if err != nil {
		t.Fatal(err)
	}
	if m := mode(t, i.Path()); m != fs.ModeSocket|0o666 {
		t.Error(m)
	}
	if m := mode(t, c.Path()); m != fs.ModeSocket|0o660 {
		t.Error(m)
	}
	if err := errors.Join(i.Close(), c.Close()); err != nil {
		t.Error(err)
	}
	if left := entries(t, dir); len(left) != 0 {
		t.Error(left)
	}
}

// Nobody ever sees the name with another mode than it has in the end, nor can anybody connect before.
func TestNoMomentWithAWrongMode(t *testing.T) {
	dir := folder(t)
	path := filepath.Join(dir, "s")
	ctx, cancel := context.WithCancel(t.Context())
	var watching sync.WaitGroup
	watching.Go(func() {
		for ctx.Err() == nil {
			list, _ := os.ReadDir(dir)
			for _, e := range list {
				info, err := e.Info()
				if err != nil {
					continue
				}
				if e.Name() == "s" && info.Mode().Perm() != 0o660 {
					t.Errorf("%s is %s", e.Name(), info.Mode())
				}
				conn, err := net.Dial("unix", filepath.Join(dir, e.Name()))
				if err != nil {
					continue
				}
				conn.Close()
				if now, err := os.Lstat(filepath.Join(dir, e.Name())); err == nil && now.Mode().Perm() != 0o660 {
					t.Errorf("%s can be connected to and is %s", e.Name(), now.Mode())
				}
			}
		}
	})
	for range 200 {
		l, _, err := listen(path, 0o660, -1, -1)
		if err != nil {
			t.Fatal(err)
		}
		l.Close()
	}
	cancel()
	watching.Wait()
}

func TestAStaleSocketIsReplaced(t *testing.T) {
	path := filepath.Join(folder(t), "s")
	first, _, err := listen(path, 0o660, -1, -1)
	if err != nil {
		t.Fatal(err)
	}
	first.Close() // as after a kill: the file stays
	if mode(t, path).Type() != fs.ModeSocket {
		t.Fatal("the test needs a socket")
	}
	if err := NewClient(path).Call(t.Context(), "x", nil, nil); !errors.Is(err, ErrNoDaemon) || Code(err) != 75 {
		t.Error(err)
	}
	c, err := NewControl(ControlOptions{Path: path, UID: -1, GID: -1})
	if err != nil {
		t.Fatal(err)
	}
	serve(t, c)
	c.Handle("x", func(context.Context, json.RawMessage) (any, error) { return nil, nil })
	if err := NewClient(path).Call(t.Context(), "x", nil, nil); err != nil {
		t.Error(err)
	}
}

func TestOnlySocketsAreReplaced(t *testing.T) {
	dir := folder(t)
	victim := filepath.Join(dir, "victim")
	if err := os.WriteFile(victim, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(dir, "link")
	if err := os.Symlink(victim, link); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{victim, link, dir} {
		if l, _, err := listen(path, 0o660, -1, -1); !errors.Is(err, fs.ErrExist) {
			t.Error(path, l, err)
		}
	}
	if text, _ := os.ReadFile(victim); string(text) != "precious" {
		t.Errorf("%q", text)
	}
	if left := entries(t, dir); !slices.Equal(left, []string{"link", "victim"}) {
		t.Error(left)
	}
	if _, _, err := listen(filepath.Join(dir, strings.Repeat("x", 100)), 0o660, -1, -1); err == nil || !strings.Contains(err.Error(), "longer than") {
		t.Error(err)
	}
	if _, _, err := listen(filepath.Join(dir, "none", "s"), 0o660, -1, -1); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}

// A daemon that ends late does not take away the socket of its successor.
func TestCloseRemovesItsOwnSocketOnly(t *testing.T) {
	path := filepath.Join(folder(t), "s")
	old, err := NewControl(ControlOptions{Path: path, UID: -1, GID: -1})
	if err != nil {
		t.Fatal(err)
	}
	fresh, err := NewControl(ControlOptions{Path: path, UID: -1, GID: -1})
	if err != nil {
		t.Fatal(err)
	}
	serve(t, fresh)
	if err := old.Close(); err != nil {
		t.Error(err)
	}
	fresh.Handle("x", func(context.Context, json.RawMessage) (any, error) { return nil, nil })
	if err := NewClient(path).Call(t.Context(), "x", nil, nil); err != nil {
		t.Error(err)
	}
}

func TestNoDaemon(t *testing.T) {
	err := NewClient(filepath.Join(folder(t), "none")).Call(t.Context(), "x", nil, nil)
	if !errors.Is(err, ErrNoDaemon) || Code(err) != 75 {
		t.Error(err)
	}
}

func TestTheKernelSaysWhoCalls(t *testing.T) {
	a, b, err := pair()
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	defer b.Close()
	uid, err := peer(a)
	if err != nil || uid != os.Getuid() {
		t.Error(uid, err)
	}
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	var n names
	if n.of(uid) != me.Username || n.of(4_000_000_001) != "4000000001" {
		t.Error(n.known)
	}
	for i := range 2 * maxNames {
		n.of(3_000_000_000 + i)
	}
	if len(n.known) > maxNames {
		t.Error(len(n.known), "names")
	}
}

// pair is two ends of a Unix socket.
func pair() (a, b net.Conn, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		return nil, nil, err
	}
	f, g := os.NewFile(uintptr(fds[0]), "a"), os.NewFile(uintptr(fds[1]), "b")
	defer f.Close()
	defer g.Close()
	a, err1 := net.FileConn(f)
	b, err2 := net.FileConn(g)
	return a, b, errors.Join(err1, err2)
}
