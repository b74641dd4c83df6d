package testbed

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// Postfix starts a Postfix that ends with the test. settings are further lines of main.cf ("smtpd_banner = x"). It needs root.
func Postfix(t testing.TB, settings ...string) *MailServer {
	t.Helper()
	binary, err := need("postfix", "postfix", "/usr/sbin/postfix")
	if err != nil {
		t.Fatal(err)
	}
	master, err := need("postfix", "/usr/lib/postfix/sbin/master", "/usr/libexec/postfix/master")
	if err != nil {
		t.Fatal(err)
	}
	dir := serverDir(t, "postfix", "postfix", "data", "mail")
	port, err := freePort()
	if err != nil {
		t.Fatal(err)
	}
	owner, _, _ := ids(t, "postfix")
	mainCf := append([]string{
		"compatibility_level = 3.6", "mail_owner = postfix", "setgid_group = postdrop", "myhostname = postfix.test", "mydomain = test",
		"queue_directory = " + dir + "/queue", "data_directory = " + dir + "/data", "inet_interfaces = 127.0.0.1", "inet_protocols = ipv4",
		"maillog_file = " + dir + "/log", "maillog_file_prefixes = " + dir, "mydestination =", "alias_maps =", "alias_database =",
		"virtual_mailbox_domains = static:ALL", "virtual_mailbox_maps = static:box/", "virtual_mailbox_base = " + dir + "/mail",
		fmt.Sprintf("virtual_minimum_uid = 1\nvirtual_uid_maps = static:%d\nvirtual_gid_maps = static:%d", owner.uid, owner.gid),
		"smtpd_relay_restrictions = reject_unauth_destination", "message_size_limit = 52428800", "mailbox_size_limit = 0",
		"virtual_mailbox_limit = 0", "smtpd_client_connection_count_limit = 0", "smtpd_client_connection_rate_limit = 0", "smtputf8_enable = yes",
	}, settings...)
	err = errors.Join(
		os.Mkdir(dir+"/queue", 0o755), os.Mkdir(dir+"/etc", 0o755),
		os.WriteFile(dir+"/etc/main.cf", []byte(lastOfEach(mainCf)), 0o644),
		os.WriteFile(dir+"/etc/master.cf", []byte(masterCf(port)), 0o644))
	if err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(binary, "-c", dir+"/etc", "check").CombinedOutput(); err != nil { // it also makes the folders of the queue
		t.Fatalf("%v\n%s", err, out)
	}
	// Not with postfix start-fg, whose shell stands between us and the server and does not pass signals on.
	return startMailServer(t, exec.Command(master, "-c", dir+"/etc", "-s"), &MailServer{addr: loopback(port), mailbox: dir + "/mail/box", log: dir + "/log", config: dir + "/etc"}, dir)
}

// lastOfEach leaves out the settings that later ones replace. Each process of a Postfix would warn of them when it starts, also the one
// that writes the log; once a dozen of these lines wait to be written, all of them hang.
func lastOfEach(settings []string) string {
	var lines []string
	for _, line := range strings.Split(strings.Join(settings, "\n"), "\n") {
		lines = append(slices.DeleteFunc(lines, func(l string) bool { return settingName(l) == settingName(line) }), line)
	}
	return strings.Join(lines, "\n") + "\n"
}

func settingName(line string) string {
	name, _, _ := strings.Cut(line, "=")
	return strings.TrimSpace(name)
}

// masterCf is the services of a Postfix that receives and delivers to a maildir.
func masterCf(port int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "127.0.0.1:%d inet n - n - - smtpd\n", port)
	for _, service := range []string{
		"pickup unix n - n 60 1 pickup", "cleanup unix n - n - 0 cleanup", "qmgr unix n - n 300 1 qmgr", "rewrite unix - - n - - trivial-rewrite",
		"bounce unix - - n - 0 bounce", "defer unix - - n - 0 bounce", "trace unix - - n - 0 bounce", "flush unix n - n 1000? 0 flush",
		"proxymap unix - - n - - proxymap", "smtp unix - - n - - smtp", "relay unix - - n - - smtp", "error unix - - n - - error",
		"retry unix - - n - - error", "discard unix - - n - - discard", "virtual unix - n n - - virtual", "anvil unix - - n - 1 anvil",
		"tlsmgr unix - - n 1000? 1 tlsmgr", "scache unix - - n - 1 scache", "postlog unix-dgram n - n - 1 postlogd",
	} {
		b.WriteString(service + "\n")
	}
	return b.String()
}
