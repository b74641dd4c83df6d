package control

import (
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"posthoorn/internal/outbox"
	"posthoorn/internal/schedule"
)

// terminal makes a pair of a terminal and the keyboard and screen in front of it.
func terminal(t *testing.T) (person, program *os.File) {
	t.Helper()
	person, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { person.Close() })
	if err := unix.IoctlSetPointerInt(int(person.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(int(person.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	program, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { program.Close() })
	return person, program
}

// TestFailOnATerminal: the operator is told how much it is, and a no is a no.
func TestFailOnATerminal(t *testing.T) {
	f := &fake{n: 2, explanation: outbox.Explanation{
		Waiting: outbox.WaitingExplanation{Count: 10, InHand: 3}, Plan: &schedule.Explanation{Items: 5},
	}}
	client := operated(t, f, nil)
	for reply, want := range map[string]string{"y\n": `explain a.example invalid IP; fail a.example "gone"`, "n\n": "explain a.example invalid IP"} {
		person, program := terminal(t)
		if _, err := person.WriteString(reply); err != nil {
			t.Fatal(err)
		}
		var out, question strings.Builder
		err := Operate(t.Context(), client, cmdFail, Order{Destination: "a.example", Reason: "gone"}, Terminal{In: program, Out: &out, Err: &question})
		if asked := f.taken(); asked != want || (err == nil) != (reply == "y\n") {
			t.Errorf("%q: %v, asked %s", reply, err, asked)
		}
		if question.String() != "What waits for a.example (now 12 messages) becomes a final failure: gone. [y/N] " {
			t.Errorf("%q", question.String())
		}
	}
}

// TestProgressOnATerminal stays on one line, which ends before anything else is printed.
func TestProgressOnATerminal(t *testing.T) {
	person, program := terminal(t)
	p := progress{t: &Terminal{Err: program}, command: cmdMove}
	p.show(1)
	p.show(2000)
	p.end()
	const want = "\rmove: 1 message so far\x1b[K\rmove: 2000 messages so far\x1b[K\r\n"
	got := make([]byte, len(want))
	if _, err := io.ReadFull(person, got); err != nil || string(got) != want {
		t.Errorf("%q, %v", got, err)
	}
}
