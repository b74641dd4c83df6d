package e2e

import (
	"strings"
	"testing"
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
