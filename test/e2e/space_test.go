package e2e

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"posthoorn/internal/app/config"

	"golang.org/x/sys/unix"
)

// Without room on the disk no door takes mail; nothing is lost (queues.md sections 8 and 10).
func TestNoRoomOnTheDisk(t *testing.T) {
	onBoth(t, setup{keys: map[string]string{"local-min-free": "1000000GB"}}, func(t *testing.T, r *rig) {
		eventually(t, "the SMTP door says 452", func() bool { return r.answer("MAIL FROM:<me@sender.test>") == "452" })
		r.drop("mail.eml", "From: me@sender.test\nTo: you@room.test\n\nx\n")
		eventually(t, "the spool has tried", func() bool { return strings.Contains(r.read("errors.log"), "not taken now") })
		r.stop()
		r.file = r.write("config.txt", r.keys(nil, r.broker))
		r.server = r.file
		r.start()
		r.succeed(1)
		r.received("you@room.test")
	})
}

// mount gives the state directory a volume of its own.
func (r *rig) mount(size string) {
	r.t.Helper()
	dir := r.mkdir("state")
	if os.Geteuid() != 0 {
		r.t.Skip("a full disk needs a volume of its own, which root alone can mount")
	}
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "mode=0700,size="+size); err != nil {
		r.t.Skipf("a full disk needs a volume of its own, and none can be mounted: %v", err)
	}
	r.t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			r.t.Error(err)
		}
	})
}

// fill takes space of the state directory's volume until only so many bytes are left; free gives it back.
func (r *rig) fill(left int64) (free func()) {
	r.t.Helper()
	name := filepath.Join(r.dir, "state", "ballast")
	f, err := os.Create(name)
	if err != nil {
		r.t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	eventually(r.t, "the volume is filled", func() bool { // the daemon may take of it meanwhile
		var volume unix.Statfs_t
		err := unix.Statfs(name, &volume)
		if err == nil {
			err = unix.Fallocate(int(f.Fd()), 0, 0, int64(volume.Bavail)*volume.Bsize-left)
		}
		if err != nil && !errors.Is(err, unix.ENOSPC) {
			r.t.Fatal(err)
		}
		return err == nil
	})
	return func() {
		if err := os.Remove(name); err != nil {
			r.t.Fatal(err)
		}
	}
}

// Space runs out while mail of a pause is put aside: nothing more is taken in (into the embedded queue not even by hand), what is
// here goes on being delivered, and when there is space again the rest is put aside too. Nothing is lost or doubled (F11).
func TestDiskFillsWhileParking(t *testing.T) {
	const held, later, total = 1000, 100, 1120 // and between them those that are tried again
	onBoth(t, setup{disk: "256m", keys: map[string]string{"local-min-free": "24MB"}}, func(t *testing.T, r *rig) {
		r.command("", "pause", "held.test")
		mails := func(from, to int, recipient, more string) string {
			var lines []string
			for i := from; i < to; i++ {
				lines = append(lines, fmt.Sprintf(`{"id":%d,"recipient":"%s","mime":"Subject: x\r\n\r\nbody\r\n"%s}`, i, fmt.Sprintf(recipient, i), more))
			}
			return strings.Join(lines, "\n") + "\n"
		}
		r.publish("%s", mails(held+later, total, "defer.1@again%d.test", `,"retries":[3]`))
		r.take("retry", total-held-later)
		r.publish("%s", mails(0, held, "%d@held.test", ""))
		free := r.fill(16 << 20)
		eventually(t, "consuming stops", func() bool { return strings.Contains(r.read("errors.log"), "consuming from the outbox stops") })
		rest := mails(held, held+later, "%d@held.test", "")
		code, _, complaints := r.try(rest, "queue", "publish", r.queues.of("outbox"))
		embedded := r.broker == ""
		if embedded != (code == config.ExitTemporary) || embedded && !strings.Contains(complaints, "local-min-free") {
			t.Errorf("published: exit code %d, %s", code, complaints)
		}
		eventually(t, "mail that is here is delivered", func() bool { return len(r.accepted()) == total-held-later })
		if ready, inHand := r.inQueue("outbox"); !embedded && ready == "0" && inHand == "0" {
			t.Error("mail was taken in without space for it")
		}
		free()
		if embedded {
			eventually(t, "mail is taken in", func() bool {
				code, _, _ := r.try(rest, "queue", "publish", r.queues.of("outbox"))
				return code == config.ExitOK
			})
		}
		r.queuesEmpty("outbox")
		r.everyone("results", total-held-later)
		r.command("", "resume", "held.test")
		r.everyone("results", held+later)
		r.everyone("success", total)
		r.once(total)
		r.queuesEmpty("outbox")
		r.empty("retry", "failure")
	})
}
