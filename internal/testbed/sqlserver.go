package testbed

import (
	"bytes"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// The login of the SQL servers, which may do everything. The password has what addresses must encode.
const (
	sqlUser     = "posthoorn"
	sqlPassword = "s%cr@t/:?"
)

// SQLServer is a PostgreSQL or a MariaDB. It keeps nothing safe on disk, for speed; a Kill loses nothing all the same, since the
// system lives on. Started by root it runs as the user of its Debian package.
type SQLServer struct {
	scheme    string
	dir       string
	port      int
	user      string // of the system
	process   *process
	databases atomic.Int32
	daemon    func(*SQLServer) ([]string, error)               // the program and its arguments, in the foreground
	client    func(s *SQLServer, database string) []string     // the program that runs the statements of its standard input
	password  string                                           // its environment variable
	install   func(s *SQLServer) (fill []string, failed error) // fills dir/data
	quit      syscall.Signal                                   // what ends the daemon quickly in good order
}

// SharedSQL is one server of each engine for all tests of a package, started when first asked for. The zero value is ready: a
// package variable of the test, whose Close TestMain calls after m.Run.
type SharedSQL struct {
	mu              sync.Mutex
	postgres, maria *SQLServer
}

// PostgreSQL is the shared one. Tests that stop it leave it running.
func (s *SharedSQL) PostgreSQL(t testing.TB) *SQLServer {
	t.Helper()
	return s.get(t, &s.postgres, newPostgreSQL)
}

// MariaDB is the shared one. Tests that stop it leave it running.
func (s *SharedSQL) MariaDB(t testing.TB) *SQLServer {
	t.Helper()
	return s.get(t, &s.maria, newMariaDB)
}

func (s *SharedSQL) get(t testing.TB, server **SQLServer, start func() (*SQLServer, error)) *SQLServer {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if *server == nil {
		started, err := start()
		if err != nil {
			t.Fatal(err)
		}
		*server = started
	}
	return *server
}

// Close ends the servers that were started.
func (s *SharedSQL) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, server := range []**SQLServer{&s.postgres, &s.maria} {
		if *server != nil {
			(*server).close()
			*server = nil
		}
	}
}

// create makes the files of a server and starts it.
func (s *SQLServer) create() (*SQLServer, error) {
	err := s.prepare()
	if err == nil {
		err = s.start()
	}
	if err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

func (s *SQLServer) prepare() error {
	var err error
	if s.port, err = freePort(); err != nil {
		return err
	}
	if s.dir, err = os.MkdirTemp("", "posthoorn-"+s.scheme+"-"); err != nil {
		return err
	}
	if os.Geteuid() == 0 {
		o, err := sqlOwner(s.user)
		if err := errors.Join(err, os.Chown(s.dir, o.uid, o.gid)); err != nil {
			return err
		}
	}
	fill, err := s.install(s)
	if err != nil {
		return err
	}
	if out, err := s.command(fill...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", fill[0], err, out)
	}
	return nil
}

func sqlOwner(name string) (owner, error) {
	u, err := user.Lookup(name)
	if err != nil {
		return owner{}, fmt.Errorf("%w; "+install, err, "postgresql mariadb-server")
	}
	uid, uerr := strconv.Atoi(u.Uid)
	gid, gerr := strconv.Atoi(u.Gid)
	return owner{uid, gid}, errors.Join(uerr, gerr)
}

// command runs a program in the server's directory, as the server's user.
func (s *SQLServer) command(words ...string) *exec.Cmd {
	if os.Geteuid() == 0 {
		words = append([]string{"setpriv", "--reuid", s.user, "--regid", s.user, "--clear-groups"}, words...)
	}
	cmd := exec.Command(words[0], words[1:]...)
	cmd.Dir, cmd.Env = s.dir, []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8", "HOME=" + s.dir}
	return cmd
}

func (s *SQLServer) start() error {
	words, err := s.daemon(s)
	if err != nil {
		return err
	}
	if s.process, err = spawn(s.command(words...), filepath.Join(s.dir, "output")); err != nil {
		return err
	}
	err = await(s.process, func() error {
		_, err := s.run("", "SELECT 1;")
		return err
	})
	if err != nil {
		output, _ := os.ReadFile(filepath.Join(s.dir, "output"))
		return fmt.Errorf("%w\n%s", err, output)
	}
	return nil
}

func (s *SQLServer) run(database, statements string) (string, error) {
	cmd := s.command(s.client(s, database)...)
	cmd.Env = append(cmd.Env, s.password+"="+sqlPassword)
	cmd.Stdin = bytes.NewReader([]byte(statements))
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%s: %w\n%s", s.scheme, err, out)
	}
	return string(out), nil
}

// NewDatabase makes an empty database and returns its name.
func (s *SQLServer) NewDatabase(t testing.TB) string {
	t.Helper()
	name := fmt.Sprintf("test%d", s.databases.Add(1))
	s.Query(t, "", "CREATE DATABASE "+name+";")
	return name
}

// Address of a database on the server, as the key database has it.
func (s *SQLServer) Address(database string) string { return s.AddressVia(s.Addr(), database) }

// AddressVia is Address with another host:port, such as that of a Proxy.
func (s *SQLServer) AddressVia(addr, database string) string {
	return fmt.Sprintf("%s://%s:%s@%s/%s", s.scheme, sqlUser, url.PathEscape(sqlPassword), addr, database)
}

// Password of the login, which must never be seen.
func (s *SQLServer) Password() string { return sqlPassword }

// Addr is host:port. It stays the same over restarts.
func (s *SQLServer) Addr() string { return loopback(s.port) }

// Socket is the host of the server's unix socket in an address: the socket of MariaDB, the folder of PostgreSQL's.
func (s *SQLServer) Socket() string {
	if s.scheme == "mysql" {
		return s.dir + "/socket"
	}
	return s.dir
}

// Port of the server.
func (s *SQLServer) Port() int { return s.port }

// Query runs statements, each with its semicolon, with the engine's own client, and returns a line of each row; cells are parted
// by tabs.
func (s *SQLServer) Query(t testing.TB, database, statements string) string {
	t.Helper()
	out, err := s.run(database, statements)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// Kill ends the server with SIGKILL.
func (s *SQLServer) Kill() { s.process.signal(syscall.SIGKILL, time.Second) }

// Pause stops the server's process without closing connections (SIGSTOP); Continue lets it go on.
func (s *SQLServer) Pause() { _ = syscall.Kill(-s.process.cmd.Process.Pid, syscall.SIGSTOP) }

// Continue ends a Pause.
func (s *SQLServer) Continue() { _ = syscall.Kill(-s.process.cmd.Process.Pid, syscall.SIGCONT) }

// Start starts the server again after Kill, with the same data on the same port.
func (s *SQLServer) Start(t testing.TB) {
	t.Helper()
	// The children of a killed PostgreSQL need a moment to see it; until then a new one ends at once.
	for began := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		err := s.start()
		if err == nil {
			return
		}
		if time.Since(began) > patience {
			t.Fatal(err)
		}
	}
}

func (s *SQLServer) close() {
	s.process.signal(s.quit, 10*time.Second)
	_ = os.RemoveAll(s.dir)
}
