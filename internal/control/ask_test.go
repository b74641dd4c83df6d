package control

import (
	"context"
	"io"
	"os"
	"strings"
	"testing"
)

func TestAgree(t *testing.T) {
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	for name, in := range map[string]io.Reader{"a pipe": strings.NewReader("y\n"), "nothing": nil, "the null device": null} {
		var out strings.Builder
		err := (&Terminal{In: in, Err: &out}).Agree(t.Context(), "Burn it?")
		if Code(err) != ExitUsage || !strings.Contains(err.Error(), "Burn it?") || !strings.Contains(err.Error(), "--yes") || out.Len() > 0 {
			t.Errorf("%s: %v, %q", name, err, out.String())
		}
		if err := (&Terminal{In: in, Err: &out, Yes: true}).Agree(t.Context(), "Burn it?"); err != nil || out.Len() > 0 {
			t.Errorf("%s: yes was said: %v", name, err)
		}
	}
}

func TestAsk(t *testing.T) {
	for reply, want := range map[string]bool{
		"y\n": true, "Yes\r\n": true, " YES": true, "\n": false, "n\n": false, "yesno\n": false, "": false,
		strings.Repeat(" ", maxReply) + "y\n": false,
	} {
		var out strings.Builder
		err := (&Terminal{In: strings.NewReader(reply), Err: &out}).ask(t.Context(), "Burn it?")
		if (err == nil) != want || out.String() != "Burn it? [y/N] " {
			t.Errorf("%q: %v, %q", reply, err, out.String())
		}
	}
}

func TestAskIsGivenUp(t *testing.T) {
	r, w := io.Pipe()
	defer w.Close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var out strings.Builder
	if err := (&Terminal{In: r, Err: &out}).ask(ctx, "Burn it?"); Code(err) != ExitTemporary {
		t.Error(err)
	}
}
