package testbed

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// storesDefault is where .ci/install puts the two, which have no Debian package.
const storesDefault = "/opt/posthoorn-stores"

// StoreServer is a server that message stores are kept in. Its files survive Kill and Start.
type StoreServer struct {
	dir     string
	port    int
	words   []string // the program and its arguments
	env     []string
	process *process
	names   atomic.Int32
}

func startStoreServer(t testing.TB, program string, words func(s *StoreServer) []string) *StoreServer {
	t.Helper()
	root := os.Getenv("POSTHOORN_STORES")
	if root == "" {
		root = storesDefault
	}
	binary, err := exec.LookPath(filepath.Join(root, program))
	if err != nil {
		t.Fatalf("%s is not in %s; run as root: .ci/install", program, root)
	}
	s := &StoreServer{}
	if s.dir, err = os.MkdirTemp("", "posthoorn-"+program+"-"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.process.signal(syscall.SIGTERM, 5*time.Second)
		_ = os.RemoveAll(s.dir)
	})
	if s.port, err = freePort(); err != nil {
		t.Fatal(err)
	}
	s.words = append([]string{binary}, words(s)...)
	s.Start(t)
	return s
}

// Addr is host:port. It stays the same over restarts.
func (s *StoreServer) Addr() string { return loopback(s.port) }

// Kill ends the server with SIGKILL.
func (s *StoreServer) Kill() { s.process.signal(syscall.SIGKILL, time.Second) }

// Start starts the server again after Kill, with the same data on the same port.
func (s *StoreServer) Start(t testing.TB) {
	t.Helper()
	cmd := exec.Command(s.words[0], s.words[1:]...)
	cmd.Dir, cmd.Env = s.dir, append([]string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8", "HOME=" + s.dir}, s.env...)
	var err error
	if s.process, err = spawn(cmd, filepath.Join(s.dir, "output")); err != nil {
		t.Fatal(err)
	}
	err = await(s.process, func() error {
		c, err := net.DialTimeout("tcp", s.Addr(), time.Second)
		if err != nil {
			return err
		}
		return c.Close()
	})
	if err != nil {
		output, _ := os.ReadFile(filepath.Join(s.dir, "output"))
		t.Fatalf("%v\n%s", err, output)
	}
}

// NewName is one that nobody has used on this server, for a database or a bucket.
func (s *StoreServer) NewName() string { return fmt.Sprint("test", s.names.Add(1)) }
