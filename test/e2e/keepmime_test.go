package e2e

import "testing"

// keepmime leaves the content in results, as it came in (message-json.md section 9).
func TestKeepMime(t *testing.T) {
	cases := []struct {
		fields string
		kept   string
	}{
		{`"mime":"Subject: x\n\n\u00e9\/","keepmime":true`, `"Subject: x\n\n\u00e9\/"`},
		{`"mime":"x","keepmime":1`, `"x"`},
		{`"mime":"x","keepmime":"true"`, `"x"`},
		{`"mime":"eA==","mime-encoding":"base64","keepmime":true`, `"eA=="`},
		{`"mime":"x","keepmime":false`, ``},
		{`"mime":"x","keepmime":null`, ``},
		{`"mime":"x","key":"y"`, ``},
	}
	onBoth(t, setup{}, func(t *testing.T, r *rig) {
		for _, c := range cases {
			for _, to := range []string{"you", "refuse"} {
				r.publish(`{"recipient":"%s@keep.test",%s}`, to, c.fields)
				o := r.one("results")
				if string(o.fields["mime"]) != c.kept || o.fields["key"] != nil {
					t.Errorf("%s: %s", c.fields, o.raw)
				}
				if encoding := o.fields["mime-encoding"] != nil; encoding != (c.kept == `"eA=="`) {
					t.Errorf("%s: %s", c.fields, o.raw)
				}
			}
		}
		r.take("success", len(cases))
		r.take("failure", len(cases))
	})
}
