package control

import (
	"fmt"
	"os"
	"time"
)

// progress shows on the terminal how far a command has come; where there is none, a line now and then.
type progress struct {
	t       *Terminal
	command string
	shown   time.Time
	open    bool // the line has no end yet
}

// logPace is between two lines of progress that nobody watches.
const logPace = 10 * time.Second

func (p *progress) show(n int) {
	line := fmt.Sprintf("%s: %s so far", p.command, messages(n))
	if f, ok := p.t.Err.(*os.File); ok && isTerminal(f) {
		fmt.Fprintf(p.t.Err, "\r%s\x1b[K", line)
		p.open = true
		return
	}
	if now := time.Now(); now.Sub(p.shown) >= logPace {
		p.shown = now
		fmt.Fprintln(p.t.Err, line)
	}
}

// end leaves the line.
func (p *progress) end() {
	if p.open {
		fmt.Fprintln(p.t.Err)
	}
}
