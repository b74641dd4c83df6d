package template

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"
)

func rep(s string, n int) string { return strings.Repeat(s, n) }

func lines(s string) string { return strings.ReplaceAll(s, "⏎", "\n") }

var now = time.Date(2026, 11, 25, 10, 30, 0, 0, time.UTC) // a Wednesday

func render(src, data string) string {
	t, err := Compile(src)
	if err != nil {
		return "error: " + err.Error()
	}
	data = strings.ReplaceAll(data, "⏎", `\n`)
	out, err := t.Render(&Env{Vars: []Value{JSON([]byte(data))}, Now: now})
	if err != nil {
		return "error: " + err.Error()
	}
	return out
}

func TestReference(t *testing.T) {
	for section, samples := range sections {
		t.Run(section, func(t *testing.T) {
			for _, s := range samples {
				if got, want := render(lines(s.src), s.data), lines(s.want); got != want {
					t.Errorf("%s\n with %s\n gives %q\n want  %q", s.src, s.data, got, want)
				}
			}
		})
	}
}

func TestRelativeTimes(t *testing.T) {
	for text, want := range map[string]string{
		"now": "2026-11-25 10:30:00", "today": "2026-11-25 00:00:00", "noon": "2026-11-25 12:00:00",
		"tomorrow": "2026-11-26 00:00:00", "Yesterday": "2026-11-24 00:00:00",
		"+3 days": "2026-11-28 10:30:00", "+3days": "2026-11-28 10:30:00", "-1 week": "2026-11-18 10:30:00",
		"- 1 week": "2026-11-18 10:30:00", "2 hours ago": "2026-11-25 08:30:00", "+90 seconds": "2026-11-25 10:31:30",
		"5 mins": "2026-11-25 10:35:00", "next month": "2026-12-25 10:30:00", "last year": "2025-11-25 10:30:00",
		"+1 month -1 day": "2026-12-24 10:30:00", "tomorrow +2 hours": "2026-11-26 02:00:00",
		"monday": "2026-11-30 00:00:00", "wed": "2026-11-25 00:00:00", "next wednesday": "2026-12-02 00:00:00",
		"last wednesday": "2026-11-18 00:00:00", "next monday": "2026-11-30 00:00:00", "this friday": "2026-11-27 00:00:00",
		"next": "next", "3": "1970-01-01 00:00:03", "+3": "+3", "+3 parsecs": "+3 parsecs",
		"+9999 years": "+9999 years", "+999999999999 days": "+999999999999 days", "monkey": "monkey", "": "", " ": " ",
	} {
		data := `{"d":"` + text + `"}`
		if got := render(`{$d|date_format:"%Y-%m-%d %T"}`, data); got != want {
			t.Errorf("%q is %q, want %q", text, got, want)
		}
	}
}

func TestScopes(t *testing.T) {
	env := Env{Vars: []Value{
		JSON([]byte(`{"envelope":"mine"}`)),
		Object([]Member{
			{"envelope", String("a@b.example")}, {"recipient", String("c@d.example")},
			{"n", Int(5)}, {"yes", Bool(true)}, {"l", List([]Value{Int(1), String("x\"")})},
			{"o", Object([]Member{{"k-l", JSON([]byte(`[1]`))}})},
		}),
	}}
	tpl, err := Compile(`{$envelope} {$recipient} {$n} {$yes} {$l} {$l[1]} {$o} {$o.k_l[0]} {$o[0]} {$l|count}{foreach $o as $k => $v}{$k}{/foreach}`)
	if err != nil {
		t.Fatal(err)
	}
	want := `mine c@d.example 5 true [ 1, "x\"" ] x" { "k-l": [ 1 ] } 1 [ 1 ] 2k-l`
	for range 2 { // the second one has the state of the first
		if got, err := tpl.Render(&env); got != want || err != nil {
			t.Errorf("got  %q, %v\nwant %q", got, err, want)
		}
	}
	if got, _ := tpl.Render(&Env{}); strings.Contains(got, "example") {
		t.Errorf("values of an earlier rendering: %q", got)
	}
}

func TestPrintedHook(t *testing.T) {
	tpl, err := Compile("a,{$x}{if 1}{$y = $x}{'lit,'}{/if},b")
	if err != nil {
		t.Fatal(err)
	}
	env := Env{
		Vars: []Value{JSON([]byte(`{"x":"1,2\r\n"}`))},
		Printed: func(out []byte, from int) []byte {
			return append(out[:from], strings.NewReplacer(",", ";", "\r", " ", "\n", " ").Replace(string(out[from:]))...)
		},
	}
	if got, _ := tpl.Render(&env); got != "a,1;2  lit;,b" {
		t.Errorf("got %q", got)
	}
}

func TestStatic(t *testing.T) {
	for src, want := range map[string]bool{"": true, "a { b } {}": true, "{$x}": false, "{ldelim}": false, "{* *}": false, "{escape}": false} {
		tpl, err := Compile(src)
		if err != nil || tpl.Static() != want {
			t.Errorf("%q: %v, %v", src, tpl.Static(), err)
		}
	}
}

func TestConcurrentUse(t *testing.T) {
	tpl, err := Compile(`{foreach $l as $v}{$s = $s|cat:$v|cat:$u.x}{/foreach}{$s}`)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			want := fmt.Sprintf("%da%da", i, i+1)
			for range 200 {
				env := Env{Vars: []Value{JSON(fmt.Appendf(nil, `{"l":[%d,%d],"u":{"x":"a"}}`, i, i+1))}}
				if got, err := tpl.Render(&env); got != want || err != nil {
					t.Errorf("got %q, %v, want %q", got, err, want)
				}
			}
		})
	}
	wg.Wait()
}

func TestCache(t *testing.T) {
	c := NewCache(8 << 10)
	first, err := c.Compile("{$a}")
	if err != nil {
		t.Fatal(err)
	}
	for i := range 100 {
		if _, err := c.Compile(fmt.Sprintf("{$a}%d", i)); err != nil {
			t.Fatal(err)
		}
		if again, _ := c.Compile("{$a}"); again != first {
			t.Fatalf("a template in use was dropped after %d others", i)
		}
	}
	if n := len(c.young) + len(c.old); n > 2*4<<10/entryCost {
		t.Errorf("%d entries are kept", n)
	}
	for range 2 {
		var e *Error
		if _, err := c.Compile("{if}"); !errors.As(err, &e) || e.Kind != Syntax {
			t.Errorf("error is %v", err)
		}
	}
}

func TestSplit(t *testing.T) {
	src := `{escape}a { b {$x|default:"}"}{if $n > 3}{$y|escape}{literal}{$z}{/literal}{foreach $a as $b}{/foreach}{else}{$v = 1}{* x *}{1 + $x|raw}{ldelim}`
	pieces, err := Split(src)
	if err != nil {
		t.Fatal(err)
	}
	var all, kinds, escaped string
	for _, p := range pieces {
		all += p.Source
		kinds += map[PieceKind]string{Text: "t", Print: "p", Tag: "#"}[p.Kind]
		escaped += p.Escaped()
	}
	if all != src {
		t.Errorf("pieces are\n%q, want\n%q", all, src)
	}
	if kinds != "#tp#p######p#" {
		t.Errorf("kinds are %s", kinds)
	}
	want := strings.NewReplacer(`{$x|default:"}"}`, `{($x|default:"}")|escape}`, `{1 + $x|raw}`, `{(1 + $x|raw)|escape}`).Replace(src)
	if escaped != want {
		t.Errorf("escaped is\n%q, want\n%q", escaped, want)
	}
	for _, bad := range []string{"{hello}", "{if $a", "{foreach $a}", "{/if x}", "{$a", "{elseif}"} {
		if _, err := Split(bad); err == nil {
			t.Errorf("%q can be split", bad)
		}
	}
}
