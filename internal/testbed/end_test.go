package testbed_test

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"posthoorn/internal/testbed"
)

// starters are one server of each way to start some. None of them may outlive its test, whatever happens to it.
var starters = map[string]func(testing.TB) (addr string){
	"postfix": func(t testing.TB) string { return testbed.Postfix(t).Addr() },
	"exim":    func(t testing.TB) string { return testbed.Exim(t).Addr() },
	"haproxy": func(t testing.TB) string { return testbed.StartHAProxy(t, "server none 127.0.0.1:9").Addrs[0] },
	"mariadb": func(t testing.TB) string { return new(testbed.SharedSQL).MariaDB(t).Addr() }, // nobody closes it
}

func TestServersEndWithTheTest(t *testing.T) {
	for _, name := range []string{"postfix", "exim", "haproxy"} {
		var addr string
		t.Run(name, func(t *testing.T) { addr = starters[name](t) })
		if addr != "" {
			gone(t, name, addr)
		}
	}
}

// victim names, in the environment, the server that a process starts to be killed with it.
const victim = "POSTHOORN_TESTBED_VICTIM"

func TestServersEndWithTheProcess(t *testing.T) {
	if start := starters[os.Getenv(victim)]; start != nil {
		fmt.Println("listens on", start(t))
		time.Sleep(time.Minute)
		return // nobody has killed it, and it must not start victims of its own
	}
	for name := range starters {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cmd := exec.Command(os.Args[0], "-test.run=^TestServersEndWithTheProcess$")
			cmd.Env = append(os.Environ(), victim+"="+name, "TMPDIR="+reachable(t))
			gone(t, name, killed(t, cmd))
		})
	}
}

// killed starts a process that starts a server, kills it, and says where the server listened.
func killed(t *testing.T, cmd *exec.Cmd) (addr string) {
	t.Helper()
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	said, ok := "", false
	for lines := bufio.NewScanner(out); !ok && lines.Scan(); {
		_, addr, ok = strings.Cut(lines.Text(), "listens on ")
		said += lines.Text() + "\n"
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	if !ok {
		t.Fatalf("it did not start: %s", said)
	}
	return addr
}

// reachable is a folder for what a process that is killed leaves behind, which users of the servers can enter.
func reachable(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "posthoorn-victim-")
	if err == nil {
		err = os.Chmod(dir, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// gone waits until nothing listens there.
func gone(t *testing.T, name, addr string) {
	t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		c, err := net.DialTimeout("tcp", addr, time.Second)
		if errors.Is(err, syscall.ECONNREFUSED) {
			return
		}
		if err == nil {
			_ = c.Close()
		}
	}
	t.Errorf("%s still listens on %s", name, addr)
}
