package template

import (
	"errors"
	"strings"
	"testing"
)

// Whatever a foreign template or foreign data try, they end with an error, and soon.
func TestLimits(t *testing.T) {
	big := `{"x":"` + rep("a", 1<<20) + `","l":[` + rep("1,", 2000) + `1]}`
	for name, c := range map[string]struct{ src, data, want string }{
		"nested loops":     {rep("{foreach $a as $b}", 10000), `{}`, "blocks are nested too deeply"},
		"nested ifs":       {rep("{if 1}", 10000) + rep("{/if}", 10000), `{}`, "blocks are nested too deeply"},
		"parentheses":      {"{" + rep("(", 10000) + "1" + rep(")", 10000) + "}", `{}`, "expression is nested too deeply"},
		"brackets":         {"{$a" + rep("[$a", 10000), `{}`, "expression is nested too deeply"},
		"signs":            {"{" + rep("-", 10000) + "1}", `{}`, "expression is nested too deeply"},
		"negations":        {"{" + rep("not ", 10000) + "1}", `{}`, "expression is nested too deeply"},
		"calls":            {"{" + rep("hash(", 10000), `{}`, "expression is nested too deeply"},
		"too many parts":   {rep("{$a}", maxNodes), `{}`, "template has too many parts"},
		"too large":        {rep("a", maxSource+1), `{}`, "template is larger than 32 MB"},
		"loop steps":       {rep("{foreach $l as $i}", 3) + rep("{/foreach}", 3), big, "loops take too many steps"},
		"output":           {"{foreach $l as $i}{$x}{/foreach}", big, "output is too long"},
		"doubling":         {"{foreach $l as $i}{$x = $x|cat:$x}{/foreach}", big, tooLong},
		"many copies":      {"{foreach $l as $i}{$y = $x|upper}{/foreach}", big, tooLong},
		"replace":          {`{$x|replace:"a":$x}`, big, "text is too long"},
		"regex_replace":    {`{$x|regex_replace:".":$x}`, big, "text is too long"},
		"groups":           {`{$x|regex_replace:".+":"` + rep("$&", 1000) + `"}`, big, "text is too long"},
		"indent":           {`{$x|indent:999999999:$x}`, big, "text is too long"},
		"spacify":          {`{$x|spacify:$x}`, big, "text is too long"},
		"thousands":        {`{1e300|number_format:0:".":$x}`, big, "text is too long"},
		"date":             {`{$x = $x|cat:$x|cat:$x|cat:$x|cat:$x}{0|date_format:$x}`, big, "text is too long"},
		"lookups":          {rep("{foreach $l as $i}", 2) + "{$l[$i].y}{$l|md5}{/foreach}{/foreach}", big, tooLong},
		"counting":         {rep("{foreach $l as $i}", 2) + "{if $x|strlen}{/if}{/foreach}{/foreach}", big, tooLong},
		"long keys":        {rep("{foreach $l as $i}", 2) + "{if $l[$x] + $x == $x}{/if}{/foreach}{/foreach}", big, tooLong},
		"escaped text":     {rep("{foreach $l as $i}", 2) + "{if $e.e}{/if}{/foreach}{/foreach}", `{"l":[` + rep("1,", 2000) + `1],"e":{"e":"\` + rep("a", 1<<20) + `"}}`, tooLong},
		"range":            {"{$r = $l|range:0:9}{foreach $l as $i}{foreach $l as $j}{$r|md5}{/foreach}{/foreach}", `{"l":[` + rep(`"`+rep("a", 9999)+`",`, 2000) + `1]}`, tooLong},
		"quadratic regex":  {`{$x|regex_replace:"a*b|a":"c"}`, big, tooLong},
		"slow expression":  {`{if $x =~ "(a?){400}(a?){400}(a?){100}b"}{/if}`, big, tooLong},
		"long expression":  {`{if $x =~ "` + rep("a", 1001) + `"}{/if}`, big, "bad regular expression: longer than 1000 bytes"},
		"large expression": {`{if $x =~ "((ab){500}){2}((ab){500}){2}((ab){500}){2}"}{/if}`, big, "bad regular expression: too complex"},
	} {
		t.Run(name, func(t *testing.T) {
			tpl, err := Compile(c.src)
			if err == nil {
				err = renderTired(tpl, c.data, c.want == tooLong)
			}
			if err == nil || !strings.HasSuffix(err.Error(), c.want) {
				t.Errorf("got %v, want %s", err, c.want)
			}
		})
	}
}

const tooLong = "template takes too long"

// renderTired renders, if tired as if most of what a template may do had been done: to spend all of it
// takes a second or so, each time.
func renderTired(tpl *Template, data string, tired bool) error {
	s := tpl.begin(nil, &Env{Vars: []Value{JSON([]byte(data))}})
	if tired {
		s.work = maxWork - maxWork/8
	}
	defer s.end()
	return s.run(tpl.nodes)
}

func TestLongButFlat(t *testing.T) {
	for name, c := range map[string]struct{ src, data, want string }{
		"modifiers":   {"{$x" + rep("|upper", 1000) + "}", `{"x":"a"}`, "A"},
		"terms":       {"{0" + rep("+1", 100_000) + "}", `{}`, "100000"},
		"conditions":  {"{if 0" + rep(" or 0", 10_000) + " or 1}y{/if}", `{}`, "y"},
		"elseifs":     {"{if 0}" + rep("{elseif 0}", 10_000) + "{else}y{/if}", `{}`, "y"},
		"braces":      {rep("{ ", 200_000), `{}`, rep("{ ", 200_000)},
		"deep data":   {"{$x|count}{$x|md5|strlen}", `{"x":` + rep("[", 100_000) + rep("]", 100_000) + "}", "132"},
		"RE2":         {`{if $x =~ "(a+)+$"}y{/if}`, `{"x":"` + rep("a", 1<<20) + `"}`, "y"},
		"white space": {`{$x|regex_replace:"\s+":" "|strlen}`, `{"x":"` + rep("word  ", 50_000) + `"}`, "250000"},
		"tags":        {`{$x|regex_replace:"<[^>]*>":""|strlen}`, `{"x":"` + rep("<b>word</b>", 20_000) + `"}`, "80000"},
	} {
		if got := render(c.src, c.data); got != c.want {
			t.Errorf("%s: got %.200q", name, got)
		}
	}
}

func TestMaxOutput(t *testing.T) {
	tpl, err := Compile("ab{$x}cd")
	if err != nil {
		t.Fatal(err)
	}
	env := Env{Vars: []Value{JSON([]byte(`{"x":"12345"}`))}, MaxOutput: 8}
	out, err := tpl.Append([]byte("before "), &env)
	var e *Error
	if !errors.As(err, &e) || e.Kind != Runtime {
		t.Errorf("error is %v", err)
	}
	if string(out) != "before ab12345" {
		t.Errorf("what fits is %q", out)
	}
	env.MaxOutput = 9
	if out, err = tpl.Append(nil, &env); err != nil || string(out) != "ab12345cd" {
		t.Errorf("got %q, %v", out, err)
	}
}

// Damaged JSON gives what can be read and harms nothing.
func TestDamagedJSON(t *testing.T) {
	for data, want := range map[string]string{
		``: "", `{`: "", `{"`: "", `{"a`: "", `{"a"`: "", `{"a":`: "", `{"a":1`: "1", `{"a":1]`: "1", `{"a":"x`: "",
		`{"b":[1}, "a":2}`: "2", `[1,2]`: "", `"a"`: "", `{"a":tru}`: "", `{"a":1x}`: "",
		`{"a":"\`: "", `{"a":"\u12"}`: `\u12`, `{"a":"\ud800x"}`: "\uFFFDx", "{\"a\":\"\xff\"}": "\uFFFD", "{\"a\":[\"\xff\"]}": "[ \"\uFFFD\" ]",
		`{"a":{`: "{", `{,"a":1}`: "", `{"a"::1}`: ":1",
	} {
		got := render("{$a}", data)
		if want == "{" || want == ":1" {
			continue // only has to end
		}
		if got != want {
			t.Errorf("%s gives %q, want %q", data, got, want)
		}
	}
}

func FuzzTemplate(f *testing.F) {
	for _, samples := range sections {
		for _, s := range samples {
			f.Add(lines(s.src), s.data)
		}
	}
	f.Fuzz(func(t *testing.T, src, data string) {
		if len(src) > 1<<12 || len(data) > 1<<12 {
			return
		}
		tpl, err := Compile(src)
		pieces, splitErr := Split(src)
		if err != nil {
			return
		}
		if splitErr != nil {
			t.Fatalf("compiles, but cannot be split: %v", splitErr)
		}
		var all strings.Builder
		for _, p := range pieces {
			all.WriteString(p.Source)
		}
		if all.String() != src {
			t.Fatalf("pieces are %q", all.String())
		}
		env := Env{Vars: []Value{JSON([]byte(data))}, Now: now, MaxOutput: 1 << 16}
		first, errFirst := tpl.Render(&env)
		second, errSecond := tpl.Render(&env)
		if first != second || (errFirst == nil) != (errSecond == nil) {
			t.Fatalf("renders as %q, then as %q", first, second)
		}
	})
}
