package accounting

import (
	"strings"
	"testing"
	"time"
)

// TestCheckerFinds shows that each kind of fault is found, and what is no fault is not.
func TestCheckerFinds(t *testing.T) {
	began := time.Unix(1000, 0)
	at := func(ms int) time.Time { return began.Add(time.Duration(ms) * time.Millisecond) }
	yes := delivery{hash: "h", accepted: true, opened: at(90), received: at(100), answered: at(110)}
	later := delivery{hash: "h", accepted: true, opened: at(890), received: at(900), answered: at(910)}
	ended := func(b *books, id, queue, messageID string) {
		b.conclude(id, outcome{queue, messageID, "message", "accepted"})
		b.conclude(id, outcome{"results", messageID, "message", "accepted"})
	}
	good := func() *books {
		b := newBooks()
		b.publish("ok.1@d.test", "h")
		b.confirm("ok.1@d.test")
		b.deliver("ok.1@d.test", yes)
		ended(b, "ok.1@d.test", "success", "m1")
		return b
	}
	for name, c := range map[string]struct {
		change func(*books)
		finds  string // empty: nothing
	}{
		"all is well":               {func(*books) {}, ""},
		"a repeated result":         {func(b *books) { ended(b, "ok.1@d.test", "success", "m1") }, ""},
		"not confirmed, gone":       {func(b *books) { b.publish("ok.2@d.test", "h") }, ""},
		"not confirmed, arrived":    {func(b *books) { b.publish("ok.2@d.test", "h"); b.deliver("ok.2@d.test", yes) }, ""},
		"dropped, then sent again":  {func(b *books) { d := yes; d.dropped = true; b.deliveries["ok.1@d.test"] = []delivery{d, later} }, ""},
		"refused, then accepted":    {func(b *books) { d := yes; d.accepted = false; b.deliveries["ok.1@d.test"] = []delivery{d, later} }, ""},
		"doubled just before death": {func(b *books) { b.deliver("ok.1@d.test", later); b.killed(at(140), at(150)) }, ""},
		"doubled, read after death": {func(b *books) { b.deliver("ok.1@d.test", later); b.killed(at(93), at(96)) }, ""},
		"doubled, never answered": {func(b *books) {
			d := yes
			d.answered = time.Time{}
			b.deliveries["ok.1@d.test"] = []delivery{d, later}
			b.killed(at(400), at(410))
		}, ""},

		"lost":               {func(b *books) { b.publish("ok.2@d.test", "h"); b.confirm("ok.2@d.test") }, "is lost"},
		"lost after arrival": {func(b *books) { delete(b.outcomes, "ok.1@d.test") }, "is lost"},
		"two final states":   {func(b *books) { b.conclude("ok.1@d.test", outcome{"failure", "m1", "message", "error"}) }, "final states"},
		"two results":        {func(b *books) { ended(b, "ok.1@d.test", "success", "m2") }, "final states"},
		"no word in results": {func(b *books) { b.outcomes["ok.1@d.test"] = b.outcomes["ok.1@d.test"][:1] }, "in results"},
		"wrong state": {func(b *books) {
			b.publish("perm.3@d.test", "h")
			b.deliver("perm.3@d.test", yes)
			ended(b, "perm.3@d.test", "success", "m3")
		}, "ended in success"},
		"altered":                    {func(b *books) { b.deliveries["ok.1@d.test"][0].hash = "x" }, "altered"},
		"success that never arrived": {func(b *books) { delete(b.deliveries, "ok.1@d.test") }, "never arrived"},
		"failure that was accepted": {func(b *books) {
			b.publish("perm.3@d.test", "h")
			b.deliver("perm.3@d.test", yes)
			ended(b, "perm.3@d.test", "failure", "m3")
		}, "was accepted"},
		"arrived from nowhere":    {func(b *books) { b.deliver("ok.9@d.test", yes) }, "never published"},
		"result from nowhere":     {func(b *books) { ended(b, "ok.9@d.test", "success", "m9") }, "never published"},
		"doubled for no reason":   {func(b *books) { b.deliver("ok.1@d.test", later) }, "sent again"},
		"doubled long before":     {func(b *books) { b.deliver("ok.1@d.test", later); b.killed(at(800), at(810)) }, "sent again"},
		"doubled after the death": {func(b *books) { b.deliver("ok.1@d.test", later); b.killed(at(80), at(89)) }, "sent again"},
		"failed without a cause": {func(b *books) {
			b.outcomes["ok.1@d.test"] = nil
			b.conclude("ok.1@d.test", outcome{"failure", "m1", "unknown", "error"})
			b.conclude("ok.1@d.test", outcome{"results", "m1", "unknown", "error"})
		}, "as the cause"},
		"doubled too often": {func(b *books) {
			for _, id := range []string{"ok.2@d.test", "ok.3@d.test", "ok.4@d.test"} {
				b.publish(id, "h")
				b.deliver(id, yes)
				b.deliver(id, later)
				ended(b, id, "success", "m"+id)
			}
			b.killed(at(115), at(120))
		}, "in doubt"},
	} {
		b := good()
		c.change(b)
		problems := b.check(terms{window: 50 * time.Millisecond, connections: 2})
		if c.finds == "" && len(problems) > 0 {
			t.Errorf("%s: found %q", name, problems)
		}
		if c.finds != "" && (len(problems) != 1 || !strings.Contains(problems[0], c.finds)) {
			t.Errorf("%s: found %q, want one that says %q", name, problems, c.finds)
		}
	}
}
