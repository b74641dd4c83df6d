package testbed

import (
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const (
	eximUser    = "Debian-exim" // the Debian package is built for it
	eximDefault = "/opt/posthoorn-exim"
)

// Exim starts an Exim that ends with the test. settings are further lines of the main section ("smtp_banner = x"). It needs root.
func Exim(t testing.TB, settings ...string) *MailServer {
	t.Helper()
	return startExim(t, eximBox, settings)
}

// startExim starts an Exim with the sections that say where mail goes; they may name its directory.
func startExim(t testing.TB, sections func(dir string) string, settings []string) *MailServer {
	t.Helper()
	root := os.Getenv("POSTHOORN_EXIM")
	if root == "" {
		root = eximDefault
	}
	binary, err := need("exim4-daemon-light", "exim4", root+"/usr/sbin/exim4")
	if err != nil {
		t.Fatal(err)
	}
	dir := serverDir(t, "exim", eximUser, "spool", "mail", "log")
	port, err := freePort()
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(settings, func(line string) bool { return strings.HasPrefix(line, "tls_") }) {
		settings = append(settings, "tls_advertise_hosts =") // else it makes a certificate of its own
	}
	config := fmt.Sprintf(`exim_path = %s
keep_environment =
exim_user = %s
exim_group = %s
primary_hostname = exim.test
spool_directory = %s/spool
log_file_path = %s/log/%%slog
daemon_smtp_ports = %d
local_interfaces = 127.0.0.1
host_lookup =
rfc1413_hosts =
deliver_drop_privilege = true
queue_run_in_order = false
message_size_limit = 50M
smtp_accept_max = 0
smtp_accept_queue = 0
smtp_accept_queue_per_connection = 0
prdr_enable = true
smtputf8_advertise_hosts = *
acl_smtp_rcpt = accept_all
acl_smtp_data = accept_all
%s
begin acl
accept_all:
  accept
%s`, binary, eximUser, eximUser, dir, dir, port, strings.Join(settings, "\n"), sections(dir))
	if err := os.WriteFile(dir+"/exim.conf", []byte(config), 0o644); err != nil {
		t.Fatal(err)
	}
	return startMailServer(t, exec.Command(binary, "-bdf", "-C", dir+"/exim.conf"), &MailServer{addr: loopback(port), mailbox: dir + "/mail/box", log: dir + "/log/mainlog"}, dir)
}

// eximBox keeps all mail in a maildir.
func eximBox(dir string) string {
	return fmt.Sprintf(`begin routers
all:
  driver = accept
  transport = box
begin transports
box:
  driver = appendfile
  directory = %s/mail/box
  maildir_format
  create_directory
  delivery_date_add = false
  return_path_add
  headers_add = Delivered-To: $local_part@$domain
  batch_max = 1
`, dir)
}
