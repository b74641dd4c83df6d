package control

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"strings"
)

// Terminal is where a command talks to the operator.
type Terminal struct {
	In       io.Reader // answers to questions, where it is a terminal
	Out, Err io.Writer // results; questions and progress
	Yes      bool      // every question is answered
	JSON     bool      // results are for programs
}

// maxReply bounds the line that answers a question.
const maxReply = 1 << 10

// Agree asks for consent: nil is a yes. Where nobody can answer it must have been given before (exit code 64).
func (t *Terminal) Agree(ctx context.Context, question string) error {
	if t.Yes {
		return nil
	}
	if f, ok := t.In.(*os.File); !ok || !isTerminal(f) {
		return usage("%s There is no terminal to ask this on: say --yes if it is meant.", question)
	}
	return t.ask(ctx, question)
}

// ask waits for a line. The reading goroutine outlives a ctx that ends: a terminal cannot be made to let go of it, and the
// program ends then.
func (t *Terminal) ask(ctx context.Context, question string) error {
	fmt.Fprintf(t.Err, "%s [y/N] ", question)
	reply := make(chan string, 1)
	go func() {
		line, _ := bufio.NewReader(io.LimitReader(t.In, maxReply)).ReadString('\n')
		reply <- strings.ToLower(strings.TrimSpace(line))
	}()
	select {
	case r := <-reply:
		if r == "y" || r == "yes" {
			return nil
		}
		return &Error{Exit: ExitTemporary, Text: "nothing was done"}
	case <-ctx.Done():
		fmt.Fprintln(t.Err)
		return temporary(context.Cause(ctx), "nothing was done")
	}
}
