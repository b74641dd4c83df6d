package deliver

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"posthoorn/internal/monitor"
)

var showable = regexp.MustCompile(`^(EHLO .*|HELO .*|STARTTLS|AUTH …|MAIL FROM:<.*|RCPT TO:<.*|DATA|RSET|QUIT|\.)$`)

// checkShown wants that of a dialogue commands are shown, and neither content nor anything of a login.
func (d *dialogue) checkShown(t *testing.T, v *monitor.Viewer) {
	t.Helper()
	shown := 0
	for {
		select {
		case l := <-v.Lines():
			if l.Session.Domain == "" {
				t.Errorf("%s %q belongs to no domain", l.Who, l.Text)
			}
			if l.Who == monitor.Us {
				shown++
				if !showable.MatchString(l.Text) {
					t.Errorf("%q was shown", l.Text)
				}
			}
		default:
			mail := func(line string) bool { return strings.HasPrefix(line, "C: MAIL") }
			if shown == 0 && slices.ContainsFunc(slices.Concat(d.connections...), mail) {
				t.Error("nothing was shown")
			}
			return
		}
	}
}
