package spool

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"posthoorn/internal/mail"
)

func TestReadMessage(t *testing.T) {
	long := strings.Repeat("x", 200_000)
	for name, c := range map[string]struct {
		in, want string
		ignore   bool
	}{
		"lines":                  {in: "a\nb\r\nc\n", want: "a\r\nb\r\nc\r\n"},
		"no last line end":       {in: "a\nb", want: "a\r\nb"},
		"dot ends":               {in: "a\n.\nb\n", want: "a\r\n"},
		"dot with CRLF":          {in: "a\r\n.\r\nb\n", want: "a\r\n"},
		"dot at the end":         {in: "a\n.", want: "a\r\n"},
		"doubled":                {in: "a\n..\n..b\n...c\n", want: "a\r\n.\r\n.b\r\n..c\r\n"},
		"doubled at the end":     {in: "a\n..b", want: "a\r\n.b"},
		"not doubled":            {in: "a\n.b\n", want: "a\r\n.b\r\n"},
		"dot and blank":          {in: "a\n. \nb\n", want: "a\r\n. \r\nb\r\n"},
		"dots ignored":           {in: "a\n.\n..b\n", want: "a\r\n.\r\n..b\r\n", ignore: true},
		"dot alone ignored":      {in: ".", want: ".", ignore: true},
		"long line":              {in: long + "\n.\nx", want: long + "\r\n"},
		"long doubled line":      {in: ".." + long + "\n", want: "." + long + "\r\n"},
		"several CR":             {in: "a\r\r\nb\n", want: "a\r\nb\r\n"},
		"CR alone is the door's": {in: "a\rb\n", want: "a\rb\r\n"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, r := range []io.Reader{strings.NewReader(c.in), iotest.HalfReader(strings.NewReader(c.in)), iotest.DataErrReader(strings.NewReader(c.in))} {
				got, err := ReadMessage(r, c.ignore, 0)
				if err != nil || string(got) != c.want {
					t.Errorf("%v %.100q", err, got)
				}
			}
		})
	}
}

func TestReadMessageRefuses(t *testing.T) {
	broken := errors.New("broken pipe")
	for name, c := range map[string]struct {
		in   io.Reader
		code int
		err  error
	}{
		"nothing":   {in: strings.NewReader(""), code: 554},
		"only dot":  {in: strings.NewReader(".\n"), code: 554},
		"too big":   {in: strings.NewReader("12345\n1234\n"), code: 552},
		"one line":  {in: strings.NewReader(strings.Repeat("x", 1<<20)), code: 552},
		"never end": {in: zeros{}, code: 552},
		"broken":    {in: io.MultiReader(strings.NewReader("a\nb"), iotest.ErrReader(broken)), err: broken},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := ReadMessage(c.in, false, 12)
			var e *mail.Error
			if c.err != nil && !errors.Is(err, c.err) || c.err == nil && (!errors.As(err, &e) || e.Code != c.code) {
				t.Error(err)
			}
		})
	}
	if got, err := ReadMessage(strings.NewReader("12345\n123\n"), false, 12); err != nil || len(got) != 12 {
		t.Error("exactly the limit:", err)
	}
}

// zeros is an input without end and without lines.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }

func FuzzReadMessage(f *testing.F) {
	f.Add("a\n..b\r\n.\r\nc", false)
	f.Add("\r\n\r\r\n.", true)
	f.Fuzz(func(t *testing.T, in string, ignore bool) {
		got, err := ReadMessage(strings.NewReader(in), ignore, 1000)
		if err != nil {
			return
		}
		if len(got) == 0 || len(got) > 1000 {
			t.Fatalf("%d bytes", len(got))
		}
		if strings.Count(string(got), "\n") != strings.Count(string(got), "\r\n") {
			t.Fatalf("%q has an LF of its own", got)
		}
		if !ignore && strings.HasPrefix(string(got), ".\r\n") && !strings.HasPrefix(in, "..") {
			t.Fatalf("%q from %q", got, in)
		}
	})
}
