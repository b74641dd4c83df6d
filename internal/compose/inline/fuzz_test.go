package inline

import "testing"

func FuzzHTML(f *testing.F) {
	for _, c := range load(f) {
		f.Add(c.in)
	}
	i := New(1 << 20)
	f.Fuzz(func(t *testing.T, in string) {
		if _, err := i.HTML([]byte(in)); err == nil {
			settled(t, i, in)
		}
	})
}

func FuzzCSS(f *testing.F) {
	for _, s := range []string{"p{color:red}", "@media print{p{a:b}}", "a:not(.b, c) > d{e:f(g)!important}", "/*x", "p{a:url(\"b", "a{b:\\", "@x{", "p{a:'"} {
		f.Add(s, s)
	}
	i := New(1 << 20)
	f.Fuzz(func(t *testing.T, sheet, style string) {
		in := "<style>" + sheet + "</style><div class=b style=\"" + style + "\"><p>a</p><d id=a>b</d></div>"
		if _, err := i.HTML([]byte(in)); err == nil {
			settled(t, i, in)
		}
	})
}
