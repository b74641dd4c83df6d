package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// postfix relays to the sink, from files of its own beside the system's. It needs root, as Postfix does.
type postfix struct {
	*process
	door  string
	spool string
}

const postfixMain = `compatibility_level = 3.6
queue_directory = %[1]s/spool
data_directory = %[1]s/data
maillog_file = %[1]s/mail.log
maillog_file_prefixes = %[1]s
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = postfix.test
mydestination =
mynetworks = 127.0.0.0/8
alias_maps =
alias_database =
local_recipient_maps =
transport_maps = texthash:%[1]s/transport
default_destination_concurrency_limit = %[2]d
initial_destination_concurrency = 20
default_process_limit = 200
smtpd_client_connection_count_limit = 0
smtpd_client_connection_rate_limit = 0
in_flow_delay = 0
qmgr_message_active_limit = 50000
smtp_tls_security_level = none
smtpd_peername_lookup = no
disable_dns_lookups = yes
biff = no
`

// postfixKeeps lets mail stay where smtpd and cleanup put it, synced as by default: qmgr never touches it. That is the least
// work with which Postfix can accept a message.
const postfixKeeps = "smtpd_client_restrictions = check_client_access static:HOLD\n"

const postfixMaster = `127.0.0.1:%d inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
`

func startPostfix(b *bench, r row, dir string) (contestant, error) {
	port := freePort(b.host)
	var transport strings.Builder
	for i, addr := range b.sink.addrs(domains) {
		fmt.Fprintf(&transport, "d%d.bench.test smtp:[%s]:%d\n", i, addr, b.sink.port)
	}
	main := fmt.Sprintf(postfixMain, dir, r.connections)
	if r.keeps != "" {
		main += postfixKeeps
	}
	files := map[string]string{
		"main.cf":   main,
		"master.cf": fmt.Sprintf(postfixMaster, port),
		"transport": transport.String(),
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			return nil, err
		}
	}
	// The data directory must belong to the user that Postfix works for.
	data := exec.Command("install", "-d", "-o", "postfix", filepath.Join(dir, "data"))
	spool := exec.Command("install", "-d", filepath.Join(dir, "spool"))
	check := exec.Command("postfix", "-c", dir, "check")
	for _, cmd := range []*exec.Cmd{data, spool, check} {
		if out, err := cmd.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("%s: %w: %s (Debian's package postfix, as root)", strings.Join(cmd.Args, " "), err, out)
		}
	}
	daemons, err := exec.Command("postconf", "-h", "daemon_directory").Output()
	if err != nil {
		return nil, err
	}
	// Not by its script, from which it would break away.
	p, err := spawn(dir, filepath.Join(strings.TrimSpace(string(daemons)), "master"), "-c", dir, "-d")
	return &postfix{p, fmt.Sprintf("127.0.0.1:%d", port), filepath.Join(dir, "spool")}, err
}

func (p *postfix) address() string { return p.door }

// kept is part of keeper.
func (p *postfix) kept() (n int, ok bool) {
	held, err := os.ReadDir(filepath.Join(p.spool, "hold"))
	return len(held), err == nil
}

func (p *postfix) ready() bool       { return listens(p.door) }
func (p *postfix) feed(l load) error { return l.smtp(p.door) }
